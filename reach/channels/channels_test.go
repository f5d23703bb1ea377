package channels_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/reach/channels"
	"github.com/belfry/belfry/sources/yamlfile"
)

func TestChannelsAreRead(t *testing.T) {
	const text = `
zone: Asia/Seoul
channels:
  browser:
    kind: webpush
    tell:
      - {priority: [urgent, high], if_unseen_after: 30s}
      - {category: comment, if_unseen_after: 5m}
    daily_cap: 20
  mail: {kind: mail, tell: [{category: [approval], if_unread_after: 30m}, {digest: {at: "08:30", days: [mon, fri]}}], daily_cap: 10}
  chat: {kind: text, tell: [{if_unseen_after: 0s}]}
`
	file := filepath.Join(t.TempDir(), "channels.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := channels.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := reach.ParseClock("at", "08:30")
	days, _ := reach.ParseWeekdays("days", []string{"mon", "fri"})
	want := &reach.Policy{Zone: "Asia/Seoul", Channels: []reach.Channel{
		{Name: "browser", Kind: inbox.EndpointWebPush, DailyCap: 20, Tell: []reach.Rule{
			{Priorities: []belfry.Priority{belfry.PriorityUrgent, belfry.PriorityHigh}, After: 30 * time.Second},
			{Categories: []string{"comment"}, After: 5 * time.Minute},
		}},
		{Name: "mail", Kind: inbox.EndpointMail, DailyCap: 10, Tell: []reach.Rule{
			{Categories: []string{"approval"}, After: 30 * time.Minute},
			{Digest: &reach.Digest{At: at, Days: days}},
		}},
		{Name: "chat", Kind: inbox.EndpointText, Tell: []reach.Rule{{}}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	again, err := channels.Parse("other.yaml", "# a comment\n"+text)
	if err != nil || again.Hash() != got.Hash() {
		t.Errorf("comments count: hash %x, then %x, %v", got.Hash(), again.Hash(), err)
	}
}

func TestWhatIsWrongWithChannels(t *testing.T) {
	one := func(fields string) string { return "channels:\n  browser: {" + fields + "}" }
	push := func(rule string) string { return one("kind: webpush, tell: [" + rule + "]") }
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "c.yaml:1:1: holds nothing; write channels under"},
		{"no YAML", "channels:\n\t- a", "c.yaml:2:1: is not valid YAML"},
		{"no mapping", "- a", "must be a mapping"},
		{"another field", "chanels: {}", `c.yaml:1:1: chanels: unknown field; the nearest known one is "channels"`},
		{"zone alone", "zone: UTC", "channels: is missing; write channels under"},
		{"zone", "zone: Seoul\nchannels: {a: {kind: text, tell: [{if_unseen_after: 5m}]}}", "c.yaml:1:7: zone: must be the IANA name of a time zone, such as Asia/Seoul"},
		{"no channels", "channels: {}", "c.yaml:1:11: channels: is empty; write channels under"},
		{"channels as a list", "channels: [browser]", "channels: must be a mapping of names to channels"},
		{"channels of null", "channels:", "channels: has no value"},
		{"one too many", "channels:" + strings.Repeat("\n  %c: {kind: text, tell: [{if_unseen_after: 5m}]}", 5), "c.yaml:6:3: channels.e: is one more than the 4 that there may be"},
		{"channel twice", "channels:\n  a: {kind: text, tell: [{if_unseen_after: 5m}]}\n  a: {}", "c.yaml:3:3: channels.a: given twice, first in line 2; keep one"},
		{"name", "channels: {Browser/1: {kind: text, tell: [{if_unseen_after: 5m}]}}", `"Browser/1" is no name of a channel; use 1 to 32 of`},
		{"empty name", `channels: {"": {kind: text, tell: [{if_unseen_after: 5m}]}}`, `"" is no name of a channel`},
		{"channel of null", "channels:\n  browser:", "channels.browser: must be a mapping with kind: and tell:"},
		{"channel as a text", "channels: {browser: webpush}", "channels.browser: must be a mapping with kind: and tell:"},
		{"unknown field", one("kind: text, tel: []"), `channels.browser.tel: unknown field; the nearest known one is "tell"`},
		{"no kind", one("tell: [{if_unseen_after: 5m}]"), "c.yaml:2:12: channels.browser.kind: is missing; write kind: webpush, mail or text"},
		{"kind", one("kind: sms, tell: [{if_unseen_after: 5m}]"), `c.yaml:2:19: channels.browser.kind: must be webpush, mail or text, not "sms"`},
		{"kind as a list", one("kind: [mail], tell: [{if_unread_after: 5m}]"), "kind: must be one text"},
		{"no rules", one("kind: mail"), "channels.browser.tell: is missing; write when it tells, such as tell: [{if_unread_after: 5m}]"},
		{"empty rules", push(""), "channels.browser.tell: is empty; write when it tells, such as tell: [{if_unseen_after: 5m}]"},
		{"rules as a mapping", one("kind: text, tell: {if_unseen_after: 5m}"), `tell: must be a list of rules: put "- " before each`},
		{"many rules", push(strings.TrimSuffix(strings.Repeat("{category: c%d, if_unseen_after: 5m}, ", 51), ", ")), "tell: has 51 rules, 50 at the most"},
		{"rule as a text", push("5m"), "tell[0]: must be a mapping with if_unseen_after: or digest:"},
		{"field of a rule", push("{categories: [a], if_unseen_after: 5m}"), `tell[0].categories: unknown field; the nearest known one is "category"`},
		{"no time", push("{category: [a]}"), `tell[0]: says no time; write if_unseen_after: 5m, or digest: {at: "08:30"}`},
		{"two times", push(`{if_unseen_after: 5m, digest: {at: "08:30"}}`), "tell[0].digest: stands beside if_unseen_after; keep one of the two"},
		{"unread of a push", push("{if_unread_after: 5m}"), "tell[0].if_unread_after: a channel of kind webpush waits for what is unseen; write if_unseen_after"},
		{"unseen of a mail", one("kind: mail, tell: [{if_unseen_after: 5m}]"), "tell[0].if_unseen_after: a channel of kind mail waits for what is unread; write if_unread_after"},
		{"time", push("{if_unseen_after: 5 minutes}"), `tell[0].if_unseen_after: must be a time such as 30s, 5m or 2h, 720h at the most, not "5 minutes"`},
		{"time without unit", push("{if_unseen_after: 5}"), "must be a time such as"},
		{"negative time", push("{if_unseen_after: -5m}"), "must be a time such as"},
		{"long time", push("{if_unseen_after: 721h}"), "720h at the most"},
		{"time of null", push("{if_unseen_after: }"), "tell[0].if_unseen_after: has no value"},
		{"category", push("{category: [" + strings.Repeat("x", 65) + "], if_unseen_after: 5m}"), "tell[0].category: must be at most 64 bytes, has 65"},
		{"no categories", push("{category: [], if_unseen_after: 5m}"), "tell[0].category: is empty; name some, or remove the line for all"},
		{"category twice", push("{category: [a, a], if_unseen_after: 5m}"), `tell[0].category[1]: "a" is given twice`},
		{"category of null", push("{category: [a, null], if_unseen_after: 5m}"), "tell[0].category[1]: has no value"},
		{"category as a mapping", push("{category: {a: b}, if_unseen_after: 5m}"), "tell[0].category: must be one text"},
		{"priority", push("{priority: hgh, if_unseen_after: 5m}"), `tell[0].priority: must be low, normal, high or urgent, not "hgh"`},
		{"priorities", push("{priority: [high, very], if_unseen_after: 5m}"), `tell[0].priority[1]: must be low, normal, high or urgent, not "very"`},
		{"never", push("{if_unseen_after: 5m}, {category: [a], if_unseen_after: 1m}"), "tell[1]: never applies: a rule before it takes all that it takes"},
		{"never, in part", push("{category: [a, b], if_unseen_after: 5m}, {category: [b], priority: [high], if_unseen_after: 1m}"), "tell[1]: never applies"},
		{"digest as a text", push(`{digest: "08:30"}`), "tell[0].digest: must be a mapping such as"},
		{"digest without an hour", push("{digest: {days: [mon]}}"), "tell[0].digest.at: is missing; write the hour"},
		{"hour", push("{digest: {at: 8am}}"), `tell[0].digest.at: must be a time of day, "00:00" to "23:59", not "8am"`},
		{"hour beyond the day", push(`{digest: {at: "24:00"}}`), `must be a time of day, "00:00" to "23:59"`},
		{"day", push(`{digest: {at: "08:30", days: [monday]}}`), `tell[0].digest.days: must be mon, tue, wed, thu, fri, sat or sun, not "monday"`},
		{"days twice", push(`{digest: {at: "08:30", days: [mon, mon]}}`), `digest.days[1]: "mon" is given twice`},
		{"cap", one("kind: text, tell: [{if_unseen_after: 5m}], daily_cap: many"), `channels.browser.daily_cap: must be a number of messages a day, 1 to 32, not "many"; remove the line for no cap`},
		{"cap of nothing", one("kind: text, tell: [{if_unseen_after: 5m}], daily_cap: 0"), "1 to 32, not \"0\""},
		{"large cap", one("kind: text, tell: [{if_unseen_after: 5m}], daily_cap: 33"), "1 to 32, not \"33\""},
		{"cap in quotes", one(`kind: text, tell: [{if_unseen_after: 5m}], daily_cap: "5"`), "1 to 32, not \"5\""},
		{"an alias that holds itself", "channels: &a {b: *a}", "nested too deep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := tt.text
			for i := 0; strings.Contains(text, "%"); i++ {
				text = strings.Replace(strings.Replace(text, "%c", string(rune('a'+i)), 1), "%d", fmt.Sprint(i), 1)
			}
			_, err := channels.Parse("c.yaml", text)
			var wrong *yamlfile.Error
			if !errors.As(err, &wrong) || !errors.Is(err, belfry.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if wrong != nil && wrong.Problems[0].Line == 0 {
				t.Errorf("%v names no line", err)
			}
		})
	}
}

// All that is wrong is told at once, in the order of the lines.
func TestAllProblemsAtOnce(t *testing.T) {
	_, err := channels.Parse("c.yaml", "channels:\n  a:\n    kind: sms\n    tell: [{if_unseen_after: x}]\n  B: {kind: text}\nzone: Mars\n")
	var wrong *yamlfile.Error
	if !errors.As(err, &wrong) || len(wrong.Problems) != 5 {
		t.Fatalf("got %v", err)
	}
	for i := 1; i < len(wrong.Problems); i++ {
		if wrong.Problems[i].Line < wrong.Problems[i-1].Line {
			t.Errorf("line %d comes after line %d", wrong.Problems[i].Line, wrong.Problems[i-1].Line)
		}
	}
}

func TestChannelsFileThatIsNotThere(t *testing.T) {
	_, err := channels.Load(filepath.Join(t.TempDir(), "none.yaml"))
	var wrong *yamlfile.Error
	if err == nil || errors.As(err, &wrong) || !strings.Contains(err.Error(), "channels") {
		t.Errorf("got %v", err)
	}
}
