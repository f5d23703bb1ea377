// Package opstest has an installation for tests of the page for operators, its
// journals and its dead letters in memory. It imports server/ops and servertest;
// begin with New.
package opstest

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/server/ops"
	"github.com/belfry/belfry/server/wire"
)

// Fake is an installation, its journals and its dead letters in memory. What
// it returns may be changed at any time with Set.
type Fake struct {
	mu         sync.Mutex
	Collected  lag.Report
	Working    []ops.Worker
	Flowing    []ops.Flow
	rebalances []ops.Rebalance
	Looks      int // calls of Lag
	Tables     *servertest.Tables
	RefoldErr  error
	ReplayErr  error
	Queries    []inbox.RefoldQuery
	Held       chan struct{} // not nil: journals wait for it
	letters    []deadletter.Letter
	Replayed   []deadletter.ID
	Looked     []ops.RecordQuery
	TopicsErr  error      // of Topics and Newest
	Recounted  int        // what Drift returns
	Timed      ops.Timers // what Timers returns, unless it is zero
	Ahead      time.Duration
	Told       []ops.Channel
	Counted    ops.Pending // what Pending returns
}

// Set changes it while it is in use.
func (f *Fake) Set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *Fake) Lag() lag.Report {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Looks++
	return f.Collected
}

func (f *Fake) Workers() []ops.Worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.Working)
}

func (f *Fake) Rebalances() []ops.Rebalance {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.rebalances)
}

func (f *Fake) Flows() []ops.Flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.Flowing)
}

// flows are those of a small installation.
func flows() []ops.Flow {
	return []ops.Flow{
		{Name: "HTTP API", Kind: "server", Outputs: []string{"belfry.journal"}},
		{Name: "belfry-router-orders", Kind: "group", Inputs: []string{"orders"}, Outputs: []string{"belfry.journal"}},
		{Name: "belfry-unread", Kind: "group", Inputs: []string{"belfry.journal"}, Tables: []string{"belfry-unread-table", "belfry-inbox-table"}},
	}
}

// Pending implements ops.Installation.
func (f *Fake) Pending() ops.Pending {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Counted
}

// Drift implements ops.Installation.
func (f *Fake) Drift() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Recounted
}

// Timers implements ops.Installation.
func (f *Fake) Timers() (ops.Timers, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Timed, f.Timed != (ops.Timers{})
}

// Channels implements ops.Installation.
func (f *Fake) Channels() []ops.Channel {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Told
}

// ClockSkew implements ops.Installation.
func (f *Fake) ClockSkew() (time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Ahead, f.Ahead != 0
}

// Refold folds what the fake journal was given for the user again.
func (f *Fake) Refold(ctx context.Context, user string, row inbox.State, q inbox.RefoldQuery) (*inbox.Refold, error) {
	f.mu.Lock()
	hold, err := f.Held, f.RefoldErr
	f.Queries = append(f.Queries, q)
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
	var on *board.Board
	partition := f.Tables.Partition(user)
	if partition >= 0 {
		if on, err = f.Tables.Board(partition); err != nil {
			return nil, err
		}
	}
	f.Tables.Mu.Lock()
	defer f.Tables.Mu.Unlock()
	r := board.NewRefolder(row, on, f.Tables.Epoch, 0, 0)
	r.Texts = q.Texts
	out := &inbox.Refold{User: user, Epoch: f.Tables.Epoch, End: f.Tables.Offset, Complete: true, Steps: []inbox.Step{}}
	for _, a := range f.Tables.Journal {
		switch a.Recipient {
		case user:
			out.Records++
			out.Steps = append(out.Steps, r.Step(a.Offset, a.At, a.Record))
		case belfry.PartitionKey(partition):
			if step, told := r.Notice(a.Offset, a.At, a.Record); told {
				out.Notices++
				out.Steps = append(out.Steps, step)
			}
		}
	}
	out.Keep(q.Since, q.Most)
	out.Result = r.Result(time.Now())
	return out, nil
}

func (f *Fake) List(_ context.Context, q deadletter.Query) (deadletter.Page, error) {
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
		return deadletter.Page{}, belfry.Invalid("before", "is none of ours")
	}
	if len(page.Letters) > q.Limit {
		page.Letters, page.Next = page.Letters[:q.Limit], deadletter.Cursor{1, 2}
	}
	return page, nil
}

func (f *Fake) Letter(_ context.Context, id deadletter.ID) (deadletter.Letter, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.letters, func(l deadletter.Letter) bool { return l.ID == id })
	if i < 0 {
		return deadletter.Letter{}, deadletter.ErrNoLetter
	}
	return f.letters[i], nil
}

func (f *Fake) Replay(_ context.Context, ids []deadletter.ID) ([]deadletter.ReplayOutcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ReplayErr != nil {
		return nil, f.ReplayErr
	}
	var out []deadletter.ReplayOutcome
	for _, id := range ids {
		result := deadletter.ReplayRefused
		for i := range f.letters {
			if f.letters[i].ID == id {
				f.letters[i].Replayed, result = true, deadletter.ReplayDone
			}
		}
		f.Replayed = append(f.Replayed, id)
		out = append(out, deadletter.ReplayOutcome{Letter: &deadletter.Letter{ID: id}, Result: result})
	}
	return out, nil
}

