package belfry_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
)

func TestCheckAudience(t *testing.T) {
	for audience, problem := range map[string]string{
		"all":                              "",
		"topic:release-notes":              "",
		"topic:공지":                         "",
		"topic:" + strings.Repeat("t", 64): "",
		"":                                 "must be all or topic:<name>",
		"ALL":                              "must be all or topic:<name>",
		"everybody":                        "must be all or topic:<name>",
		"topic:":                           "must not be empty",
		"topic:a/b":                        `must not contain "/"`,
		"topic:a\nb":                       "control characters",
		"topic:__a":                        `must not start with "__"`,
		"topic:" + strings.Repeat("t", 65): "at most 64 bytes, has 65",
		"topic:" + strings.Repeat("가", 21) + "ab": "at most 64 bytes, has 65",
	} {
		err := belfry.CheckAudience(audience)
		if problem == "" {
			if err != nil {
				t.Errorf("%q is refused: %v", audience, err)
			}
			continue
		}
		var fe *belfry.FieldError
		if !errors.As(err, &fe) || fe.Field != "audience" || !strings.Contains(fe.Problem, problem) {
			t.Errorf("%q: error = %v, want one of the field audience with %s", audience, err, problem)
		}
	}
}

func TestCheckTopic(t *testing.T) {
	if err := belfry.CheckTopic("release-notes"); err != nil {
		t.Errorf("refused: %v", err)
	}
	var fe *belfry.FieldError
	if err := belfry.CheckTopic("a/b"); !errors.As(err, &fe) || fe.Field != "topic" {
		t.Errorf("error = %v, want one of the field topic", err)
	}
	if got := belfry.TopicAudience("a"); belfry.CheckAudience(got) != nil {
		t.Errorf("the audience of a topic is %q, which is none", got)
	}
}

func TestParseAudience(t *testing.T) {
	year := time.Now().Add(belfry.MaxNoticeStay).UTC()
	at := func(d time.Duration) string { return year.Add(d).Format(time.RFC3339) }
	for _, c := range []struct {
		name, message  string
		defaults       belfry.Notification
		field, problem string // of the error; "" for none
		audience       string
	}{
		{name: "all", message: `{"audience":"all","title":"x"}`, audience: "all"},
		{name: "a topic", message: `{"audience":"topic:news","title":"x"}`, audience: "topic:news"},
		{name: "of an envelope", message: `{"title":"x"}`, defaults: belfry.Notification{Audience: "all", Recipient: "kim"}, audience: "all"},
		{name: "beside the envelope's subject", message: `{"audience":"all","title":"x"}`, defaults: belfry.Notification{Recipient: "kim"}, audience: "all"},
		{name: "a recipient despite an envelope", message: `{"recipient":"kim","title":"x"}`, defaults: belfry.Notification{Audience: "all"}},
		{name: "null", message: `{"audience":null,"recipient":"kim","title":"x"}`},
		{name: "both", message: `{"audience":"all","recipient":"kim","title":"x"}`, field: "audience", problem: "not both"},
		{name: "with a list", message: `{"audience":"all","recipients":["kim"],"title":"x"}`, field: "audience", problem: "either audience or recipients"},
		{name: "neither", message: `{"title":"x"}`, field: "recipient", problem: "is required"},
		{name: "no text", message: `{"audience":7,"title":"x"}`, field: "audience", problem: "must be a text"},
		{name: "twice", message: `{"audience":"all","audience":"topic:a","title":"x"}`, field: "audience", problem: "must stand once"},
		{name: "a bad topic", message: `{"audience":"topic:a/b","title":"x"}`, field: "audience", problem: `must not contain "/"`},
		{name: "a bad one of an envelope", message: `{"title":"x"}`, defaults: belfry.Notification{Audience: "ALL"}, field: "audience", problem: "must be all or topic:<name>"},
		{name: "too long a stay", message: `{"audience":"all","title":"x","expires_at":"` + at(time.Hour) + `"}`, field: "expires_at", problem: "a year at most"},
		{name: "as long a stay as may be", message: `{"audience":"all","title":"x","expires_at":"` + at(-time.Hour) + `"}`, audience: "all"},
		{name: "a stay from its delivery", message: `{"audience":"all","title":"x","deliver_at":"` + at(-24*time.Hour) + `","expires_at":"` + at(24*time.Hour) + `"}`, audience: "all"},
		{name: "gone before it comes", message: `{"audience":"all","title":"x","deliver_at":"` + at(-time.Hour) + `","expires_at":"` + at(-2*time.Hour) + `"}`, field: "deliver_at", problem: "before expires_at"},
		{name: "a blank title", message: `{"audience":"all","title":" \n\t"}`, field: "title", problem: "must not be blank"},
		{name: "a title that is blank in a language", message: `{"audience":"all","title":{"en":"x","ko":"　"}}`, field: "title", problem: "must not be blank"},
		{name: "a person's blank title", message: `{"recipient":"kim","title":" "}`},
		{name: "a person's stays for ever", message: `{"recipient":"kim","title":"x","expires_at":"` + at(time.Hour) + `"}`},
		{name: "taken back", message: `{"retract":true,"audience":"topic:news","id":"7"}`, audience: "topic:news"},
		{name: "taken back of an envelope", message: `{"retract":true,"id":"7"}`, defaults: belfry.Notification{Audience: "all"}, audience: "all"},
		{name: "taken back, both", message: `{"retract":true,"audience":"all","recipient":"kim","id":"7"}`, field: "audience", problem: "not both"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := belfry.ParseMessage([]byte(c.message), c.defaults)
			var fe *belfry.FieldError
			switch errors.As(err, &fe); {
			case c.problem != "":
				if fe == nil || fe.Field != c.field || !strings.Contains(fe.Problem, c.problem) {
					t.Errorf("error = %v, want %s with %s", err, c.field, c.problem)
				}
			case err != nil || m.Audience() != c.audience || (c.audience == "") != slices.Equal(m.Recipients, []string{"kim"}):
				t.Errorf("got audience %q, recipients %v, %v", m.Audience(), m.Recipients, err)
			case m.Notification.Recipient != "" || m.Retraction.Recipient != "":
				t.Errorf("the message has a recipient: %+v", m)
			}
		})
	}
}

