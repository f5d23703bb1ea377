package belfry_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/belfry/belfry"
)

// TestParseRecordOmits holds that the reader of a topic gives up no more than the
// field or the recipient that cannot be read; the strict one refuses all of it.
func TestParseRecordOmits(t *testing.T) {
	omitted := 0
	for _, c := range badFields {
		m, err := belfry.ParseRecord(badMessage(c.fields), belfry.Notification{})
		if !belfry.Omissible(c.field) {
			if err == nil && m.Refused == nil {
				t.Errorf("%s: accepted as %+v, want an error of field %q", c.fields, m, c.field)
			}
			continue
		}
		omitted++
		if err != nil || len(m.Omitted) != 1 || m.Omitted[0].Field != c.field {
			t.Errorf("%s: got %v without %v, want a message without %q", c.fields, err, m.Omitted, c.field)
			continue
		}
		if n := m.Notification; n.Body != nil || n.URL != "" || n.Actor != (belfry.Actor{}) || !n.Time.IsZero() || !n.ExpiresAt.IsZero() {
			t.Errorf("%s: got %+v", c.fields, n)
		}
	}
	if omitted < 15 {
		t.Errorf("%d fields are omitted, want those of all optional ones", omitted)
	}
	for recipients, want := range map[string]string{
		`["a","b/c","d"]`:  `[a d] recipients[1]: must not contain "/"`,
		`["a",7,null,"a"]`: `[a] recipients[1]: must be a text in quotes, not "7"; 1 more are not valid either`,
		`["a","b"]`:        `[a b] <nil>`,
		`["b/c","__d"]`:    `recipients[0]: must not contain "/"; 1 more are not valid either`,
	} {
		for _, more := range []string{`"title":"t"`, `"retract":true,"id":"1"`} {
			m, err := belfry.ParseRecord([]byte(`{"recipients":`+recipients+`,`+more+`}`), belfry.Notification{})
			got := fmt.Sprint(m.Recipients, " ", m.Refused)
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s: got %s, want %s", recipients, got, want)
			}
		}
	}
}

func TestCheckOmittingKeepsWhatIsRight(t *testing.T) {
	shared := belfry.Text{"en": "x", "ko": "\xff"}
	n := belfry.Notification{Recipient: "a", Title: belfry.PlainText("t"), Body: shared, URL: "/x", Actor: belfry.Actor{ID: "a\n", Name: "A", Avatar: "//b"}}
	var fields []string
	if err := n.CheckOmitting(func(fe *belfry.FieldError) { fields = append(fields, fe.Field) }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"actor.id", "body.ko", "actor.avatar"}; !slices.Equal(fields, want) || n.Body["en"] != "x" || n.URL != "/x" || n.Actor != (belfry.Actor{Name: "A"}) || len(shared) != 2 {
		t.Errorf("omitted %q, left %+v", fields, n)
	}
	n.Title = nil
	if err := n.CheckOmitting(func(*belfry.FieldError) { t.Error("omitted") }); !errors.Is(err, belfry.ErrInvalid) {
		t.Errorf("no title: %v", err)
	}
}
