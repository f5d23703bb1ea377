package inbox

import (
	"slices"
	"time"

	"github.com/belfry/belfry"
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
	Omitted int        `json:"omitted"` // how many of them are not in Steps
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
	// the past that is not retained they may be harmless: a duplicate of
	// something older is a new item to the refold.
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
	// Members is that of the fold ([Input]).
	Members int

	row   State
	epoch uint32
	base  uint64
	cap   int
	from  uint64
	state State
	atRow State // state at the row's version
	past  bool  // whether the row's version is passed
	more  int   // records after it
}

// NewRefolder begins with the oldest record that a journal of that epoch
// retains, at offset oldest of the recipient's partition. Row is the
// recipient's row, read before the end of the journal is: it says at which
// version the epoch began. Board is the row of the recipient's partition
// ([belfry.PartitionKey]), which says so for a recipient without a row of the epoch.
// Cap is that of the fold ([Input]).
//
// The time before oldest is unknown but for the ids that the row remembers
// from then, and what was muted then and still is: items of that time are in no count.
func NewRefolder(row, board State, epoch uint32, oldest int64, cap int) *Refolder {
	r := &Refolder{row: row, epoch: epoch, cap: cap}
	if board.Epoch == epoch {
		r.base = board.Base
	}
	switch {
	case row.Version == 0:
		r.from = r.base + uint64(oldest)
		r.state = State{Epoch: epoch, Base: r.base, Version: r.from}
	case row.Epoch != epoch:
		// The row has met nothing of this journal, so that it is what it begins with.
		r.state, r.from = row, row.Version
	default:
		r.from = row.Base + uint64(oldest)
		r.state = State{Epoch: epoch, Base: row.Base, Version: r.from, Removals: remembered(row, r.from)}
		for _, m := range row.Mutes {
			if m.Version <= r.from {
				r.state.Mutes = append(r.state.Mutes, m)
			}
		}
	}
	r.atRow = r.state
	return r
}

// remembered returns the identities that a row knows from before a version: by
// them a notification is recognised whose first copy is not retained.
func remembered(row State, from uint64) []Removal {
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
		if rm.Version <= from {
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
	in := Input{Position: Position{Epoch: r.epoch, Offset: offset}, Time: at, Base: r.base, Cap: r.cap, Members: r.Members}
	before := r.state
	after, effects := Fold(before, record, in)
	r.pass(after.Version)
	s := newStep(&before, &after, record, in, effects)
	s.Pending = r.past
	if r.Texts {
		s.Title = titleOf(record.Notification.Title)
	}
	r.state = after
	if !r.past {
		r.atRow = after
	}
	return s
}

// Undecodable is Step for a record that cannot be decoded: it is a dead letter,
// and changes not even the version.
func (r *Refolder) Undecodable(offset int64, at time.Time, cause error) Step {
	return Step{
		Offset: offset, Version: r.state.Version, Time: at.UTC(), Outcome: "dead-letter", Why: cause.Error(),
		Pending: r.past, Counts: r.state.Counts(at),
	}
}

// pass notices when the refold comes to what the row has not seen.
func (r *Refolder) pass(version uint64) {
	if version > r.row.Version {
		r.past = true
		r.more++
	}
}

// Result compares what was refolded with the row, both as they are at now.
func (r *Refolder) Result(now time.Time) Comparison {
	c := Comparison{
		Version: r.row.Version, Pending: r.more, Row: r.row.Counts(now), Refolded: r.atRow.Counts(now),
		Older: Counts{Categories: map[string]Tally{}}, OlderItems: []uint64{},
		Missing: []uint64{}, Surplus: []uint64{}, Different: []uint64{},
	}
	if r.from == r.row.Version && r.row.Epoch != r.epoch && r.row.Version > 0 {
		c.Agrees = true // the row is what the refold began with
		return c
	}
	for i := range r.row.Items {
		e := &r.row.Items[i]
		mine, ok := r.atRow.Entry(e.Seq)
		switch {
		case e.Seq <= r.from:
			c.OlderItems = append(c.OlderItems, e.Seq)
			c.Older.Add(e, now)
		case !ok:
			c.Surplus = append(c.Surplus, e.Seq)
		case mine.Read != e.Read || mine.Seen != e.Seen || mine.Archived != e.Archived || mine.Until != e.Until || mine.Shown != e.Shown || mine.Muted != e.Muted:
			c.Different = append(c.Different, e.Seq)
		}
	}
	for i := range r.atRow.Items {
		if _, ok := r.row.Entry(r.atRow.Items[i].Seq); !ok {
			c.Missing = append(c.Missing, r.atRow.Items[i].Seq)
		}
	}
	c.Agrees = len(c.Missing)+len(c.Surplus)+len(c.Different) == 0
	return c
}

func titleOf(t belfry.Text) string {
	if names := t.Languages(); len(names) > 0 {
		return t[names[0]]
	}
	return ""
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
