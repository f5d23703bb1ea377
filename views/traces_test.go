package views

import (
	"testing"

	"github.com/belfry/belfry/inbox"
)

func TestTracesForget(t *testing.T) {
	const recorded = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	traces := NewTraces()
	take := func(seq uint64) bool {
		span, at := traces.Take("user", seq)
		if span.IsValid() == at.IsZero() {
			t.Errorf("got span %v that came at %v", span, at)
		}
		return span.IsValid()
	}
	put := func(seq uint64, header string) { traces.put(inbox.ItemKey("user", seq), []byte(header)) }
	put(1, recorded)
	put(2, "nonsense")
	if !take(1) || take(1) || take(2) {
		t.Error("want a trace once, and none of nonsense")
	}
	for seq := range uint64(3 * tracesKept) {
		put(seq, recorded)
	}
	if got := traces.arrived.Len(); got > 2*tracesKept {
		t.Errorf("got %d remembered, want at most %d", got, 2*tracesKept)
	}
	if take(0) || !take(3*tracesKept-1) {
		t.Error("want the last remembered and the first forgotten")
	}
}
