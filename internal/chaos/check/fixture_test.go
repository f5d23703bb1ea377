package check_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/chaos/history"
)

const (
	worldEpoch      = 77
	worldCap        = 6
	worldPartitions = 2
)

// world is a run that never took place and in which nothing went wrong: a
// journal, what the fold makes of it, and what clients of two servers that are
// behind now and then saw of it.
type world struct {
	t       *testing.T
	h       *history.History
	truth   *history.Truth
	rng     *rand.Rand
	now     time.Time
	offsets [worldPartitions]int64
	boards  [worldPartitions]*board.Board
	notices map[int32]map[uint64]inbox.Item // contents, by partition
	people  []*inhabitant
}

// inhabitant is one user.
type inhabitant struct {
	*world
	name      string
	partition int32
	stored    inbox.State
	states    []inbox.State // shown after each record that concerns the user; the first is the zero State
	contents  map[uint64]inbox.Item
	polled    int // index of the newest state that the poller has seen
	listed    int
	stream    follower
}

// newWorld builds the world of that seed.
func newWorld(t *testing.T, seed uint64) (*history.History, *history.Truth) {
	t.Helper()
	w := &world{
		t: t, h: &history.History{}, rng: rand.New(rand.NewPCG(seed, 0)),
		now:     time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC),
		notices: map[int32]map[uint64]inbox.Item{},
		truth:   &history.Truth{Epoch: worldEpoch, Cap: worldCap, Partitions: worldPartitions, Boards: map[string]board.Row{}, Rows: map[string]inbox.State{}, Items: map[string]inbox.Item{}, Endpoints: map[string]inbox.Address{}},
	}
	for i := range w.boards {
		w.boards[i] = board.New(board.Row{}).Begin(worldEpoch, 0)
		w.notices[int32(i)] = map[uint64]inbox.Item{}
	}
	for i := range 5 {
		name := fmt.Sprintf("user-%d", i)
		p := &inhabitant{world: w, name: name, partition: kafka.Partition(name, worldPartitions),
			states: []inbox.State{{}}, contents: map[uint64]inbox.Item{}}
		p.stream = follower{inhabitant: p}
		w.people = append(w.people, p)
	}
	for i := range 600 {
		w.step(i)
	}
	w.rest()
	return w.h, w.truth
}

func (w *world) tick() time.Time {
	w.now = w.now.Add(time.Millisecond)
	return w.now
}

func (w *world) step(i int) {
	switch p := w.people[i/40%len(w.people)]; i % 40 {
	case 7:
		p.append(inbox.Record{Kind: inbox.KindPrefs, Prefs: fmt.Appendf(nil, `{"language":"x-%d"}`, i)})
	case 23:
		p.append(inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: inbox.EndpointText, Target: fmt.Sprint("room-", i%3)}})
	case 11:
		w.announce(fmt.Sprint("b-", i))
	case 13:
		p.append(inbox.Record{Kind: inbox.KindSubscribe, Topic: "news"})
	case 31:
		p.append(inbox.Record{Kind: []inbox.Kind{inbox.KindJoin, inbox.KindUnsubscribe}[i/40%2], Topic: "news"})
	}
	if p := w.people[i%len(w.people)]; i%9 == 0 && p.state().Reach != nil {
		p.tell()
	}
	p := w.people[w.rng.IntN(len(w.people))]
	switch n := w.rng.IntN(100); {
	case n < 30:
		p.send(fmt.Sprint("n-", i))
	case n < 50:
		p.act()
	case n < 52:
		p.append(inbox.Record{Kind: inbox.KindTouch})
	case n < 53:
		p.append(inbox.Record{Kind: inbox.KindErase})
	case n < 55:
		p.append(inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Source: "shop", ID: fmt.Sprint("n-", w.rng.IntN(i+1))}})
	case n < 57:
		p.poison(fmt.Sprint("poison-", i))
	case n < 67:
		p.polled = p.newer(p.polled)
		p.poll(&p.states[p.polled], w.rng.IntN(2))
	case n < 77:
		p.listed = p.newer(p.listed)
		p.list("lister-"+p.name, &p.states[p.listed], w.rng.IntN(2), w.h.Record)
	case n < 97:
		p.stream.step()
	default:
		for partition, offset := range w.offsets {
			w.h.Record(history.Committed{At: w.tick(), Group: "belfry-unread", Topic: "belfry.journal", Partition: int32(partition), Offset: offset})
		}
	}
}

