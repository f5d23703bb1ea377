package inbox_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// TestFoldAgainstModel drives a row through random histories with crashes, new
// epochs and clients that come and go, and holds it against the model.
func TestFoldAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{T: t, model: newModel(), now: clock(0), epoch: 1, cap: rapid.IntRange(3, 8).Draw(t, "cap")}
		if rapid.Bool().Draw(t, "somebody looks from the beginning") {
			w.join()
		}
		// Ranges are drawn small for the most part; what the cap and the
		// horizon do takes long histories.
		for range rapid.SampledFrom([]int{10, 50, 150, 300}).Draw(t, "steps") {
			switch rapid.SampledFrom(actions).Draw(t, "action") {
			case "wait":
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 8000).Draw(t, "ms")) * time.Millisecond)
			case "crash":
				w.crash()
			case "rare":
				if rapid.Bool().Draw(t, "new epoch") {
					w.newEpoch()
				} else {
					w.cap = rapid.IntRange(3, 8).Draw(t, "cap")
				}
			case "join":
				w.join()
			case "sync":
				w.sync()
			case "notify":
				w.deliver(w.drawNotify())
			default:
				w.deliver(w.drawOther())
			}
			w.check()
		}
		w.crash()
		w.check()
		for _, c := range w.clients {
			w.catchUp(c)
		}
	})
}

var actions = []string{
	"notify", "notify", "notify", "notify", "notify", "notify", "other", "other", "other", "other",
	"notify", "notify", "notify", "notify", "notify", "notify", "other", "other", "other", "other",
	"sync", "sync", "sync", "sync", "sync", "sync", "wait", "wait", "join", "join", "crash", "crash", "rare",
}

// world is one row, the journal that made it, and those who look at it.
type world struct {
	*rapid.T
	model   *model
	row     inbox.State
	now     time.Time
	epoch   uint32
	offset  int64 // of the next record
	cap     int
	made    int       // notifications so far
	journal []folded  // of this epoch
	emitted []emitted // what reached the inbox table, in order
	clients []*client
}

// folded is a record and what folding it for the first time did.
type folded struct {
	record  inbox.Record
	in      inbox.Input
	before  inbox.State
	model   *model // before
	effects inbox.Effects
}

// emitted are the effects of the record at a place of the journal, -1 for those
// of an earlier epoch.
type emitted struct {
	at      int
	effects inbox.Effects
}

func (w *world) deliver(r inbox.Record) {
	in := inbox.Input{Position: inbox.Position{Epoch: w.epoch, Offset: w.offset}, Time: w.now, Cap: w.cap}
	step := folded{record: r, in: in, before: w.row, model: w.model.clone()}
	w.offset += rapid.Int64Range(1, 3).Draw(w.T, "other users' records")
	version := w.row.Version
	w.row, step.effects = w.fold(w.row, r, in)
	if w.row.Version <= version {
		w.Fatalf("version went from %d to %d", version, w.row.Version)
	}
	written, removed := w.model.apply(r, in)
	if itemSeq(step.effects) != written || !slices.Equal(step.effects.Removed, removed) {
		w.Fatalf("%s writes content %d and removes %v, want %d and %v",
			r.Kind, itemSeq(step.effects), step.effects.Removed, written, removed)
	}
	w.emitted = append(w.emitted, emitted{len(w.journal), step.effects})
	w.journal = append(w.journal, step)
}

// fold folds and holds that the row it was given stays as it was.
func (w *world) fold(s inbox.State, r inbox.Record, in inbox.Input) (inbox.State, inbox.Effects) {
	kept := deepCopy(s)
	after, effects := inbox.Fold(s, r, in)
	if !reflect.DeepEqual(s, kept) {
		w.Fatalf("fold of %s modified the row it was given:\n%s\nwas\n%s", r.Kind, row(s), row(kept))
	}
	return after, effects
}

