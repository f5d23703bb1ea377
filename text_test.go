package belfry_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/belfry/belfry"
)

func TestTextJSON(t *testing.T) {
	for in, want := range map[string]belfry.Text{
		`"hello"`:                            {"": "hello"},
		`""`:                                 nil,
		`null`:                               nil,
		`{}`:                                 nil,
		`{"en":""}`:                          nil,
		`{"en":"hello","ko":"안녕"}`:           {"en": "hello", "ko": "안녕"},
		`{"en":"hello","ko":""}`:             {"en": "hello"},
		`{"pt-BR":"a","zh-Hant-TW":"b"}`:     {"pt-BR": "a", "zh-Hant-TW": "b"},
		`{"zh_TW":"a","zh_Hant_TW":"b"}`:     {"zh-TW": "a", "zh-Hant-TW": "b"},
		`{"de-1996":"a","sl-rozaj-1994":""}`: {"de-1996": "a"},
	} {
		var got belfry.Text
		if err := json.Unmarshal([]byte(in), &got); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s is %q, %v; want %q", in, got, err, want)
			continue
		}
		out, err := json.Marshal(got)
		if err != nil {
			t.Errorf("marshal %q: %v", got, err)
			continue
		}
		var again belfry.Text
		if err := json.Unmarshal(out, &again); err != nil || !maps.Equal(again, want) {
			t.Errorf("%s after a round trip as %s is %q, %v", in, out, again, err)
		}
	}
	for _, in := range []string{`1`, `true`, `[]`, `["a"]`, `{"en":1}`, `{"en":null}`, `{"":"a"}`, `{"e n":"a"}`,
		`{"-":"a"}`, `{"en-":"a"}`, `{"9x":"a"}`, `{"languages":"a"}`, `{"한국어":"a"}`, `{"en__US":"a"}`, `{"_":"a"}`,
		`{"a-bcdefghij":"a"}`, `{"aaaaaaaa-bbbbbbbb-cccccccc-dddddddd-e":"a"}`} {
		var got belfry.Text
		if err := json.Unmarshal([]byte(in), &got); !errors.Is(err, belfry.ErrInvalid) {
			t.Errorf("%s is %q, %v; want %v", in, got, err, belfry.ErrInvalid)
		}
	}
}

func TestTextJSONForm(t *testing.T) {
	for want, text := range map[string]belfry.Text{
		`"a"`: belfry.PlainText("a"), `null`: belfry.PlainText(""), `{"en":"a"}`: {"en": "a"},
	} {
		if got, err := json.Marshal(text); string(got) != want || err != nil {
			t.Errorf("%q is written %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestTextLanguages(t *testing.T) {
	text := belfry.Text{"ko": "b", "": "a", "en": "c"}
	if got, want := text.Languages(), []string{"", "en", "ko"}; !slices.Equal(got, want) {
		t.Errorf("languages = %q, want %q", got, want)
	}
}
