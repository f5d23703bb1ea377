package inbox_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// model is the inbox of one user, written a second time from the words of the
// design and as plainly as can be: it shares types with the package and no
// code. What the two disagree on is a bug in one of them.
type model struct {
	epoch                  uint32
	base, version, horizon uint64
	items                  map[uint64]modelItem
	gone                   []modelGone
	marks                  []modelMark // the least recently used first
	// goneAt is never forgotten: at which version each item went.
	goneAt map[uint64]uint64
}

type modelItem struct {
	seq, changed, back   uint64
	identity, key        string
	replaces             uint64
	count                uint32
	expires              time.Time
	category, title      string
	priority             belfry.Priority
	read, seen, archived bool
}

type modelGone struct {
	seq, version uint64
	identity     string
}

type modelMark struct {
	source string
	offset int64
	index  int32
}

func newModel() *model {
	return &model{items: map[uint64]modelItem{}, goneAt: map[uint64]uint64{}}
}

func (m *model) clone() *model {
	c := *m
	c.items, c.goneAt = maps.Clone(m.items), maps.Clone(m.goneAt)
	c.gone, c.marks = slices.Clone(m.gone), slices.Clone(m.marks)
	return &c
}

func (i modelItem) expired(now time.Time) bool { return !i.expires.IsZero() && !now.Before(i.expires) }

func identity(source, id, rule string) string {
	if id == "" {
		return ""
	}
	return fmt.Sprintf("%q %q %q", source, id, rule)
}