// Topics implements ops.Topics.
func (f *Fake) Topics(context.Context) ([]ops.Topic, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	week, size := int64(7*24*3600*1000), int64(4096)
	return []ops.Topic{
		{Name: "orders", Kind: "source"},
		{Name: "belfry.journal", Kind: "journal", Exists: true, Replication: 3, Policy: "delete", RetentionMS: &week, Bytes: &size, Records: 83, Degraded: 1,
			Partitions: []ops.TopicPartition{
				{Leader: 1, Replicas: 3, InSync: 3, Stable: 43, End: 43, Bytes: &size},
				{Partition: 1, Leader: 2, Replicas: 3, InSync: 2, Stable: 38, End: 40},
			}},
	}, f.TopicsErr
}

// Newest implements ops.Topics.
func (f *Fake) Newest(_ context.Context, q ops.RecordQuery) ([]ops.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Looked = append(f.Looked, q)
	if q.Topic != "orders" {
		return nil, ops.ErrNoTopic
	}
	if q.Partition > 0 {
		return nil, belfry.Invalid("partition", "must be 0 to 0, is %d", q.Partition)
	}
	key, value := "user-7", `{"title":"hidden-value <b>x</b>"}`
	r := ops.Record{Offset: 8, At: At, Size: len(value), Key: &key, Value: &value, Decoded: []ops.RecordEvent{{
		Type: "order-paid", ID: "o8", Value: json.RawMessage(value), Rules: []ops.RecordRule{
			{Rule: "order-received", Recipients: []string{"user-7"}, RecipientCount: 1, Makes: json.RawMessage(`{"title":"hidden-value"}`)},
			{Rule: "order-late", Why: "when is false"},
		},
	}}}
	r.SetHeaders([]belfry.Header{{Key: "trace", Value: []byte("abc")}})
	return []ops.Record{r}, f.TopicsErr
}

var (
	_ ops.Topics       = (*Fake)(nil)
	_ ops.Installation = (*Fake)(nil)
	_ ops.Journals     = (*Fake)(nil)
	_ ops.Letters      = (*Fake)(nil)
)

// At is when all happened that the fake tells of, but for the collection of lag,
// which is of when the fake was made.
var At = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)

func New() *Fake {
	eta := 42.0
	committed := int64(40)
	return &Fake{
		Counted: ops.Pending{Pending: deadletter.Pending{Count: 4, CountedAt: At, Kinds: []deadletter.PendingKind{
			{Group: "belfry-router-orders", Reason: deadletter.ReasonInvalid, Count: 1}, {Group: "belfry-unread", Reason: deadletter.ReasonPanic, Count: 3},
		}}},
		Collected: lag.NewReport(time.Now().UTC(), []lag.Group{
			{Name: "belfry-unread", State: "Stable", Members: []lag.Member{{ID: "m-1", ClientID: "belfry", Host: "10.0.0.4", Partitions: 2}},
				Partitions: []lag.Partition{
					{Topic: "belfry.journal", Partition: 0, CurrentOffset: &committed, EndOffset: 43, Lag: 3, LagSeconds: 0.4},
					{Topic: "belfry.journal", Partition: 1, EndOffset: 40, Lag: 40, LagSeconds: 200},
				}},
			{Name: "belfry-router-orders", State: "Stable"},
			{Name: "billing", State: "Empty"},
		}),
		Flowing: flows(),
		Working: []ops.Worker{
			{Kind: "processor", Name: "belfry-unread", Phase: "recovering", Since: At, Progress: &wire.Progress{Percent: 37.5, Done: 375, Total: 1000, ETA: &eta}},
			{Kind: "processor", Name: "belfry-router-orders", Phase: "running", Since: At},
			{Kind: "view", Name: "belfry-unread-table", Phase: "running", Since: At, Lag: 2},
		},
		rebalances: []ops.Rebalance{{At: At, Group: "belfry-unread", Before: 12, After: 6, PauseSeconds: 1.5}},
		letters: []deadletter.Letter{
			{ID: deadletter.ID{Partition: 0, Offset: 11}, Envelope: deadletter.Envelope{
				Reason: deadletter.ReasonInvalid, Error: "title: is required", Group: "belfry-router-orders",
				Topic: "orders", Partition: 1, Offset: 7, Timestamp: At, DeadAt: At, Attempt: 1,
			}, Key: []byte("user-7"), Value: []byte(`{"title":"hidden-value"}`), Headers: []belfry.Header{{Key: "trace", Value: []byte("abc")}}},
			{ID: deadletter.ID{Partition: 1, Offset: 12}, Envelope: deadletter.Envelope{
				Reason: deadletter.ReasonRule, Error: "no such key", Rule: "order-received", Field: "time", Group: "belfry-router-orders",
				Topic: "orders", Partition: 0, Offset: 8, Timestamp: At, DeadAt: At, Attempt: 2, Length: 9,
			}},
		},
	}
}

// Config has an ops page show the fake.
func (f *Fake) Config() ops.Config {
	return ops.Config{Installation: f, Journals: f, Letters: f, Topics: f}
}
