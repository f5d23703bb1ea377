package server

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/server/wire"
)

// fakeOps is an installation, its journals and its dead letters in memory. What
// it returns may be changed at any time with set.
type fakeOps struct {
	mu         sync.Mutex
	lag        lag.Report
	workers    []Worker
	rebalances []Rebalance
	looks      int // calls of Lag
	fake       *servertest.Tables
	replayErr  error
	queries    []JournalQuery
	hold       chan struct{} // not nil: journals wait for it
	letters    []deadletter.Letter
	replayed   []deadletter.ID
}

func (f *fakeOps) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeOps) Lag() lag.Report {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	return f.lag
}

func (f *fakeOps) Workers() []Worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.workers)
}

func (f *fakeOps) Rebalances() []Rebalance {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.rebalances)
}

func (f *fakeOps) Flows() []Flow {
	return []Flow{
		{Name: "HTTP API", Kind: "server", Outputs: []string{"belfry.journal"}},
		{Name: "belfry-router-orders", Kind: "group", Inputs: []string{"orders"}, Outputs: []string{"belfry.journal"}},
		{Name: "belfry-unread", Kind: "group", Inputs: []string{"belfry.journal"}, Outputs: []string{"belfry.items"}, Tables: []string{"belfry-unread-table"}},
	}
}

// Refold folds what the fake journal was given for the user again.
func (f *fakeOps) Refold(ctx context.Context, user string, row inbox.State, q JournalQuery) (*inbox.Refold, error) {
	f.mu.Lock()
	hold, err := f.hold, f.replayErr
	f.queries = append(f.queries, q)
	f.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err != nil {
		return nil, err
	}
	f.fake.Mu.Lock()
	defer f.fake.Mu.Unlock()
	r := inbox.NewRefolder(row, f.fake.Epoch, 0, 0)
	r.Texts = q.Texts
	out := &inbox.Refold{User: user, Epoch: f.fake.Epoch, End: f.fake.Offset, Complete: true, Steps: []inbox.Step{}}
	for _, a := range f.fake.Journal {
		if a.Recipient == user {
			out.Records++
			out.Steps = append(out.Steps, r.Step(a.Offset, a.At, a.Record))
		}
	}
	out.Keep(q.Since, q.Most)
	out.Result = r.Result(time.Now())
	return out, nil
}

func (f *fakeOps) List(_ context.Context, q deadletter.Query) (deadletter.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var page deadletter.Page
	for _, l := range f.letters {
		if q.Filter.Match(&l) {
			page.Letters = append(page.Letters, l)
		}
	}
	slices.SortFunc(page.Letters, func(a, b deadletter.Letter) int { return cmp.Compare(b.ID.Offset, a.ID.Offset) })
	if q.Before != nil {
		return deadletter.Page{}, wire.Invalid("before", "is none of ours")
	}
	if len(page.Letters) > q.Limit {
		page.Letters, page.Next = page.Letters[:q.Limit], deadletter.Cursor{1, 2}
	}
	return page, nil
}

func (f *fakeOps) Letter(_ context.Context, id deadletter.ID) (deadletter.Letter, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.letters, func(l deadletter.Letter) bool { return l.ID == id })
	if i < 0 {
		return deadletter.Letter{}, deadletter.ErrNoLetter
	}
	return f.letters[i], nil
}

func (f *fakeOps) Replay(_ context.Context, ids []deadletter.ID) ([]deadletter.ReplayOutcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []deadletter.ReplayOutcome
	for _, id := range ids {
		result := deadletter.ReplayRefused
		for i := range f.letters {
			if f.letters[i].ID == id {
				f.letters[i].Replayed, result = true, deadletter.ReplayDone
			}
		}
		f.replayed = append(f.replayed, id)
		out = append(out, deadletter.ReplayOutcome{Letter: &deadletter.Letter{ID: id}, Result: result})
	}
	return out, nil
}

var (
	_ Installation = (*fakeOps)(nil)
	_ Journals     = (*fakeOps)(nil)
	_ Letters      = (*fakeOps)(nil)
)

// opsTime is when all happened that the fake tells of.
var opsTime = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)

func newFakeOps() *fakeOps {
	eta := 42.0
	committed := int64(40)
	return &fakeOps{
		lag: lag.NewReport(opsTime, []lag.Group{
			{Name: "belfry-unread", State: "Stable", Members: []lag.Member{{ID: "m-1", ClientID: "belfry", Host: "10.0.0.4", Partitions: 2}},
				Partitions: []lag.Partition{
					{Topic: "belfry.journal", Partition: 0, CurrentOffset: &committed, EndOffset: 43, Lag: 3, LagSeconds: 0.4},
					{Topic: "belfry.journal", Partition: 1, EndOffset: 40, Lag: 40, LagSeconds: 200},
				}},
			{Name: "belfry-router-orders", State: "Stable"},
			{Name: "billing", State: "Empty"},
		}),
		workers: []Worker{
			{Kind: "processor", Name: "belfry-unread", Phase: "recovering", Since: opsTime, Progress: &wire.Progress{Percent: 37.5, Done: 375, Total: 1000, ETA: &eta}},
			{Kind: "processor", Name: "belfry-router-orders", Phase: "running", Since: opsTime},
			{Kind: "view", Name: "belfry-unread-table", Phase: "running", Since: opsTime, Lag: 2},
		},
		rebalances: []Rebalance{{At: opsTime, Group: "belfry-unread", Before: 12, After: 6, PauseSeconds: 1.5}},
		letters: []deadletter.Letter{
			{ID: deadletter.ID{Partition: 0, Offset: 11}, Envelope: deadletter.Envelope{
				Reason: deadletter.ReasonInvalid, Error: "title: is required", Group: "belfry-router-orders",
				Topic: "orders", Partition: 1, Offset: 7, Timestamp: opsTime, DeadAt: opsTime, Attempt: 1,
			}, Key: []byte("user-7"), Value: []byte(`{"title":"hidden-value"}`), Headers: []belfry.Header{{Key: "trace", Value: []byte("abc")}}},
			{ID: deadletter.ID{Partition: 1, Offset: 12}, Envelope: deadletter.Envelope{
				Reason: deadletter.ReasonRule, Error: "no such key", Rule: "order-received", Field: "time", Group: "belfry-router-orders",
				Topic: "orders", Partition: 0, Offset: 8, Timestamp: opsTime, DeadAt: opsTime, Attempt: 2, Length: 9,
			}},
		},
	}
}

// withOps gives a server the fake.
func withOps(f *fakeOps) func(*Config) {
	return func(c *Config) {
		f.fake, _ = c.Rows.(*servertest.Tables)
		c.Operations = Operations{Installation: f, Journals: f, Letters: f}
	}
}
