package inspect

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/inbox"
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