// crash loses some of the effects of the records that were not committed, sets
// the row back to one that was persisted since, and delivers those records
// again.
func (w *world) crash() {
	n := len(w.journal)
	committed := rapid.IntRange(0, n).Draw(w.T, "committed")
	persisted := rapid.IntRange(committed, n).Draw(w.T, "persisted")
	lost := rapid.Uint64().Draw(w.T, "lost")
	i := 0
	w.emitted = slices.DeleteFunc(w.emitted, func(e emitted) bool {
		i++
		return e.at >= committed && lost>>(i%64)&1 == 1
	})
	state, m := w.row, w.model
	if persisted < n {
		state, m = w.journal[persisted].before, w.journal[persisted].model
	}
	for at := committed; at < n; at++ {
		step := w.journal[at]
		after, effects := w.fold(state, step.record, step.in)
		written, removed := itemSeq(step.effects), step.effects.Removed
		want := w.row
		if at < persisted {
			want = state
			written, removed = m.redelivered(step.record, step.in)
		} else if at+1 < n {
			want = w.journal[at+1].before
		}
		if !sameRow(after, want) {
			w.Fatalf("redelivery of %s at %d makes the row\n%s\nwant\n%s", step.record.Kind, step.in.Offset, row(after), row(want))
		}
		if itemSeq(effects) != written || !slices.Equal(effects.Removed, removed) {
			w.Fatalf("redelivery of %s at %d writes content %d and removes %v, want %d and %v",
				step.record.Kind, step.in.Offset, itemSeq(effects), effects.Removed, written, removed)
		}
		w.emitted = append(w.emitted, emitted{at, effects})
		state = after
	}
}

func (w *world) newEpoch() {
	w.epoch++
	w.offset = rapid.Int64Range(0, 2).Draw(w.T, "first offset")
	w.journal, w.clients = nil, nil // a cursor of another epoch gets a resync
	for i := range w.emitted {
		w.emitted[i].at = -1
	}
}

// check holds the row, the badge, the lists and the contents against the model.
func (w *world) check() {
	want, got := w.model.row(), deepCopy(w.row)
	for i := range got.Watermarks {
		got.Watermarks[i].Key = 0
	}
	if !sameRow(got, want) {
		w.Fatalf("row is\n%s\nwant\n%s", row(got), row(want))
	}
	later := w.now.Add(time.Duration(rapid.IntRange(0, 10_000).Draw(w.T, "later")) * time.Millisecond)
	for _, now := range []time.Time{w.now, later} {
		counts := w.row.Counts(now)
		if want := w.model.counts(now); !reflect.DeepEqual(counts, want) {
			w.Fatalf("counts = %+v, want %+v", counts, want)
		}
		unread, _ := w.row.Page(inbox.PageQuery{Status: inbox.StatusUnread, Limit: inbox.MaxCap}, now)
		if len(unread) != counts.Unread {
			w.Fatalf("%d unread items are listed, the badge says %d", len(unread), counts.Unread)
		}
	}
	if n := len(w.journal); n > 0 {
		last := w.journal[n-1].in.Position
		next := inbox.Position{Epoch: last.Epoch, Offset: last.Offset + 1}
		if !w.row.Applied(last) || w.row.Applied(next) {
			w.Fatalf("applied: the last record %t, the next %t", w.row.Applied(last), w.row.Applied(next))
		}
	}
	w.checkContents()
}

// checkContents holds that the inbox table has the content of every retained
// item, and besides those at the most orphans whose removal was forgotten.
func (w *world) checkContents() {
	contents := map[uint64]string{}
	for _, e := range w.emitted {
		// Removals and the item of one record never meet in a key.
		for _, seq := range e.effects.Removed {
			delete(contents, seq)
		}
		if item := e.effects.Item; item != nil {
			contents[item.Seq] = item.Title[""]
		}
	}
	for seq, i := range w.model.items {
		if contents[seq] != i.title {
			w.Fatalf("content of %d is %q, want %q", seq, contents[seq], i.title)
		}
		delete(contents, seq)
	}
	for seq := range contents {
		if at, ok := w.model.goneAt[seq]; !ok || at > w.row.Horizon {
			w.Fatalf("content of %d is still there; the item went at %d, horizon %d", seq, at, w.row.Horizon)
		}
	}
}

