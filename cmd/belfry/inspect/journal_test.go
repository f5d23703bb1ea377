package inspect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/options"
)

func TestReplayIsToldInWords(t *testing.T) {
	step := inbox.Step{
		Outcome: inbox.Duplicate, Why: "watermark", Rule: "order-received", Source: "orders", ID: "17", Pending: true,
		Origin: &inbox.StepOrigin{TopicID: "0123456789abcdef", Partition: 3, Offset: 120},
		Added:  9, Gone: []inbox.Gone{{Seq: 1, How: "evicted"}, {Seq: 4, How: "replaced"}}, Read: []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Unknown: []uint64{2},
	}
	for got, want := range map[string]string{
		stepOrigin(&step):  "orders/17, rule order-received, 01234567/3@120",
		stepOutcome(&step): "duplicate (watermark), not in the row yet",
		stepChanges(&step): "added 9; replaced 4; evicted 1; read 1 2 3 4 5 6 7 8 9 10 and 2 more; unknown 2",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	wrong := verdict(&inbox.Comparison{Version: 9, Pending: 1, OlderItems: []uint64{3}, Missing: []uint64{4}, Surplus: []uint64{5}, Different: []uint64{6}})
	for _, want := range []string{"badge: 0 unread", "older than the journal: 3", "1 records are not", "missing in the row: 4", "in the row alone: 5", "with other flags: 6", "does not agree"} {
		if !strings.Contains(strings.Join(wrong, "\n"), want) {
			t.Errorf("%q lacks %q", wrong, want)
		}
	}
}

// A fold by other bounds than the processors' is the likeliest cause of a difference.
func TestDifferenceNamesTheCaps(t *testing.T) {
	for agrees, want := range map[bool]bool{true: false, false: true} {
		var out strings.Builder
		r := &inbox.Refold{Result: inbox.Comparison{Agrees: agrees}}
		if err := printRefold(&out, "belfry", r, options.Fold{InboxCap: 100, BroadcastCap: 12}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "--inbox-cap 100 and --broadcast-cap 12, which must be those of the processors"); got != want {
			t.Errorf("agrees %t: %s", agrees, out.String())
		}
	}
}

// An item's last word is told: what hid it, what shows it, what put it away.
func TestWhyItemsShowOrHide(t *testing.T) {
	at := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	steps := []inbox.Step{
		{Kind: "notify", Version: 2, Time: at, Added: 2, Hidden: []inbox.HiddenItem{{Seq: 2, Until: at.Add(time.Hour)}}},
		{Kind: "snooze", Version: 3, Time: at, Hidden: []inbox.HiddenItem{{Seq: 1, Until: at.Add(2 * time.Hour)}}},
		{Kind: "notify", Version: 4, Time: at, Added: 4, Muted: []uint64{4}},
		{Kind: "touch", Version: 5, Time: at.Add(time.Hour), Shown: []uint64{2}},
		{Kind: "notify", Version: 6, Time: at, Added: 6, Muted: []uint64{6}},
		{Kind: "delete", Version: 7, Time: at, Gone: []inbox.Gone{{Seq: 6, How: "deleted"}}},
		{Kind: "retract", Version: 8, Time: at, Shown: []uint64{5}, Back: 5},
	}
	want := []string{
		"item 1: hidden until 2026-11-29T11:00:00Z by snooze at version 3, 2026-11-29T09:00:00Z",
		"item 2: shown again by touch at version 5, 2026-11-29T10:00:00Z",
		"item 4: muted by notify at version 4, 2026-11-29T09:00:00Z",
		"item 5: shown again by retract at version 8, 2026-11-29T09:00:00Z",
	}
	if got := whys(steps, at); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i, want := range map[int]string{0: "added 2; hidden 2 until 2026-11-29T10:00:00Z", 2: "added 4; muted 4", 6: "shown 5; back 5"} {
		if got := stepChanges(&steps[i]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	var many []inbox.Step
	for seq := range uint64(maxWhys + 3) {
		many = append(many, inbox.Step{Kind: "touch", Version: seq, Shown: []uint64{seq}})
	}
	if got := whys(many, at); len(got) != maxWhys+1 || !strings.HasPrefix(got[0], "of 3 more items") {
		t.Errorf("got %d lines, %q first", len(got), got[0])
	}
}

// Of a notice it is told what its board and what the user did to it last, and the clock.
func TestWhyNoticesShowOrHide(t *testing.T) {
	at := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	day := at.AddDate(0, 0, 1)
	added := func(seq uint64, audience string, expires time.Time) inbox.Step {
		return inbox.Step{Kind: "notify", Version: seq, Time: at, Added: seq, Audience: audience, ExpiresAt: expires}
	}
	scheduled := added(4, "all", day)
	scheduled.Hidden = []inbox.HiddenItem{{Seq: 4, Until: at.Add(time.Hour)}}
	steps := []inbox.Step{
		added(1, "all", day), added(2, "topic:canteen", day), added(3, "all", at.Add(time.Minute)), scheduled, added(5, "all", day), added(10, "all", at.Add(time.Second)),
		{Kind: "read", Version: 6, Time: at, Read: []uint64{2, 9}},
		{Kind: "retract", Version: 7, Time: at, Audience: "all", Gone: []inbox.Gone{{Seq: 1, How: "retracted"}}},
		{Kind: "delete", Version: 8, Time: at, Gone: []inbox.Gone{{Seq: 5, How: "deleted"}}},
		{Kind: "notify", Version: 11, Time: at.Add(time.Minute), Audience: "all", Gone: []inbox.Gone{{Seq: 10, How: "expired"}}},
	}
	want := []string{
		"notice 1: gone: retracted by retract at version 7, 2026-11-29T09:00:00Z",
		"notice 2: read by read at version 6, 2026-11-29T09:00:00Z",
		"notice 3: gone: expired at 2026-11-29T09:01:00Z by the clock; before, came to everyone by notify at version 3, 2026-11-29T09:00:00Z",
		"notice 4: hidden until 2026-11-29T10:00:00Z by notify at version 4, 2026-11-29T09:00:00Z",
		"notice 5: gone: deleted by delete at version 8, 2026-11-29T09:00:00Z",
		"notice 10: gone: expired at 2026-11-29T09:00:01Z by the clock; before, came to everyone by notify at version 10, 2026-11-29T09:00:00Z",
	}
	if got := whys(steps, at.Add(2*time.Minute)); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	settled := inbox.Step{Kind: "touch", Version: 9, Time: at.Add(time.Hour), Shown: []uint64{4}}
	if got, want := whys(append(steps, settled), at.Add(time.Hour))[3], "notice 4: shown again by touch at version 9, 2026-11-29T10:00:00Z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := stepOrigin(&steps[1]); got != "to topic:canteen" {
		t.Errorf("got %q", got)
	}
}

func TestTellsInWords(t *testing.T) {
	for want, step := range map[string]inbox.Step{
		"told on chat 2 5":                 {Channel: "chat", Told: []uint64{2, 5}},
		"decision 3 of chat; given back 2": {Channel: "chat", Decision: 3, Returned: []uint64{2}},
		"endpoint 7; endpoint gone 1":      {Endpoint: 7, GoneEndpoints: []uint64{1}},

		"endpoint gone 1; because: hard: 550 5.1.1":                   {GoneEndpoints: []uint64{1}, Reason: "hard: 550 5.1.1"},
		"endpoint 7 bounced, on day 2 of 5; because: soft: 452 4.2.2": {Bounced: 7, Bounces: 2, Reason: "soft: 452 4.2.2"},
		"because: complaint": {Reason: "complaint"},
	} {
		if got := stepChanges(&step); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