func (m *model) sorted() []modelItem {
	return slices.SortedFunc(maps.Values(m.items), func(a, b modelItem) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
}

// apply does what a record asks for, and returns the seq of the content to
// write (0 for none) and those of the contents to remove.
func (m *model) apply(r inbox.Record, in inbox.Input) (written uint64, removed []uint64) {
	if m.epoch != in.Epoch {
		m.epoch, m.base = in.Epoch, m.version
	}
	m.version = m.base + uint64(in.Offset) + 1
	drop := func(which func(modelItem) bool) (any bool) {
		for _, i := range m.sorted() {
			if which(i) {
				delete(m.items, i.seq)
				m.gone = append(m.gone, modelGone{i.seq, m.version, i.identity})
				m.goneAt[i.seq] = m.version
				removed = append(removed, i.seq)
				any = true
			}
		}
		return any
	}
	drop(func(i modelItem) bool { return i.expired(in.Time) })
	switch r.Kind {
	case inbox.KindNotify:
		written = m.notify(r, in, drop)
	case inbox.KindRetract:
		m.retract(r, drop)
	case inbox.KindErase:
		drop(func(modelItem) bool { return true })
	case inbox.KindDelete:
		drop(func(i modelItem) bool { return m.names(r, i) })
	case inbox.KindTouch:
	default:
		for _, i := range m.sorted() {
			if m.names(r, i) {
				m.change(r.Kind, i)
			}
		}
	}
	for len(m.items) > in.Cap {
		oldest := m.sorted()[0].seq
		drop(func(i modelItem) bool { return i.seq == oldest })
	}
	for len(m.gone) > in.Cap && m.gone[0].version < m.version {
		m.horizon = m.gone[0].version
		m.gone = m.gone[1:]
	}
	return written, removed
}

func (m *model) notify(r inbox.Record, in inbox.Input, drop func(func(modelItem) bool) bool) (written uint64) {
	n := r.Notification
	i := modelItem{seq: m.version, changed: m.version, identity: identity(n.Source, n.ID, r.Rule), key: n.CollapseKey,
		count: 1, expires: n.ExpiresAt, category: n.Category, priority: n.Priority, title: n.Title[""], read: r.Silent, seen: r.Silent}
	if m.passed(r.Origin) || m.knows(i.identity) {
		return 0
	}
	if i.expired(in.Time) {
		if i.identity != "" {
			m.gone = append(m.gone, modelGone{0, m.version, i.identity})
		}
		return 0
	}
	if i.key != "" {
		for _, old := range m.sorted() {
			if old.key == i.key && !old.archived {
				i.replaces, i.count = old.seq, old.count+1 // the newest is the last
				if old.read {
					i.count = 1
				}
				i.read, i.seen = r.Silent && old.read, r.Silent && old.seen
			}
		}
	}
	if i.replaces != 0 {
		drop(func(old modelItem) bool { return old.seq == i.replaces })
	}
	m.items[i.seq] = i
	return i.seq
}

func (m *model) retract(r inbox.Record, drop func(func(modelItem) bool) bool) {
	if m.passed(r.Origin) {
		return
	}
	if key := r.Retraction.CollapseKey; key != "" {
		drop(func(i modelItem) bool { return i.key == key })
		return
	}
	id := identity(r.Retraction.Source, r.Retraction.ID, r.Rule)
	if id == "" || drop(func(i modelItem) bool { return i.identity == id }) || m.knows(id) {
		return
	}
	m.gone = append(m.gone, modelGone{0, m.version, id})
}

// names reports whether the command is for the item.
func (m *model) names(r inbox.Record, i modelItem) bool {
	if len(r.Seqs) > 0 {
		return slices.Contains(r.Seqs, i.seq)
	}
	switch r.Kind {
	case inbox.KindSeen, inbox.KindRead, inbox.KindArchive, inbox.KindDelete:
		return i.seq <= r.UpTo && i.back <= r.UpTo && i.seq < m.version && !i.archived && (r.Category == "" || r.Category == i.category)
	}
	return false
}

func (m *model) change(k inbox.Kind, i modelItem) {
	before := i
	switch k {
	case inbox.KindSeen:
		i.seen = true
	case inbox.KindRead:
		i.seen, i.read = true, true
	case inbox.KindUnread:
		i.read = false
	case inbox.KindArchive:
		i.archived = true
	case inbox.KindUnarchive:
		i.archived = false
	}
	if i == before {
		return
	}
	i.changed = m.version
	if k == inbox.KindUnarchive {
		i.back = m.version
	}
	m.items[i.seq] = i
}

func (m *model) knows(identity string) bool {
	for _, i := range m.items {
		if identity != "" && i.identity == identity {
			return true
		}
	}
	for _, g := range m.gone {
		if identity != "" && g.identity == identity {
			return true
		}
	}
	return false
}

// passed reports whether the source was routed past o already.
func (m *model) passed(o inbox.Origin) bool {
	if o == (inbox.Origin{}) {
		return false
	}
	source := fmt.Sprint(o.TopicID, o.Partition, o.Rule)
	mark := modelMark{source, o.Offset, o.Index}
	passed := false
	for at, have := range m.marks {
		if have.source == source {
			if have.offset > o.Offset || have.offset == o.Offset && have.index >= o.Index {
				mark, passed = have, true
			}
			m.marks = append(m.marks[:at:at], m.marks[at+1:]...)
			break
		}
	}
	if m.marks = append(m.marks, mark); len(m.marks) > inbox.MaxWatermarks {
		m.marks = m.marks[1:]
	}
	return passed
}

// redelivered returns the effects that a record that m has already must have.
func (m *model) redelivered(r inbox.Record, in inbox.Input) (written uint64, removed []uint64) {
	version := m.base + uint64(in.Offset) + 1
	for _, g := range m.gone {
		if g.version == version && g.seq != 0 {
			removed = append(removed, g.seq)
		}
	}
	if r.Kind != inbox.KindNotify {
		return 0, removed
	}
	if _, ok := m.items[version]; ok {
		return version, removed
	}
	if !slices.Contains(removed, version) {
		removed = append(removed, version)
	}
	return 0, removed
}

// counts counts what is neither archived nor expired.
func (m *model) counts(now time.Time) inbox.Counts {
	c := inbox.Counts{Categories: map[string]inbox.Tally{}}
	for _, i := range m.items {
		if i.archived || i.read || i.expired(now) {
			continue
		}
		unseen := 0
		if !i.seen {
			unseen = 1
		}
		c.Unread, c.Unseen = c.Unread+1, c.Unseen+unseen
		if i.category != "" {
			had := c.Categories[i.category]
			c.Categories[i.category] = inbox.Tally{Unread: had.Unread + 1, Unseen: had.Unseen + unseen}
		}
		if i.priority == belfry.PriorityHigh || i.priority == belfry.PriorityUrgent {
			c.Urgent++
		}
	}
	return c
}

// row is what a row must be like to say what m says. The hashes are the
// package's own: hash_test.go holds them to their definition.
func (m *model) row() inbox.State {
	s := inbox.State{Epoch: m.epoch, Base: m.base, Version: m.version, Horizon: m.horizon}
	hash := func(identity string) uint64 {
		var source, id, rule string
		if identity == "" {
			return 0
		}
		if _, err := fmt.Sscanf(identity, "%q %q %q", &source, &id, &rule); err != nil {
			return 0
		}
		return inbox.IdentityHash(source, id, rule)
	}
	for _, i := range m.sorted() {
		e := inbox.Entry{Seq: i.seq, Version: i.changed, Unarchived: i.back, Hash: hash(i.identity),
			Collapse: inbox.CollapseHash(i.key), Replaces: i.replaces, Count: i.count, Category: i.category,
			Priority: i.priority, Read: i.read, Seen: i.seen, Archived: i.archived}
		if !i.expires.IsZero() {
			e.ExpiresAt = i.expires.UnixMilli()
		}
		s.Items = append(s.Items, e)
	}
	for _, g := range m.gone {
		s.Removals = append(s.Removals, inbox.Removal{Seq: g.seq, Version: g.version, Hash: hash(g.identity)})
	}
	for _, w := range m.marks {
		s.Watermarks = append(s.Watermarks, inbox.Watermark{Offset: w.offset, Index: w.index})
	}
	return s
}