// An audience that is written to a topic is read back.
func TestAudienceInJSON(t *testing.T) {
	n := belfry.Notification{ID: "1", Audience: "topic:news", Title: belfry.PlainText("x")}
	data, err := json.Marshal(&n)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := belfry.ParseMessage(data, belfry.Notification{}); err != nil || m.Audience() != n.Audience {
		t.Errorf("%s: got %+v, %v", data, m, err)
	}
}

func TestSettle(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 1, time.UTC)
	later := at.Add(48 * time.Hour)
	for name, c := range map[string]struct{ n, want belfry.Notification }{
		"usual":             {belfry.Notification{Audience: "all"}, belfry.Notification{ExpiresAt: at.Add(belfry.NoticeStay).Truncate(time.Millisecond)}},
		"from its delivery": {belfry.Notification{Audience: "all", DeliverAt: later}, belfry.Notification{ExpiresAt: later.Add(belfry.NoticeStay).Truncate(time.Millisecond)}},
		"a past delivery":   {belfry.Notification{Audience: "all", DeliverAt: at.Add(-time.Hour)}, belfry.Notification{ExpiresAt: at.Add(belfry.NoticeStay).Truncate(time.Millisecond)}},
		"its own":           {belfry.Notification{Audience: "all", ExpiresAt: later}, belfry.Notification{ExpiresAt: later}},
		"a person's":        {belfry.Notification{Recipient: "kim"}, belfry.Notification{}},
	} {
		if c.n.Settle(at); !c.n.ExpiresAt.Equal(c.want.ExpiresAt) {
			t.Errorf("%s: expires at %v, want %v", name, c.n.ExpiresAt, c.want.ExpiresAt)
		}
	}
}

func TestPartitionKeys(t *testing.T) {
	if got := belfry.PartitionKeys(3); !slices.Equal(got, []string{"__0", "__1", "__2"}) {
		t.Errorf("got %v", got)
	}
}
