package store

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// TestWrittenIsBounded has keys beyond the room be looked for on the disk.
func TestWrittenIsBounded(t *testing.T) {
	t.Parallel()
	var room atomic.Int64
	room.Store(3 * firstWritten * bytesOfAWord)
	w := newWritten(&room)
	for i := range 200_000 {
		key := fmt.Sprint(i)
		if i < 40_000 && i%1000 == 0 && !w.never(w.hash(key)) && !w.never(w.hash(key+"?")) {
			t.Errorf("%s and another key were never written, and both are taken for written", key)
		}
		if w.add(w.hash(key)); w.never(w.hash(key)) {
			t.Fatalf("%s was written", key)
		}
	}
	if w.filters != nil || room.Load() != 3*firstWritten*bytesOfAWord {
		t.Errorf("%d filters take more than there is", len(w.filters))
	}
}
