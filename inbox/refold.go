package inbox

import (
	"encoding/hex"
	"slices"
	"time"
)

// Refold is what a journal holds of one recipient, folded again record by
// record: where each number of the row comes from. Make one with a [Refolder].
type Refold struct {
	User      string `json:"user"`
	Partition int32  `json:"partition"`
	// Epoch is the journal's incarnation. Oldest and End are the offsets of the
	// partition's first record that is still there and of the next to be written.
	Epoch  uint32 `json:"epoch"`
	Oldest int64  `json:"oldest"`
	End    int64  `json:"end"`
	// From is the version before the first record that could be refolded. What
	// made it is not retained, unless Complete.
	From     uint64 `json:"from"`
	Complete bool   `json:"complete"` // nothing is missing

	Records int        `json:"records"` // of the recipient, all that were refolded
	Notices int        `json:"notices"` // records of the partition's notice board that are in Steps or Omitted
	Omitted int        `json:"omitted"` // how many of both are not in Steps
	Steps   []Step     `json:"steps"`   // by offset
	Result  Comparison `json:"result"`
}

// Comparison holds the row against what the refold made of the journal, both at
// the row's version.
type Comparison struct {
	Version  uint64 `json:"version"`  // of the row
	Pending  int    `json:"pending"`  // records that the row has not seen yet
	Row      Counts `json:"row"`      // the badge
	Refolded Counts `json:"replayed"` // of the items that the refold knows
	Older    Counts `json:"older"`    // of the row's items that are older than From
	// OlderItems are the row's items that are older than From, by seq.
	OlderItems []uint64 `json:"older_items"`
	// Missing are items that the refold made and the row lacks; Surplus those
	// of the row that the refold should have made; Different those that one
	// takes for read, seen, archived, muted or hidden and the other does not. By seq. Without
	// the past that is not retained they may be harmless: a duplicate of something older is new.
	Missing   []uint64 `json:"missing"`
	Surplus   []uint64 `json:"surplus"`
	Different []uint64 `json:"different"`
	Agrees    bool     `json:"agrees"` // none of the three
}

// Refolder folds the records of one recipient's journal again. It is not safe
// for concurrent use.
type Refolder struct {
	// Texts has steps carry titles, which are people's own.
	Texts bool
	// Members and Keep are those of the fold ([Input]).
	Members, Keep int
	// Advance, if not nil, returns a row with what the partition's notice board has for it
	// before the record of a version, which is folded on that.
	Advance func(row State, version uint64) State

	row   State
	epoch uint32
	base  uint64
	cap   int
	from  uint64
	begin uint64 // version before the first record of the journal
	state State
	atRow State // state at the row's version
	past  bool  // whether the row's version is passed
	more  int   // records after it
}

// NewRefolder begins with the oldest record that a journal of that epoch retains, at offset
// oldest of the recipient's partition. Row is the recipient's row as it is stored, read
// before the end of the journal is: it says at which version the epoch began. Notices that it
// holds are left out: they are of no record of the recipient's. Board is the row of the
// partition (belfry.PartitionKey), which says so for a recipient without a row of the epoch.
// Cap is that of the fold ([Input]).
//
// The time before oldest is unknown but for the ids that the row remembers
// from then, and what was muted then and still is: items of that time are in no count.
func NewRefolder(row, board State, epoch uint32, oldest int64, cap int) *Refolder {
	row.Items = slices.DeleteFunc(slices.Clone(row.Items), func(e Entry) bool { return e.Shared != nil })
	r := &Refolder{row: row, epoch: epoch, cap: cap}
	if board.Epoch == epoch {
		r.base = board.Base
	}
	r.begin = r.base + uint64(oldest)
	switch {
	case row.Version == 0:
		r.from = r.begin
		r.state = State{Epoch: epoch, Base: r.base, Version: r.from}
	case row.Epoch != epoch:
		// The row has met nothing of this journal, so that it is what it begins with.
		r.state, r.from = row, row.Version
	default:
		r.from = row.Base + uint64(oldest)
		r.state = State{Epoch: epoch, Base: row.Base, Version: r.from, Removals: Remembered(row, r.from)}
		for _, m := range row.Mutes {
			if m.Version <= r.from {
				r.state.Mutes = append(r.state.Mutes, m)
			}
		}
	}
	r.atRow = r.state
	return r
}