// newer is a state that is not older than the one of index i.
func (p *inhabitant) newer(i int) int { return i + p.rng.IntN(len(p.states)-i) }

func (p *inhabitant) state() *inbox.State { return &p.states[len(p.states)-1] }

// append writes one record and folds it.
func (p *inhabitant) append(r inbox.Record) {
	j := p.write(p.name, p.partition, r)
	b := p.boards[p.partition]
	version := uint64(j.Offset) + 1
	var effects inbox.Effects
	p.stored, effects = inbox.Fold(board.Advance(p.stored, b, version), r, inbox.Input{
		Position: inbox.Position{Epoch: worldEpoch, Offset: j.Offset}, Time: j.Time, Cap: worldCap, Keep: b.Keep, Members: inbox.DefaultFeatures.Members()})
	if effects.Outbound != nil {
		for range 1 + p.rng.IntN(2) { // at least once
			p.truth.Outbound = append(p.truth.Outbound, history.Decided{User: p.name, Outbound: *effects.Outbound})
		}
	}
	if effects.Item != nil {
		p.contents[effects.Item.Seq] = *effects.Item
	}
	p.show()
}

// show adds what is shown now.
func (p *inhabitant) show() {
	if s := p.boards[p.partition].Show(p.stored); s.Version != p.state().Version {
		p.states = append(p.states, s)
	}
}

func (w *world) write(key string, partition int32, r inbox.Record) history.Journaled {
	j := history.Journaled{Recipient: key, Partition: partition, Offset: w.offsets[partition], Time: w.tick(), Record: r}
	w.offsets[partition]++
	w.truth.Journal = append(w.truth.Journal, j)
	return j
}

// announce writes a notice to the boards of all partitions, or takes one back.
func (w *world) announce(id string) {
	audience := []string{"all", "topic:news"}[w.rng.IntN(2)]
	r := inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: id, Source: "shop", Audience: audience, Title: belfry.PlainText("about " + id)}}
	if w.rng.IntN(3) == 0 {
		r.Notification.CollapseKey = "rolling"
	}
	if w.rng.IntN(4) == 0 {
		old := fmt.Sprint("b-", w.rng.IntN(15)*40+11)
		r = inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{ID: old, Source: "shop", Audience: audience}}
	}
	for partition := range int32(worldPartitions) {
		key := belfry.PartitionKey(partition)
		if r.Kind == inbox.KindNotify {
			w.h.Record(history.Sent{At: w.tick(), Via: "http", Recipient: key, Source: "shop", ID: id, Acknowledged: true})
		}
		j := w.write(key, partition, r)
		var effects inbox.Effects
		w.boards[partition], effects = board.Fold(w.boards[partition], r, inbox.Input{
			Position: inbox.Position{Epoch: worldEpoch, Offset: j.Offset}, Time: j.Time, Keep: worldCap})
		if effects.Item != nil {
			w.notices[partition][effects.Item.Seq] = *effects.Item
		}
		for _, p := range w.people {
			if p.partition == partition {
				p.show()
			}
		}
	}
}

// tell tells of all that is unseen.
func (p *inhabitant) tell() {
	s := p.state()
	t := inbox.Tell{Channel: "chat", Kind: inbox.EndpointText, Evaluated: s.Version, GoodUntil: p.now.Add(time.Hour).UnixMilli()}
	var seqs []uint64
	for i := range s.Items {
		seqs = append(seqs, s.Items[i].Seq)
	}
	p.append(inbox.Record{Kind: inbox.KindTell, Seqs: seqs, Tell: &t})
}