func (w *world) drawNotify() inbox.Record {
	w.made++
	r := inbox.Record{Kind: inbox.KindNotify, Rule: rapid.SampledFrom([]string{"", "", "r"}).Draw(w.T, "rule"), Origin: w.drawOrigin()}
	r.Silent = rapid.IntRange(0, 3).Draw(w.T, "silent") == 0
	n := &r.Notification
	n.Title = belfry.PlainText(fmt.Sprintf("notification %d", w.made))
	n.Source = "shop"
	n.ID = rapid.SampledFrom([]string{"", "", "", "a", "b", "c", "d", "e", "f", "g"}).Draw(w.T, "id")
	n.CollapseKey = rapid.SampledFrom([]string{"", "", "k", "l"}).Draw(w.T, "key")
	n.Category = rapid.SampledFrom([]string{"", "order", "board"}).Draw(w.T, "category")
	n.Priority = rapid.SampledFrom([]belfry.Priority{-1, 0, 1, 2}).Draw(w.T, "priority")
	if rapid.IntRange(0, 2).Draw(w.T, "expires") == 0 {
		n.ExpiresAt = w.now.Add(time.Duration(rapid.IntRange(-500, 15_000).Draw(w.T, "in ms")) * time.Millisecond)
	}
	return r
}

// drawOrigin draws a place at, before or after where the source's watermark is.
func (w *world) drawOrigin() inbox.Origin {
	if rapid.Bool().Draw(w.T, "not routed") {
		return inbox.Origin{}
	}
	return inbox.Origin{
		TopicID: [16]byte{9}, Partition: rapid.Int32Range(0, 2).Draw(w.T, "partition"),
		Rule:   rapid.Uint64Range(0, 1).Draw(w.T, "routed by"),
		Offset: max(0, int64(w.made/2)+rapid.Int64Range(-3, 0).Draw(w.T, "behind")),
		Index:  rapid.Int32Range(0, 2).Draw(w.T, "index"),
	}
}

func (w *world) drawOther() inbox.Record {
	kinds := []inbox.Kind{inbox.KindSeen, inbox.KindRead, inbox.KindUnread, inbox.KindArchive, inbox.KindArchive,
		inbox.KindUnarchive, inbox.KindUnarchive, inbox.KindDelete, inbox.KindRetract, inbox.KindRetract, inbox.KindErase, inbox.KindTouch}
	r := inbox.Record{Kind: rapid.SampledFrom(kinds).Draw(w.T, "kind")}
	switch r.Kind {
	case inbox.KindErase, inbox.KindTouch:
	case inbox.KindRetract:
		r.Origin = w.drawOrigin()
		r.Rule = rapid.SampledFrom([]string{"", "", "r"}).Draw(w.T, "rule")
		if rapid.IntRange(0, 3).Draw(w.T, "by key") == 0 {
			r.Retraction.CollapseKey = rapid.SampledFrom([]string{"k", "l", "m"}).Draw(w.T, "key")
		} else {
			r.Retraction.Source = "shop"
			r.Retraction.ID = rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e", "f", "g"}).Draw(w.T, "id")
		}
	default:
		if rapid.IntRange(0, 2).Draw(w.T, "by horizon") == 0 {
			r.UpTo = w.drawSeq()
			r.Category = rapid.SampledFrom([]string{"", "", "order", "board", "x"}).Draw(w.T, "category")
			break
		}
		for range rapid.IntRange(1, 3).Draw(w.T, "seqs") {
			r.Seqs = append(r.Seqs, w.drawSeq())
		}
		if r.Kind == inbox.KindUnarchive {
			for _, i := range w.model.sorted() {
				if i.archived && rapid.Bool().Draw(w.T, "archived") {
					r.Seqs = append(r.Seqs, i.seq)
				}
			}
		}
	}
	return r
}