// Remembered returns the identities that a row, or a notice board, knows from before a
// version: by them a notification is recognised whose first copy is not retained.
func Remembered(row State, from uint64) []Removal {
	var out []Removal
	for i := range row.Items {
		e := &row.Items[i]
		for _, m := range e.members() {
			if m.Seq <= from && m.Hash != 0 {
				out = append(out, Removal{Version: from, Hash: m.Hash})
			}
		}
	}
	for _, rm := range row.Removals {
		if rm.Version <= from || rm.Seq != 0 && rm.Seq <= from {
			out = append(out, Removal{Version: from, Hash: rm.Hash})
		}
	}
	return out
}

// Complete is [Refold.Complete].
func (r *Refolder) Complete() bool {
	return r.from == 0 || r.row.Version == 0 && r.from == r.base
}

// From is [Refold.From].
func (r *Refolder) From() uint64 { return r.from }

// Step folds the record at an offset, with the timestamp it has in the journal.
// Offsets must rise.
func (r *Refolder) Step(offset int64, at time.Time, record Record) Step {
	in := Input{Position: Position{Epoch: r.epoch, Offset: offset}, Time: at, Base: r.base, Cap: r.cap, Members: r.Members, Keep: r.Keep}
	before := r.before(offset)
	after, effects := Fold(before, record, in)
	r.pass(after.Version)
	s := NewStep(&before, &after, record, in, effects)
	s.Pending = r.past
	if r.Texts {
		s.Title = record.Notification.Title.Any()
	}
	r.state = after
	if !r.past {
		r.atRow = after
	}
	return s
}

// before is the row on which the record at an offset is folded.
func (r *Refolder) before(offset int64) State {
	if r.Advance == nil {
		return r.state
	}
	return r.Advance(r.state, r.base+uint64(offset)+1)
}

// Undecodable is Step for a record that cannot be decoded: it is a dead letter,
// and changes not even the version.
func (r *Refolder) Undecodable(offset int64, at time.Time, cause error) Step {
	row := r.before(offset)
	return Step{
		Offset: offset, Version: row.Version, Time: at.UTC(), Outcome: "dead-letter", Why: cause.Error(),
		Pending: r.past, Counts: row.Counts(at),
	}
}

// pass notices when the refold comes to what the row has not seen.
func (r *Refolder) pass(version uint64) {
	if version > r.row.Version {
		r.past = true
		r.more++
	}
}

// State is what all records have made so far. It is not to be modified.
func (r *Refolder) State() State { return r.state }

// AtRow is State up to the row's version.
func (r *Refolder) AtRow() State { return r.atRow }

// Result compares what was refolded with the row, both as they are at now.
func (r *Refolder) Result(now time.Time) Comparison { return r.Compare(r.row, r.atRow, now) }

// Compare is Result with the row and what was refolded of it as they are shown.
func (r *Refolder) Compare(row, refolded State, now time.Time) Comparison {
	c := Comparison{
		Version: row.Version, Pending: r.more, Row: row.Counts(now), Refolded: refolded.Counts(now),
		Older: Counts{Categories: map[string]Tally{}}, OlderItems: []uint64{},
		Missing: []uint64{}, Surplus: []uint64{}, Different: []uint64{},
	}
	if r.from == r.row.Version && r.row.Epoch != r.epoch && r.row.Version > 0 && row.Version == r.row.Version {
		c.Agrees = true // the row is what the refold began with
		return c
	}
	for i := range row.Items {
		e := &row.Items[i]
		mine, ok := refolded.Entry(e.Seq)
		switch {
		case e.Seq <= r.from, e.Shared != nil && e.Seq <= r.begin:
			c.OlderItems = append(c.OlderItems, e.Seq)
			c.Older.Add(e, now)
		case !ok:
			c.Surplus = append(c.Surplus, e.Seq)
		case mine.Read != e.Read || mine.Seen != e.Seen || mine.Archived != e.Archived || mine.Until != e.Until || mine.Shown != e.Shown || mine.Muted != e.Muted:
			c.Different = append(c.Different, e.Seq)
		}
	}
	for i := range refolded.Items {
		if _, ok := row.Entry(refolded.Items[i].Seq); !ok {
			c.Missing = append(c.Missing, refolded.Items[i].Seq)
		}
	}
	c.Agrees = len(c.Missing)+len(c.Surplus)+len(c.Different) == 0
	return c
}