// send sends a notification, often not only once.
func (p *inhabitant) send(id string) {
	n := belfry.Notification{ID: id, Source: "shop", Title: belfry.PlainText("about " + id),
		Category: []string{"", "news", "approval"}[p.rng.IntN(3)], Priority: belfry.Priority(p.rng.IntN(4) - 1)}
	if p.rng.IntN(5) == 0 {
		n.CollapseKey = fmt.Sprint("key-", p.rng.IntN(2))
	}
	for {
		acknowledged := p.rng.IntN(10) > 0
		p.h.Record(history.Sent{At: p.tick(), Via: []string{"http", "kafka"}[p.rng.IntN(2)],
			Recipient: p.name, Source: n.Source, ID: id, Acknowledged: acknowledged})
		if acknowledged || p.rng.IntN(2) == 0 {
			p.append(inbox.Record{Kind: inbox.KindNotify, Notification: n})
		}
		if p.rng.IntN(4) > 0 {
			return
		}
	}
}

// poison sends what no router can read, or writes what no fold can.
func (p *inhabitant) poison(id string) {
	if p.rng.IntN(3) == 0 {
		j := history.Journaled{Recipient: p.name, Partition: p.partition, Offset: p.offsets[p.partition], Time: p.tick(), Unreadable: true}
		p.offsets[p.partition]++
		p.truth.Journal = append(p.truth.Journal, j)
		p.truth.Dead = append(p.truth.Dead, history.Dead{Reason: deadletter.ReasonUndecodable, Topic: "belfry.journal", Partition: j.Partition, Offset: j.Offset})
		return
	}
	p.h.Record(history.Sent{At: p.tick(), Via: "kafka", Recipient: p.name, Source: "shop", ID: id, Poison: true, Acknowledged: true})
	dead := history.Dead{Reason: deadletter.ReasonInvalid, Topic: "belfry.notifications", Offset: int64(len(p.truth.Dead)), ID: id}
	p.truth.Dead = append(p.truth.Dead, dead)
	if p.rng.IntN(3) == 0 {
		p.truth.Dead = append(p.truth.Dead, dead)
	}
}

// act gives a command, to items that may be gone.
func (p *inhabitant) act() {
	r := inbox.Record{Kind: inbox.KindSeen + inbox.Kind(p.rng.IntN(5))}
	if p.rng.IntN(10) == 0 {
		r.Kind = inbox.KindDelete
	}
	if len(p.states) == 1 {
		return
	}
	seqs := slices.Sorted(maps.Keys(p.contents))
	for i := range p.state().Items {
		if e := &p.state().Items[i]; e.Shared != nil {
			seqs = append(seqs, e.Seq)
		}
	}
	seqs = seqs[max(0, len(seqs)-worldCap):]
	switch {
	case r.Kind.TakesHorizon() && p.rng.IntN(3) == 0:
		r.UpTo = p.states[p.rng.IntN(len(p.states))].Version
		r.Category = []string{"", "news"}[p.rng.IntN(2)]
	case len(seqs) > 0:
		r.Seqs = []uint64{seqs[p.rng.IntN(len(seqs))]}
	default:
		r.Seqs = []uint64{1}
	}
	switch p.rng.IntN(5) {
	case 0: // no answer
		if p.rng.IntN(2) == 0 {
			p.append(r)
		}
		p.h.Record(history.Acted{At: p.tick(), Recipient: p.name, Record: r})
	case 1: // 202
		p.append(r)
		p.h.Record(history.Acted{At: p.tick(), Recipient: p.name, Record: r, Acknowledged: true})
		p.h.Record(p.counts(&p.states[p.rng.IntN(len(p.states))], 0, true))
	default:
		p.append(r)
		p.polled = len(p.states) - 1
		p.h.Record(history.Acted{At: p.tick(), Recipient: p.name, Record: r, Acknowledged: true, Version: p.state().Version})
		p.poll(p.state(), p.rng.IntN(2))
	}
}

