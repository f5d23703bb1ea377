package broadcast

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// notices are what is on the boards of all partitions.
type notices struct {
	Partitions int        `json:"partitions"`
	Off        []int      `json:"off"` // partitions without a board
	Broadcasts []*notice  `json:"broadcasts"`
	Users      *int       `json:"users,omitempty"` // who were counted
	AsOf       *time.Time `json:"as_of,omitempty"`
}

// notice is one that is live, or scheduled.
type notice struct {
	ID        string            `json:"id,omitempty"`
	Source    string            `json:"source,omitempty"`
	Audience  string            `json:"audience,omitempty"`
	Title     belfry.Text       `json:"title,omitempty"`
	Category  string            `json:"category,omitempty"`
	Priority  belfry.Priority   `json:"priority"`
	Time      time.Time         `json:"time,omitzero"`
	ExpiresAt time.Time         `json:"expires_at,omitzero"`
	Until     time.Time         `json:"until,omitzero"` // when it shows, while it is hidden
	Count     uint32            `json:"count"`
	Seqs      map[string]uint64 `json:"seqs"` // by partition
	Pending   bool              `json:"pending,omitempty"`
	Reach     *reach            `json:"reach,omitempty"`

	place uint64
}

// reach is how many users hold a notice, and of those how many have seen and read it.
type reach struct {
	Held int `json:"held"`
	Seen int `json:"seen"`
	Read int `json:"read"`
}

// GetBroadcasts answers GET /v1/broadcasts: what is live or scheduled, the newest first,
// and with reach=1 how many users it has reached.
func (c *Calls) GetBroadcasts(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
	query, err := wire.ParseQuery(r)
	if err != nil {
		return err
	}
	counted, err := wire.Number(query, "reach", 0, 1)
	if err != nil {
		return err
	}
	boards, err := c.all(r.Context())
	if err != nil {
		return err
	}
	now := time.Now()
	out := notices{Partitions: len(boards), Off: off(boards)}
	bySeq, err := c.list(&out, boards, now)
	if err != nil {
		return err
	}
	if counted == 1 {
		if err := c.count(r, &out, bySeq, now); err != nil {
			return err
		}
	}
	wire.Respond(w, http.StatusOK, out)
	return nil
}

// list fills in the notices of all boards: one for each identity, whose seqs differ by
// partition. It returns them by partition and seq.
func (c *Calls) list(out *notices, boards []*board.Board, now time.Time) ([]map[uint64]*notice, error) {
	type identity struct {
		hash, audience uint64
	}
	out.Broadcasts = []*notice{}
	known, bySeq := map[identity]*notice{}, make([]map[uint64]*notice, len(boards))
	for p, b := range boards {
		bySeq[p] = map[uint64]*notice{}
		if b == nil {
			continue
		}
		for i := range b.State.Items {
			e := &b.State.Items[i]
			if e.Expired(now) {
				continue
			}
			n := known[identity{e.Hash, b.Notices[i].Audience}]
			if n == nil {
				n = &notice{Pending: true, Seqs: map[string]uint64{}, place: e.Place()}
				known[identity{e.Hash, b.Notices[i].Audience}] = n
				out.Broadcasts = append(out.Broadcasts, n)
			}
			if n.Pending {
				if err := c.describe(n, int32(p), e, now); err != nil {
					return nil, err
				}
			}
			n.Seqs[strconv.Itoa(p)] = e.Seq
			bySeq[p][e.Seq] = n
		}
	}
	slices.SortStableFunc(out.Broadcasts, func(a, b *notice) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.place, a.place))
	})
	return bySeq, nil
}

// describe fills in what the board and the inbox table hold of a notice.
func (c *Calls) describe(n *notice, partition int32, e *inbox.Entry, now time.Time) error {
	n.Category, n.Priority, n.Count = e.Category, e.Priority, e.Count
	if e.ExpiresAt != 0 {
		n.ExpiresAt = time.UnixMilli(e.ExpiresAt).UTC()
	}
	if e.Hidden(now) {
		n.Until = time.UnixMilli(e.Until).UTC()
	}
	item, ok, err := c.config.Item(belfry.PartitionKey(partition), e.Seq)
	if err != nil || !ok {
		return err
	}
	n.Pending = false
	n.ID, n.Source, n.Audience, n.Title, n.Time = item.ID, item.Source, item.Audience, item.Title, item.Time
	return nil
}

// count counts over all users who have a row how many a notice has reached. Users of
// whom nothing was ever written hold what is for everybody, and are not known.
func (c *Calls) count(r *http.Request, out *notices, bySeq []map[uint64]*notice, now time.Time) error {
	if !c.scanning.TryLock() {
		return ErrScanning
	}
	defer c.scanning.Unlock()
	users := 0
	for _, n := range out.Broadcasts {
		n.Reach = &reach{}
	}
	err := c.config.Boards.EachRow(r.Context(), func(partition int32, row *inbox.State) error {
		users++
		for i := range row.Items {
			e := &row.Items[i]
			if e.Shared == nil {
				continue
			}
			if n := bySeq[partition][e.Seq]; n != nil && !e.Expired(now) {
				n.Reach.Held++
				if e.Seen {
					n.Reach.Seen++
				}
				if e.Read {
					n.Reach.Read++
				}
			}
		}
		return nil
	})
	out.Users, out.AsOf = &users, &now
	return err
}
