package emitters

import (
	"fmt"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// One record for many recipients is encoded once: what they cost is a place in
// the list.
func TestRecordIsEncodedOnceForAllRecipients(t *testing.T) {
	record := inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
		ID: "1", Source: "test", Title: belfry.PlainText("x"), Body: belfry.PlainText(strings.Repeat("x", 60<<10)),
	}}
	var recipients []string
	for i := range belfry.MaxRecipients {
		recipients = append(recipients, fmt.Sprint("user-", i))
	}
	cost := func(recipients []string) float64 {
		records := []inbox.Addressed{{Recipients: recipients, Record: record}}
		return testing.AllocsPerRun(20, func() {
			messages, err := encode(records)
			if err != nil || len(messages) != len(recipients) || messages[0].key != recipients[0] {
				t.Fatalf("got %d messages, %v", len(messages), err)
			}
			if first, last := messages[0].value, messages[len(messages)-1].value; len(first) < 60<<10 || &first[0] != &last[0] {
				t.Fatal("the first and the last recipient have encodings of their own")
			}
		})
	}
	if one, all := cost(recipients[:1]), cost(recipients); all > one {
		t.Errorf("%d recipients cost %v allocations, one costs %v", len(recipients), all, one)
	}
}