func (p *inhabitant) poll(s *inbox.State, server int) { p.h.Record(p.counts(s, server, false)) }

func (p *inhabitant) counts(s *inbox.State, server int, late bool) history.Polled {
	return history.Polled{At: p.tick(), Client: "poller-" + p.name, Server: fmt.Sprint("server-", server), User: p.name,
		Cursor: s.Cursor(), Counts: s.Counts(p.now), Late: late}
}

// list gives all pages of a list to record.
func (p *inhabitant) list(client string, s *inbox.State, server int, record func(any)) {
	archived := p.rng.IntN(3) == 0
	p.pages(client, s, server, archived, 1+p.rng.IntN(4), record)
}

func (p *inhabitant) pages(client string, s *inbox.State, server int, archived bool, limit int, record func(any)) {
	q := inbox.PageQuery{Status: inbox.StatusAll, Limit: limit}
	if archived {
		q.Status = inbox.StatusArchived
	}
	for {
		entries, next := s.Page(q, p.now)
		l := history.Listed{At: p.tick(), Client: client, Server: fmt.Sprint("server-", server), User: p.name, Cursor: s.Cursor(), Version: s.Version,
			Unread: s.Counts(p.now).Unread, Archived: archived, Before: q.Before.Seq, Next: next.Seq, Limit: limit}
		for _, e := range entries {
			l.Items = append(l.Items, p.item(e, false))
		}
		record(l)
		if q.Before = next; next.Seq == 0 {
			return
		}
	}
}

func (p *inhabitant) item(e *inbox.Entry, pending bool) history.Item {
	c, shown := p.contents[e.Seq], e.Shown
	if e.Shared != nil {
		c = p.notices[p.partition][e.Seq]
		if e.Place() > e.Seq {
			shown = e.Place()
		}
	}
	it := history.Item{Seq: e.Seq, Version: e.Version, Shown: shown, ID: c.ID, Source: c.Source, Audience: c.Audience, Category: e.Category,
		Read: e.Read, Seen: e.Seen, Archived: e.Archived, Count: int(e.Count), Replaces: e.Replaces}
	if pending {
		it.ID, it.Source, it.Audience, it.Pending = "", "", "", true
	}
	return it
}

// rest lets everything catch up and takes stock.
func (w *world) rest() {
	w.h.Record(history.Fault{At: w.tick(), What: "nothing"})
	for i, b := range w.boards {
		key := belfry.PartitionKey(int32(i))
		w.truth.Boards[key] = b.Row
		for seq := range b.State.Contents() {
			w.truth.Items[inbox.ItemKey(key, seq)] = w.notices[int32(i)][seq]
		}
	}
	for _, p := range w.people {
		s := p.state()
		if p.stored.Version > 0 {
			w.truth.Rows[p.name] = p.stored
		}
		for seq := range p.stored.Contents() {
			w.truth.Items[inbox.ItemKey(p.name, seq)] = p.contents[seq]
		}
		if s.Reach != nil {
			for _, e := range s.Reach.Endpoints {
				w.truth.Endpoints[inbox.EndpointKey(p.name, e.Seq)] = inbox.Address{Seq: e.Seq, Kind: e.Kind}
			}
		}
		for server := range 2 {
			for _, archived := range []bool{false, true} {
				p.pages("", s, server, archived, 2, func(l any) { w.truth.Lists = append(w.truth.Lists, l.(history.Listed)) })
			}
		}
		for p.stream.connect(); p.stream.told < s.Version; { // until no batch is cut short
			p.stream.tell(len(p.states)-1, false)
		}
		w.truth.Held = append(w.truth.Held, p.stream.holder.Held("stream-"+p.name, p.name))
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
