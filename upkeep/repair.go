package upkeep

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// DefaultRepairDelay is how long at least a row stays refused before it is
// repaired.
const DefaultRepairDelay = 2 * time.Second

const (
	// repairPatience is how long a view may be behind for a repair to wait for
	// it. One that never quite reaches the end must not keep the topic broken:
	// compaction would make it so for good, an hour later at the earliest.
	repairPatience = time.Minute
	// maxRefused bounds the keys in memory; more wait in the queue on disk.
	maxRefused = 10_000
	// maxTouches bounds the records of one write.
	maxTouches = 500
	// maxReaders is how many readers of the table are told apart.
	maxReaders = 32
)

// Journal writes to the users' journals, as emitters.Journal does. Append
// returns when the broker has acknowledged all records.
type Journal interface {
	Append(ctx context.Context, records ...inbox.Addressed) ([]inbox.Position, error)
}

// Progress tells how far a view is, as table.View does.
type Progress interface {
	Recovered() bool
	Lag() int64 // records that are there and not applied
}

// RepairsConfig says what Repairs works with.
type RepairsConfig struct {
	// Path is the file that keeps what is to be repaired over a restart. Its
	// folder is made; no other process may use it.
	Path    string
	Journal Journal
	// View, if not nil, must have caught up before anything is repaired.
	View   Progress
	Delay  time.Duration // 0: DefaultRepairDelay
	Logger *slog.Logger  // nil: slog.Default
}

// Repairs repairs the unread table. A row of a lower version that a paused owner
// wrote late is refused by all who read it, but as its key's last record it is
// the one that compaction keeps: a process that then starts without a store would go
// back.
// So once such a row has been the last for a moment, Repairs writes a touch to
// the user's journal, which makes the owner write the newer row again.
//
// It learns of rows from [Reports]. A touch too many does no harm. Every server
// sends one unless the newer row comes before its turn, which is at a random
// time so that mostly one server does. A key is kept, on disk too, until its
// touch is acknowledged or the newer row comes: a view that has moved on will
// not see the refused row again.
//
// All methods are safe for concurrent use.
type Repairs struct {
	cfg RepairsConfig
	log *slog.Logger

	mu      sync.Mutex
	refused map[string]*staleRow
	queue   *repairQueue
	broken  bool // the last write to queue failed
	readers int
	serial  uint64 // of the last refusal

	size     atomic.Int64 // of refused, for those who accept rows all the time
	repaired atomic.Int64
}

// staleRow is a key whose last row was refused.
type staleRow struct {
	by   uint64 // by which readers, a bit each
	last uint64 // serial of its last refusal
	due  time.Time
}

// byUnknown is for keys of which nobody knows any more who refused them: it has
// bits of readers that there never are, and so no reader's word is enough to
// forget them.
const byUnknown = ^uint64(0)

// OpenRepairs returns a Repairs that takes up where the last one of that path
// left off. It repairs nothing until Run; the caller must Close it.
func OpenRepairs(cfg RepairsConfig) (*Repairs, error) {
	if cfg.Delay <= 0 {
		cfg.Delay = DefaultRepairDelay
	}
	queue, err := openRepairQueue(cfg.Path)
	if err != nil {
		return nil, err
	}
	return &Repairs{cfg: cfg, log: cmp.Or(cfg.Logger, slog.Default()).With("component", "repairs"), refused: map[string]*staleRow{}, queue: queue}, nil
}

// Close releases the file. Run must have returned; reports that come later are
// kept in memory alone.
func (r *Repairs) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queue.close()
}

// Repaired is how many keys were touched so far, acknowledged by the broker.
func (r *Repairs) Repaired() int64 { return r.repaired.Load() }

// Waiting is how many keys are still to be repaired. Most of them are settled
// by a newer row that comes by itself.
func (r *Repairs) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.refused) + r.queue.waiting
}

// Reports returns where one more reader of the table reports.
func (r *Repairs) Reports() *Reports {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readers++
	return &Reports{r, 1 << ((r.readers - 1) % maxReaders)}
}

// Reports is what one reader of the unread table, a view or a recovering
// processor, tells [Repairs] of each row, in the order of the table. A reader
// that keeps its place in the table must report a refusal before it keeps a
// place behind it. Methods do nothing if it is nil.
type Reports struct {
	repairs *Repairs
	bit     uint64
}

// Refused reports a row of a lower version than the one before. It writes to a
// file, and waits for nothing else.
func (p *Reports) Refused(key string) {
	if p == nil || !repairable(key) {
		return // nobody's row
	}
	p.repairs.refuse(key, p.bit)
}

