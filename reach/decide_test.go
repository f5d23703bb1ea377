package reach_test

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
)

// The times of a history, in seconds.
const (
	hour, day = 3600., 86400.
	skewed    = 300. // what the broker's clock is off at most
	forGood   = 1e18
)

// ways are the channels of a history, with their daily caps: what ends an item on each.
var ways = []way{{"push", inbox.EndpointWebPush, 4}, {"mail", inbox.EndpointMail, 3}}

type way struct {
	name string
	kind inbox.EndpointKind
	cap  int
}

func wayOf(name string) way {
	if name == "mail" {
		return ways[1]
	}
	return ways[0]
}

// ends reports whether an item that was seen or read is done on the channel.
func (w way) ends(seen, read bool) bool { return read || seen && w.name == "push" }

// start is when histories begin.
var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func wall(t float64) time.Time { return start.Add(time.Duration(t * 1e9)) }
func ms(t float64) int64       { return wall(t).UnixMilli() }
func seconds(t time.Time) float64 {
	return t.Sub(start).Seconds()
}

// event is a record of the journal, with what the oracle knows of it and the fold does not.
type event struct {
	kind, user string
	seqs       []uint64
	pri        belfry.Priority
	key        string
	until, exp float64
	hash       string // of an endpoint: what it is called
	gone       uint64
	on         map[string]bool
	urgent     *bool
	quiet      *[2]float64 // hours; {0, 0} for none
	tell       *inbox.Tell
	untell     *inbox.Untell
	by         sent // of an untell

	t, real float64 // by the broker's clock, and by the true one
}

// sent is which record a sender had in hand.
type sent struct {
	sender *sender
	record int
}

func kindOf(hash string) inbox.EndpointKind {
	if hash[0] == 'm' {
		return inbox.EndpointMail
	}
	return inbox.EndpointWebPush
}

// outRecord is a record of the outbound topic; seqs are what it would name if it named
// items.
type outRecord struct {
	inbox.Outbound
	user string
	seqs []uint64
}

type decision struct {
	user, channel string
	version       uint64
}

type endpointOf struct{ user, hash string }

// message is what went out.
type message struct {
	t        float64
	d        decision
	endpoint uint64
	seqs     []uint64
	by       sent
	view     uint64 // version of the row that the sender saw
}

type rowAt struct {
	t   float64
	row inbox.State
}

// world is one partition: its journal, its owners, the outbound topic, and senders.
type world struct {
	*rand.Rand
	mut       mutation
	now, skew float64
	queue     steps
	n         int
	chaos     bool
	journal   []*event
	table     map[string][]rowAt
	outbound  []outRecord
	committed int
	pos       map[string]int
	index     map[string]float64 // when users are due
	zombies   []*owner
	owner     *owner
	senders   map[string]*sender
	sends     []message
	ends      map[string]int
	letters   []outRecord
	dead      map[endpointOf]bool
	names     map[uint64]string // of endpoints, by seq
	hold      float64
	state     map[string]string // of push services and the mail server
	outFirst  bool
	delay     float64
	policy    *reach.Policy
	decisions []decision
}

func newWorld(seed uint64, mut mutation) *world {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 18)), mut: mut, chaos: true, table: map[string][]rowAt{}, pos: map[string]int{},
		index: map[string]float64{}, senders: map[string]*sender{}, ends: map[string]int{}, dead: map[endpointOf]bool{},
		names: map[uint64]string{}, state: map[string]string{"o0": "ok", "o1": "ok", "smtp": "ok"},
	}
	w.outFirst = w.chance(.5)
	w.setDelay(one(w, 600, 600, 40*hour))
	w.owner = newOwner(w, map[string]inbox.State{}, 0)
	for _, c := range ways {
		w.senders[c.name] = newSender(w, c)
	}
	return w
}

