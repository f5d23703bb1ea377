package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/IBM/sarama"
)

// fed is a claim whose records come by hand.
type fed struct {
	sarama.ConsumerGroupClaim
	in chan *sarama.ConsumerMessage
}

func (f *fed) Messages() <-chan *sarama.ConsumerMessage { return f.in }

// pumped is a claim whose pump runs in a bubble.
type pumped struct {
	*claim
	in      chan *sarama.ConsumerMessage
	tracker *tracker
	stop    func()
}

func pump(batches *Batches, most int) *pumped {
	p := &pumped{in: make(chan *sarama.ConsumerMessage, 100_000), tracker: newTracker(most)}
	p.claim = newClaim(&fed{in: p.in}, batches, 1)
	p.claim.messages = make(chan *sarama.ConsumerMessage) // nothing is on its way to goka
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.claim.pump(ctx, p.tracker) })
	p.stop = func() {
		cancel()
		running.Wait()
	}
	return p
}

// feed sends records with keys, at offsets from on.
func (p *pumped) feed(from int64, keys ...string) {
	for i, key := range keys {
		p.in <- &sarama.ConsumerMessage{Key: []byte(key), Offset: from + int64(i)}
	}
	synctest.Wait()
}

// take gives the next batch, "key:offset,offset", or "" if none is handed out.
func (p *pumped) take() string {
	synctest.Wait()
	select {
	case m := <-p.messages:
		b := p.tracker.batch(m.Offset)
		var offsets []string
		for _, r := range b.records {
			if string(r.Key) != string(m.Key) {
				return fmt.Sprintf("%s and %s in one batch", r.Key, m.Key)
			}
			offsets = append(offsets, fmt.Sprint(r.Offset))
		}
		return string(m.Key) + ":" + strings.Join(offsets, ",")
	default:
		return ""
	}
}

func (p *pumped) finish(offset int64) { p.tracker.finish(offset) }

func (p *pumped) wants(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := p.take(); got != w {
			t.Errorf("got %q, want %q", got, w)
		}
	}
}

// Records that come while others are handed out are one batch a key; one that comes
// when none is goes at once.
func TestBatchesAreWhatIsAtHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pump(&Batches{}, maxPending)
		defer p.stop()
		p.feed(0, "a")
		p.feed(1, "b", "a", "c", "b", "a", "a")
		p.wants(t, "a:0", "b:1,4", "a:2,5,6", "c:3", "")
		p.feed(7, "c")
		p.feed(8, "c", "c")
		p.wants(t, "c:7", "c:8,9", "")
	})
}

func TestWithoutBatchesEachRecordIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pump(nil, maxPending)
		defer p.stop()
		p.feed(0, "a", "a", "", "a")
		p.wants(t, "a:0", "a:1", ":2", "a:3", "")
	})
}

func TestBatchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pump(&Batches{}, maxPending)
		defer p.stop()
		p.feed(0, "z")
		p.feed(1, slices.Repeat([]string{"a"}, maxBatchRecords+10)...)
		p.wants(t, "z:0")
		for _, want := range []int{maxBatchRecords, 10} {
			if got := strings.Count(p.take(), ",") + 1; got != want {
				t.Errorf("a batch of %d records, want %d", got, want)
			}
		}
		// By bytes, but for one that is larger.
		p.feed(1000, "z")
		for i := range 3 {
			p.in <- &sarama.ConsumerMessage{Key: []byte("a"), Offset: 1001 + int64(i), Value: make([]byte, maxBatchBytes*(1+i%2)/2+1)}
		}
		p.wants(t, "z:1000", "a:1001", "a:1002", "a:1003", "")
	})
}

// A window takes so much, so that what is read and not processed is bounded.
func TestWindowsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pump(&Batches{}, maxPending)
		defer p.stop()
		p.feed(0, "z")
		for i := range 40 {
			p.in <- &sarama.ConsumerMessage{Key: []byte("a"), Offset: 1 + int64(i), Value: make([]byte, 1<<20)}
		}
		synctest.Wait()
		if got, most := 40-len(p.in), maxWindowBytes>>20+1; got > most {
			t.Errorf("%d MiB are taken while nothing is handed out, want at most %d", got, most)
		}
		records := pump(&Batches{}, maxPending)
		defer records.stop()
		records.feed(0, slices.Repeat([]string{"a"}, 3*maxWindowRecords)...)
		if got, most := 3*maxWindowRecords-len(records.in), 2*maxWindowRecords; got > most {
			t.Errorf("%d records are taken while nothing is handed out, want at most %d", got, most)
		}
	})
}