// repairable reports whether the fold takes a touch of that key.
func repairable(key string) bool {
	_, own := belfry.ParsePartitionKey(key)
	return own || belfry.CheckRecipient(key) == nil
}

// Accepted reports any other row, or that the caller is about to write one.
func (p *Reports) Accepted(key string) {
	if p == nil || p.repairs.size.Load() == 0 {
		return
	}
	p.repairs.accept(key, p.bit)
}

func (r *Repairs) refuse(key string, bit uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.refused[key]
	if e == nil {
		if r.enqueue(key) {
			return
		}
		e = r.put(key)
	}
	e.by |= bit
	r.serial++
	e.last = r.serial
}

// enqueue writes the key to disk and reports whether it waits there, since
// there are too many in memory. A row that can't be written is kept in memory.
func (r *Repairs) enqueue(key string) bool {
	if err := r.queue.add(key); err != nil {
		if !r.broken {
			r.log.Warn("repairs not kept on disk, a restart may forget some", "err", err)
		}
		r.broken = true
		return false
	}
	r.broken = false
	// Waiting rows go first: memory always holds what comes before the window.
	if r.queue.waiting > 0 || len(r.refused) >= maxRefused {
		r.queue.waiting++
		return true
	}
	r.queue.handedOut()
	return false
}

func (r *Repairs) put(key string) *staleRow {
	e := &staleRow{due: r.turn()}
	r.refused[key] = e
	r.size.Store(int64(len(r.refused)))
	return e
}

// turn is when a key that was refused now is due.
func (r *Repairs) turn() time.Time { return time.Now().Add(r.cfg.Delay + rand.N(2*r.cfg.Delay)) }

func (r *Repairs) remove(key string) {
	delete(r.refused, key)
	r.size.Store(int64(len(r.refused)))
}

func (r *Repairs) accept(key string, bit uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.refused[key]; e != nil {
		if e.by &^= bit; e.by == 0 {
			r.remove(key)
		}
	}
}

// Run touches what is due until ctx ends. A touch that cannot be written is
// tried again after 0.5 s at first, 30 s at the most. It returns nil.
func (r *Repairs) Run(ctx context.Context) error {
	retry := &backoff.ExponentialBackOff{
		InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 30 * time.Second,
	}
	retry.Reset()
	step := max(r.cfg.Delay/8, time.Millisecond)
	for pause := step; sleep(ctx, pause); {
		pause = step
		if err := r.touch(ctx); err == nil {
			retry.Reset()
		} else if ctx.Err() == nil {
			pause = retry.NextBackOff()
			r.log.Warn("repairs put off", "waiting", r.Waiting(), "err", err, "pause", pause.Round(time.Millisecond))
		}
	}
	return nil
}

// touch repairs some of what is due.
func (r *Repairs) touch(ctx context.Context) error {
	due, err := r.due(time.Now())
	if len(due) == 0 {
		return err
	}
	touches := make([]inbox.Addressed, 0, len(due))
	for key := range due {
		touches = append(touches, inbox.Addressed{Recipients: []string{key}, Record: inbox.Record{Kind: inbox.KindTouch}})
	}
	if _, appendErr := r.cfg.Journal.Append(ctx, touches...); appendErr != nil {
		return errors.Join(err, appendErr)
	}
	r.settle(due)
	r.repaired.Add(int64(len(due)))
	r.log.Info("rows of a lower version are written over", "count", len(due))
	return err
}

// due returns the keys whose turn it is, each with its last refusal, once the
// view has caught up. When none is left in memory it takes those that
// wait on disk.
func (r *Repairs) due(now time.Time) (map[string]uint64, error) {
	recovered, behind := true, false
	if r.cfg.View != nil {
		recovered, behind = r.cfg.View.Recovered(), r.cfg.View.Lag() > 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.refused) == 0 {
		keys, err := r.queue.next(maxRefused)
		for _, key := range keys {
			r.put(key).by = byUnknown
		}
		return nil, err
	}
	if !recovered {
		return nil, nil
	}
	due := map[string]uint64{}
	for key, e := range r.refused {
		late := now.Sub(e.due)
		if late >= 0 && (!behind || late >= repairPatience) {
			due[key] = e.last
		}
		if len(due) == maxTouches {
			break
		}
	}
	return due, nil
}

// settle forgets the keys that were touched. One that was refused again since
// may have been so behind the row that the touch led to: it has another turn.
func (r *Repairs) settle(touched map[string]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, last := range touched {
		switch e := r.refused[key]; {
		case e == nil:
		case e.last == last:
			r.remove(key)
		default:
			e.due = r.turn()
		}
	}
}
