package inbox

import (
	"encoding/hex"
	"slices"
	"time"
)

// Step is what one record of a journal changed.
type Step struct {
	Offset  int64     `json:"offset"`
	Version uint64    `json:"version"` // of the row after it
	Time    time.Time `json:"time"`    // of the record, as the broker gave it
	Kind    string    `json:"kind"`    // "" for a record that cannot be decoded
	Outcome Outcome   `json:"outcome"` // or "dead-letter"
	// Why says by what a duplicate was recognised ("watermark" or "id"), or why
	// the record cannot be decoded.
	Why     string `json:"why,omitempty"`
	Pending bool   `json:"pending,omitempty"` // the row has not seen it yet

	// Of what made it: the rule, empty for none; the notification's or
	// retraction's source and id; where the router read it.
	Rule     string      `json:"rule,omitempty"`
	Source   string      `json:"source,omitempty"`
	ID       string      `json:"id,omitempty"`
	Category string      `json:"category,omitempty"`
	Origin   *StepOrigin `json:"origin,omitempty"`
	Title    string      `json:"title,omitempty"` // if texts were asked for

	// The items that it changed, by seq. Unknown are items that it names and that are
	// older than the refold.
	Added      uint64   `json:"added,omitempty"` // 0 for none
	Gone       []Gone   `json:"gone,omitempty"`
	Read       []uint64 `json:"read,omitempty"`
	Unread     []uint64 `json:"unread,omitempty"`
	Seen       []uint64 `json:"seen,omitempty"` // and not read
	Archived   []uint64 `json:"archived,omitempty"`
	Unarchived []uint64 `json:"unarchived,omitempty"`
	Unknown    []uint64 `json:"unknown,omitempty"`

	// Hidden are the items that it hid, the one it added too. Shown are those that it
	// shows again, or whose wake it settled; Back is the one of these that an item had
	// replaced, 0 for none. Muted are those that it muted. Left are arrivals that an
	// item had kept besides the shown one and that are gone.
	Hidden []HiddenItem `json:"hidden,omitempty"`
	Shown  []uint64     `json:"shown,omitempty"`
	Back   uint64       `json:"back,omitempty"`
	Muted  []uint64     `json:"muted,omitempty"`
	Left   []uint64     `json:"left,omitempty"`

	// Counts are those of the items that the refold knows, at Time.
	Counts Counts `json:"counts"`
}

// StepOrigin is where the router read what it made a record of.
type StepOrigin struct {
	TopicID   string `json:"topic_id"` // hex
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Index     int32  `json:"index"`
}

// HiddenItem is an item that shows at a time.
type HiddenItem struct {
	Seq   uint64    `json:"seq"`
	Until time.Time `json:"until"`
}

// Gone is an item that a record removed.
type Gone struct {
	Seq uint64 `json:"seq"`
	How string `json:"how"` // replaced, evicted, expired, deleted, retracted or erased
}

// Changed reports whether the record changed any item.
func (s *Step) Changed() bool {
	flags := len(s.Read) + len(s.Unread) + len(s.Seen) + len(s.Archived) + len(s.Unarchived)
	return s.Added != 0 || flags+len(s.Gone)+len(s.Hidden)+len(s.Shown)+len(s.Muted)+len(s.Left) > 0
}

func newStep(before, after *State, r Record, in Input, effects Effects) Step {
	s := Step{
		Offset: in.Offset, Version: after.Version, Time: in.Time.UTC(), Kind: r.Kind.String(), Outcome: effects.Outcome,
		Rule: r.Rule, Category: r.Category, Counts: after.Counts(in.Time),
	}
	switch r.Kind {
	case KindNotify:
		s.Source, s.ID, s.Category = r.Notification.Source, r.Notification.ID, r.Notification.Category
	case KindRetract:
		s.Source, s.ID = r.Retraction.Source, r.Retraction.ID
	}
	if o := r.Origin; !o.IsZero() {
		s.Origin = &StepOrigin{hex.EncodeToString(o.TopicID[:]), o.Partition, o.Offset, o.Index}
	}
	if effects.Outcome == Duplicate {
		s.Why = recognised(before, r)
	}
	if effects.Item != nil {
		s.Added = effects.Item.Seq
	}
	s.gone(before, after, r, in)
	s.flags(before, after)
	s.times(before, after, in.Time)
	s.left(before, after, effects)
	for _, seq := range r.Seqs {
		if _, ok := before.Entry(seq); !ok && seq <= before.Base+uint64(in.Offset) && !slices.ContainsFunc(before.Removals, func(rm Removal) bool { return rm.Seq == seq }) {
			s.Unknown = append(s.Unknown, seq)
		}
	}
	return s
}

// recognised says by what a duplicate was: a watermark at or above its origin
// comes first, as in the fold.
func recognised(before *State, r Record) string {
	copied := before.clone()
	f := folder{s: &copied}
	if f.routedBefore(r.Origin) {
		return "watermark"
	}
	return "id"
}

func (s *Step) gone(before, after *State, r Record, in Input) {
	// An item that woke or came can have taken the place of another.
	replaced := map[uint64]bool{}
	for i := range after.Items {
		if e := &after.Items[i]; e.Version == after.Version && e.Replaces != 0 {
			replaced[e.Replaces] = true
		}
	}
	for i := range before.Items {
		e := &before.Items[i]
		if _, ok := after.Entry(e.Seq); ok {
			continue
		}
		how := "evicted"
		switch {
		case e.Expired(in.Time):
			how = "expired"
		case r.Kind == KindDelete:
			how = "deleted"
		case r.Kind == KindRetract:
			how = "retracted"
		case r.Kind == KindErase:
			how = "erased"
		case replaced[e.Seq]:
			how = "replaced"
		}
		s.Gone = append(s.Gone, Gone{e.Seq, how})
	}
}

func (s *Step) flags(before, after *State) {
	for i := range after.Items {
		e := &after.Items[i]
		old, ok := before.Entry(e.Seq)
		if !ok {
			continue
		}
		add := func(to *[]uint64, changed bool) {
			if changed {
				*to = append(*to, e.Seq)
			}
		}
		add(&s.Read, e.Read && !old.Read)
		add(&s.Unread, !e.Read && old.Read)
		add(&s.Seen, e.Seen && !old.Seen && !e.Read)
		add(&s.Archived, e.Archived && !old.Archived)
		add(&s.Unarchived, !e.Archived && old.Archived)
	}
}

// times notes what a record hid, showed again and muted.
func (s *Step) times(before, after *State, now time.Time) {
	for i := range after.Items {
		e := &after.Items[i]
		old, ok := before.Entry(e.Seq)
		if !ok {
			old = &Entry{}
		}
		if e.Hidden(now) && (!ok || e.Until != old.Until || old.Shown != 0) {
			s.Hidden = append(s.Hidden, HiddenItem{e.Seq, time.UnixMilli(e.Until).UTC()})
		}
		if e.Shown == after.Version {
			s.Shown = append(s.Shown, e.Seq)
		}
		if !ok && e.Seq != s.Added {
			s.Back = e.Seq
		}
		if e.Muted && !old.Muted {
			s.Muted = append(s.Muted, e.Seq)
		}
	}
}

// left notes which arrivals went that were not the shown ones.
func (s *Step) left(before, after *State, effects Effects) {
	for _, seq := range effects.Removed {
		if _, shown := before.Entry(seq); !shown && before.Held(seq) && !after.Held(seq) {
			s.Left = append(s.Left, seq)
		}
	}
}
