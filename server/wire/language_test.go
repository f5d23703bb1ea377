package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/belfry/belfry"
)

func TestChoose(t *testing.T) {
	british := belfry.Text{"de": "de", "en-GB": "en-GB"}
	for _, tt := range []struct {
		accept string
		text   belfry.Text
		want   string
	}{
		{"en", british, "en-GB"},
		{"en-US", british, "en-GB"},
		{"de", british, "de"},
		{"fr", british, "en-GB"},
		{"", british, "en-GB"},
		{"nonsense;q=x", british, "en-GB"},
		{"fr", belfry.Text{"de": "de", "en": "en", "en-GB": "en-GB"}, "en"},
		{"fr", belfry.Text{"de": "de", "en-US": "en-US", "en-GB": "en-GB"}, "en-GB"},
		{"fr", belfry.Text{"ko": "ko", "de": "de"}, "de"},
		{"fr", belfry.PlainText("plain"), "plain"},
		{"zh_TW", belfry.Text{"en": "en", "zh-CN": "zh-CN", "zh-TW": "zh-TW"}, "zh-TW"},
	} {
		if got := NewTranslator(ParseLanguages(tt.accept)).text(tt.text); got != tt.want {
			t.Errorf("%q of %v: got %q, want %q", tt.accept, tt.text, got, tt.want)
		}
	}
}

func TestLanguagesAreBounded(t *testing.T) {
	few := ParseLanguages("de-CH, de;q=0.9, en;q=0.8")
	if len(few) != 3 {
		t.Errorf("got %v, want all of what a browser sends", few)
	}
	for name, header := range map[string]string{
		"many tags":  strings.Repeat("fr;q=0.5,", 100) + "de",
		"long tags":  "de" + strings.Repeat(",en-a-"+strings.Repeat("aaaaaaaa-", 100)+"b", 30),
		"long list":  "de" + strings.Repeat(",fr;q=0.5", 3500),
		"one 31 KiB": strings.Repeat("a", 31<<10),
	} {
		got := ParseLanguages(header)
		bytes := 0
		for _, tag := range got {
			bytes += len(tag.String())
		}
		if len(got) > 16 || cap(got) > 16 || bytes > 1<<10 {
			t.Errorf("%s: got %d tags of %d bytes, want at most 16 of 1 KiB in all", name, len(got), bytes)
		}
	}
	if got := ParseLanguages("de" + strings.Repeat(",fr;q=0.5", 3500)); len(got) == 0 || got[0].String() != "de" {
		t.Errorf("got %v, want the best of a long header first", got)
	}
}

func TestTranslatorChoosesOncePerSetOfLanguages(t *testing.T) {
	tr := NewTranslator(ParseLanguages("de"))
	for i := range 100 {
		text := belfry.Text{"en": fmt.Sprint("en", i), "de": fmt.Sprint("de", i)}
		if got, want := tr.text(text), fmt.Sprint("de", i); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if got := tr.text(belfry.Text{"en": "en", "fr": "fr"}); got != "en" {
		t.Errorf("got %q, want that of the other set of languages", got)
	}
	if len(tr.chosen) != 2 {
		t.Errorf("chose among %d sets of languages, want 2", len(tr.chosen))
	}
}