// drawSeq draws mostly a retained item, else one that is gone, the command's
// own version or later, or 0.
func (w *world) drawSeq() uint64 {
	if items := w.model.sorted(); len(items) > 0 && rapid.IntRange(0, 4).Draw(w.T, "retained") > 0 {
		return items[rapid.IntRange(0, len(items)-1).Draw(w.T, "item")].seq
	}
	return rapid.Uint64Range(0, w.row.Version+4).Draw(w.T, "seq")
}

// client is one that holds what a row showed at a version, and was told some of
// what changed since.
type client struct {
	cursor uint64
	// inbox clients began with the list of what is not archived.
	inbox bool
	holds map[uint64]flags
}

type flags struct{ read, seen, archived bool }

// shown is what the row shows to a client that reads all of it.
func (w *world) shown(archived bool) map[uint64]flags {
	out := map[uint64]flags{}
	for seq, i := range w.model.items {
		if !i.expired(w.now) && (archived || !i.archived) {
			out[seq] = flags{i.read, i.seen, i.archived}
		}
	}
	return out
}

func (w *world) join() {
	inbox := rapid.Bool().Draw(w.T, "inbox only")
	w.clients = append(w.clients, &client{cursor: w.row.Version, inbox: inbox, holds: w.shown(!inbox)})
}

// sync tells one client what it missed: all of it, or a batch that is cut short
// and so leaves its cursor where it was.
func (w *world) sync() {
	if len(w.clients) == 0 {
		return
	}
	c := rapid.SampledFrom(w.clients).Draw(w.T, "client")
	if rapid.Bool().Draw(w.T, "whole batch") {
		w.catchUp(c)
		return
	}
	changes, ok := w.row.Since(c.cursor, w.now)
	if !ok {
		return
	}
	frames := rapid.IntRange(0, len(changes.Items)+1).Draw(w.T, "frames")
	if frames <= len(changes.Items) {
		changes = inbox.Changes{Items: rapid.Permutation(changes.Items).Draw(w.T, "order")[:frames]}
	}
	c.apply(changes)
}

func (w *world) catchUp(c *client) {
	changes, ok := w.row.Since(c.cursor, w.now)
	if want := c.cursor >= w.model.horizon; ok != want {
		w.Fatalf("since %d answers %t with horizon %d", c.cursor, ok, w.model.horizon)
	}
	if !ok {
		c.holds, c.cursor = w.shown(!c.inbox), w.row.Version
		return
	}
	before, told := maps.Clone(c.holds), listed(changes)
	c.apply(changes)
	got := maps.Clone(c.holds)
	if c.inbox {
		maps.DeleteFunc(got, func(_ uint64, f flags) bool { return f.archived })
	}
	if want := w.shown(!c.inbox); !maps.Equal(got, want) {
		w.Fatalf("a client that held %v at %d and was told %s holds %v, want %v", before, c.cursor, told, got, want)
	}
	c.cursor = w.row.Version
}

func (c *client) apply(changes inbox.Changes) {
	for _, e := range changes.Items {
		c.holds[e.Seq] = flags{e.Read, e.Seen, e.Archived}
	}
	set := func(seqs []uint64, to func(*flags)) {
		for _, seq := range seqs {
			if f, ok := c.holds[seq]; ok {
				to(&f)
				c.holds[seq] = f
			}
		}
	}
	set(changes.Read, func(f *flags) { f.read, f.seen = true, true })
	set(changes.Unread, func(f *flags) { f.read = false })
	set(changes.Seen, func(f *flags) { f.seen = true })
	set(changes.Archived, func(f *flags) { f.archived = true })
	for _, seq := range changes.Removed {
		delete(c.holds, seq)
	}
}