func (w *world) setDelay(delay float64) {
	w.delay = delay
	pressing := []belfry.Priority{belfry.PriorityUrgent, belfry.PriorityHigh}
	w.policy = &reach.Policy{Channels: []reach.Channel{
		{Name: "push", Kind: inbox.EndpointWebPush, DailyCap: ways[0].cap, Tell: []reach.Rule{
			{Priorities: pressing[:1]}, {After: time.Duration(delay) * time.Second},
		}},
		{Name: "mail", Kind: inbox.EndpointMail, DailyCap: ways[1].cap, Tell: []reach.Rule{
			{Priorities: pressing, After: 30 * time.Minute}, {Digest: &reach.Digest{At: 9 * 60}},
		}},
	}}
}

func (w *world) chance(p float64) bool          { return w.Float64() < p }
func (w *world) between(a, b float64) float64   { return a + w.Float64()*(b-a) }
func one[T any](w *world, of ...T) T            { return of[w.IntN(len(of))] }
func (w *world) soon(a, b float64, does func()) { w.at(w.now+w.between(a, b), does) }

// maybe reports whether the process crashes here.
func (w *world) maybe(p float64, zombie bool) bool { return w.chaos && !zombie && w.chance(p) }

type stepAt struct {
	t    float64
	n    int
	does func()
}

type steps []stepAt

func (s steps) Len() int           { return len(s) }
func (s steps) Less(i, j int) bool { return s[i].t < s[j].t || s[i].t == s[j].t && s[i].n < s[j].n }
func (s steps) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *steps) Push(x any)        { *s = append(*s, x.(stepAt)) }
func (s *steps) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

func (w *world) at(t float64, does func()) {
	w.n++
	heap.Push(&w.queue, stepAt{t, w.n, does})
}

func (w *world) run(end float64) {
	for len(w.queue) > 0 && w.queue[0].t <= end {
		next := heap.Pop(&w.queue).(stepAt)
		w.now = next.t
		next.does()
	}
}

func (w *world) origin(seq uint64) string {
	switch w.names[seq] {
	case "m0":
		return "smtp"
	case "e1":
		return "o1"
	}
	return "o0"
}

func (w *world) append(e event) uint64 {
	if e.kind == "tell" && w.chance(.03) {
		return 0 // the broker refused it
	}
	e.t, e.real = w.now+w.skew, w.now
	w.journal = append(w.journal, &e)
	if e.kind == "endpoint" {
		w.names[uint64(len(w.journal))] = e.hash
	}
	for _, o := range append(w.zombies, w.owner) {
		o.kick()
	}
	return uint64(len(w.journal))
}

func (w *world) emit(r outRecord) {
	w.outbound = append(w.outbound, r)
	for _, c := range ways {
		w.at(w.now+.02, w.senders[c.name].fetch)
	}
}

func (w *world) stopOwner(crash bool) {
	old := w.owner
	same := w.chance(.5) // the store of a process that was killed may be ahead of the changelog
	if !old.live {
		return
	}
	old.live, old.zombie = !crash, !crash
	if crash {
		local := map[string]inbox.State{}
		if same {
			local = old.rows
		}
		w.at(w.now+one(w, 2, 30, 600, 3*hour), func() { w.startOwner(local) })
		return
	}
	w.zombies = append(w.zombies, old)
	w.at(w.now+one(w, 5., 60, 1200), func() { old.live = false })
	w.startOwner(nil)
}

func (w *world) startOwner(local map[string]inbox.State) {
	rows := map[string]inbox.State{}
	for u, row := range local {
		rows[u] = row
	}
	for u, table := range w.table {
		for _, r := range table {
			if r.row.Version > rowOf(rows, u).Version {
				rows[u] = r.row
			}
		}
	}
	w.owner = newOwner(w, rows, w.committed)
}

func rowOf(rows map[string]inbox.State, u string) inbox.State { return rows[u] }

func (w *world) stopSender(c way, crash bool) {
	old := w.senders[c.name]
	if !old.live {
		return
	}
	old.live, old.zombie = !crash, !crash
	if crash {
		w.at(w.now+one(w, 1, 20, 600, 2*hour), func() { w.senders[c.name] = newSender(w, c) })
	} else {
		w.senders[c.name] = newSender(w, c)
	}
}