// Keep drops the oldest steps over most and those before since, and counts them
// in Omitted.
func (r *Refold) Keep(since time.Time, most int) {
	n := max(len(r.Steps)-most, 0)
	if i := slices.IndexFunc(r.Steps, func(s Step) bool { return !s.Time.Before(since) }); i < 0 {
		n = len(r.Steps)
	} else {
		n = max(n, i)
	}
	r.Omitted += n
	r.Steps = slices.Delete(r.Steps, 0, n)
}

// Step is what one record of a journal changed.
type Step struct {
	Offset  int64     `json:"offset"`
	Version uint64    `json:"version"` // of the row after it
	Time    time.Time `json:"time"`    // of the record, as the broker gave it
	Kind    string    `json:"kind"`    // "" for a record that cannot be decoded
	Outcome Outcome   `json:"outcome"` // or "dead-letter", or "for-others" of a notice
	// Why says by what a duplicate was recognised ("watermark" or "id"), why a notice is
	// for others, or why the record cannot be decoded.
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
	// Audience is that of a notice, empty for what is the recipient's alone, and ExpiresAt
	// when the one that it added goes by the clock.
	Audience  string    `json:"audience,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`

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

	// Channel is that of a tell or an untell, Decision what the latter returns. Told are the
	// items that a tell took, Returned those that an untell gave back. Endpoint is the seq
	// of one that was added, 0 for none, GoneEndpoints those of such that went.
	Channel       string   `json:"channel,omitempty"`
	Decision      uint64   `json:"decision,omitempty"`
	Told          []uint64 `json:"told,omitempty"`
	Returned      []uint64 `json:"returned,omitempty"`
	Endpoint      uint64   `json:"endpoint,omitempty"`
	GoneEndpoints []uint64 `json:"gone_endpoints,omitempty"`
	// Reason is why endpoints went or preferences changed, or why a message to Bounced came back, which is counted
	// as of one of Bounces days.
	Reason  string `json:"reason,omitempty"`
	Bounced uint64 `json:"bounced,omitempty"`
	Bounces uint32 `json:"bounces,omitempty"`

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
	return s.Added != 0 || len(s.Told)+len(s.Returned)+flags+len(s.Gone)+len(s.Hidden)+len(s.Shown)+len(s.Muted)+len(s.Left) > 0
}

// NewStep returns what a record changed that was folded on a row, or on a notice board.
func NewStep(before, after *State, r Record, in Input, effects Effects) Step {
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
	s.reached(before, after, r, effects)
	for _, seq := range r.Seqs {
		if r.Kind == KindEndpoint || r.Kind == KindEndpointGone {
			break // they are no items
		}
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
	f := folder{s: &copied, audience: r.Audience()}
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

// bounced notes of which endpoint a message came back.
func (s *Step) bounced(before, after *State) {
	if before.Reach == nil || after.Reach == nil {
		return
	}
	for _, e := range after.Reach.Endpoints {
		i := slices.IndexFunc(before.Reach.Endpoints, func(was Endpoint) bool { return was.Seq == e.Seq })
		if i >= 0 && before.Reach.Endpoints[i].BouncedAt != e.BouncedAt {
			s.Bounced, s.Bounces = e.Seq, e.Bounces
		}
	}
}

// reached notes what a record told, gave back, added and took of endpoints.
func (s *Step) reached(before, after *State, r Record, effects Effects) {
	s.Endpoint, s.GoneEndpoints, s.Reason = effects.Endpoint, effects.GoneEndpoints, CutReason(r.Reason)
	s.bounced(before, after)
	switch {
	case r.Tell != nil:
		s.Channel = r.Tell.Channel
	case r.Untell != nil:
		s.Channel, s.Decision = r.Untell.Channel, r.Untell.Decision
	default:
		return
	}
	if after.Reach == nil {
		return
	}
	for i := range after.Reach.Items {
		item := &after.Reach.Items[i]
		var was ItemReach
		if before.Reach != nil {
			was = before.Reach.Item(item.Seq)
		}
		switch now, then := item.By(s.Channel), was.By(s.Channel); {
		case now != 0 && then == 0:
			s.Told = append(s.Told, item.Seq)
		case now == 0 && then != 0:
			s.Returned = append(s.Returned, item.Seq)
		}
	}
}
