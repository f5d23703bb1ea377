package broadcast

import (
	"fmt"
	"net/http"
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
	ID        string           `json:"id,omitempty"`
	Source    string           `json:"source,omitempty"`
	Audience  string           `json:"audience,omitempty"`
	Title     belfry.Text      `json:"title,omitempty"`
	Category  string           `json:"category,omitempty"`
	Priority  belfry.Priority  `json:"priority"`
	Time      time.Time        `json:"time,omitzero"`
	ExpiresAt time.Time        `json:"expires_at,omitzero"`
	Until     time.Time        `json:"until,omitzero"` // when it shows, while it is hidden
	Count     uint32           `json:"count"`
	Seqs      map[int32]uint64 `json:"seqs"` // by partition
	Pending   bool             `json:"pending,omitempty"`
	Reach     *reach           `json:"reach,omitempty"`
}

// reach is how many users hold a notice, and of those how many have seen and read it.
type reach struct {
	Held int `json:"held"`
	Seen int `json:"seen"`
	Read int `json:"read"`
}

func newNotice(a *board.Announced, now time.Time) *notice {
	e, c := &a.Entry, &a.Content
	n := &notice{
		ID: c.ID, Source: c.Source, Audience: c.Audience, Title: c.Title, Time: c.Time,
		Category: e.Category, Priority: e.Priority, Count: e.Count, Seqs: a.Seqs, Pending: a.Pending,
	}
	if e.ExpiresAt != 0 {
		n.ExpiresAt = time.UnixMilli(e.ExpiresAt).UTC()
	}
	if e.Hidden(now) {
		n.Until = time.UnixMilli(e.Until).UTC()
	}
	return n
}

// hideTexts leaves of a notice what says how many there are for whom and when: of the
// audience whether it is everybody.
func (n *notice) hideTexts() {
	n.ID, n.Source, n.Title, n.Category = "", "", nil, ""
	if n.Audience != belfry.AudienceAll {
		n.Audience = ""
	}
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
	now := time.Now()
	out, err := c.list(r, now)
	if err != nil {
		return err
	}
	if counted == 1 {
		if err := c.count(r, out, now); err != nil {
			return err
		}
	}
	wire.Respond(w, http.StatusOK, out)
	return nil
}

// GetOverview answers GET /v1/ops/broadcasts: GET /v1/broadcasts for operators. What
// notices say is shown with contents=1 alone, to whoever may see contents, and is logged.
func (c *Calls) GetOverview(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	query, err := wire.ParseQuery(r)
	if err != nil {
		return err
	}
	texts, err := wire.Number(query, "contents", 0, 1)
	if err != nil {
		return err
	}
	if texts == 1 && !call.Identity.Has(auth.ScopeAdmin) {
		return fmt.Errorf("%w: scope %s is required to see what notices say", auth.ErrForbidden, auth.ScopeAdmin)
	}
	out, err := c.list(r, time.Now())
	if err != nil {
		return err
	}
	if texts == 1 {
		c.config.Logger.Info("contents shown to an operator", "operator", call.Identity.Source(), "what", "notices", "texts", len(out.Broadcasts))
	} else {
		for _, n := range out.Broadcasts {
			n.hideTexts()
		}
	}
	wire.Respond(w, http.StatusOK, out)
	return nil
}

// list returns the notices of all boards at now.
func (c *Calls) list(r *http.Request, now time.Time) (*notices, error) {
	boards, err := c.all(r.Context())
	if err != nil {
		return nil, err
	}
	all, err := board.Announcements(boards, now, func(partition int32, seq uint64) (inbox.Item, bool, error) {
		return c.config.Item(belfry.PartitionKey(partition), seq)
	})
	if err != nil {
		return nil, err
	}
	out := &notices{Partitions: len(boards), Off: off(boards), Broadcasts: []*notice{}}
	for _, a := range all {
		out.Broadcasts = append(out.Broadcasts, newNotice(a, now))
	}
	return out, nil
}

// count counts over all users who have a row how many a notice has reached. Users of
// whom nothing was ever written hold what is for everybody, and are not known.
func (c *Calls) count(r *http.Request, out *notices, now time.Time) error {
	if !c.scanning.TryLock() {
		return ErrScanning
	}
	defer c.scanning.Unlock()
	type place struct {
		partition int32
		seq       uint64
	}
	reached, users := map[place]*reach{}, 0
	for _, n := range out.Broadcasts {
		n.Reach = &reach{}
		for partition, seq := range n.Seqs {
			reached[place{partition, seq}] = n.Reach
		}
	}
	if c.config.Boards == nil {
		return nil
	}
	err := c.config.Boards.EachRow(r.Context(), func(partition int32, row *inbox.State) error {
		users++
		for i := range row.Items {
			e := &row.Items[i]
			if e.Shared == nil || e.Expired(now) {
				continue
			}
			if n := reached[place{partition, e.Seq}]; n != nil {
				n.Held++
				if e.Seen {
					n.Seen++
				}
				if e.Read {
					n.Read++
				}
			}
		}
		return nil
	})
	out.Users, out.AsOf = &users, &now
	return err
}