// While what was handed out fills the room, nothing more is.
func TestNothingIsHandedOutWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pump(&Batches{}, 1<<20)
		defer p.stop()
		p.in <- &sarama.ConsumerMessage{Key: []byte("a"), Value: make([]byte, 1<<20)}
		p.wants(t, "a:0")
		p.feed(1, "b", "c", "b")
		p.wants(t, "")
		p.finish(0)
		p.wants(t, "b:1,3", "c:2", "")
	})
}

// A barrier waits for all before it, and all after it for the barrier.
func TestBarrierWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pump(&Batches{Barrier: func(m *sarama.ConsumerMessage) bool { return m.Key[0] == '|' }}, maxPending)
		defer p.stop()
		p.feed(0, "z")
		p.feed(1, "a", "b", "a", "|", "|", "a", "|", "||", "a")
		p.wants(t, "z:0", "a:1,3", "b:2", "")
		p.finish(3)
		p.finish(0)
		p.wants(t, "") // b is not acknowledged
		p.finish(2)
		p.wants(t, "|:4,5", "") // of one batch, since nothing is between them
		p.finish(5)
		p.wants(t, "a:6", "")
		p.finish(6)
		p.wants(t, "|:7", "")
		p.finish(7)
		p.wants(t, "||:8", "") // of another key
		p.finish(8)
		p.wants(t, "a:9", "")
	})
}

// In any order of coming and completing, every record is handed out once, those of a
// key in order, and what is committed is a prefix of what was handed out.
func TestBatchesLoseNothing(t *testing.T) {
	for seed := range uint64(400) {
		synctest.Test(t, func(t *testing.T) { batchesLoseNothing(t, rand.New(rand.NewPCG(seed, 1))) })
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func batchesLoseNothing(t *testing.T, dice *rand.Rand) {
	barrier := func(m *sarama.ConsumerMessage) bool { return string(m.Key) == "|" }
	p := pump(&Batches{Barrier: barrier}, []int{1, 2000, maxPending}[dice.IntN(3)])
	defer p.stop()
	total := 1 + dice.IntN(40)
	var out []*batch // handed out and not completed
	handed, last := map[int64]bool{}, map[string]int64{}
	for fed := 0; len(handed) < total || len(out) > 0; {
		switch dice.IntN(3) {
		case 0:
			if fed < total {
				p.in <- &sarama.ConsumerMessage{Key: []byte([]string{"a", "b", "c", "d", "|"}[dice.IntN(5)]), Offset: int64(fed)}
				fed++
			}
		case 1:
			synctest.Wait()
			select {
			case m := <-p.messages:
				b := p.tracker.batch(m.Offset)
				if len(out) > 0 && (barrier(m) || barrier(out[0].last())) {
					t.Fatalf("offset %d is handed out beside a barrier", m.Offset)
				}
				for i, r := range b.records {
					if barrier(m) && r.Offset != b.records[0].Offset+int64(i) {
						t.Fatalf("offset %d is handed out before one that it is a barrier for", r.Offset)
					}
					if before, ok := last[string(r.Key)]; handed[r.Offset] || ok && before >= r.Offset {
						t.Fatalf("offset %d after %d", r.Offset, before)
					}
					handed[r.Offset], last[string(r.Key)] = true, r.Offset
				}
				out = append(out, b)
			default:
			}
		case 2:
			if len(out) > 0 {
				i := dice.IntN(len(out))
				p.finish(out[i].last().Offset)
				out = slices.Delete(out, i, i+1)
			}
		}
	}
	if got := p.tracker.position(); got != int64(total) {
		t.Fatalf("%d is committed in the end, want %d", got, total)
	}
}
