package views_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/views"
)

func journalRecord(t *testing.T, r inbox.Record) []byte {
	t.Helper()
	b, err := codec.EncodeRecord(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// neighbour is another user of the same partition.
func neighbour(user string) string {
	other := user
	for other == user || kafka.Partition(other, partitions) != kafka.Partition(user, partitions) {
		other += "x"
	}
	return other
}

func TestRefold(t *testing.T) {
	cfg := tables(t)
	const user = "user-7"
	journal := prefix.Journal()
	note := func(title string) []byte {
		return journalRecord(t, inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{Title: belfry.PlainText(title)}})
	}
	put(t, cfg, journal, user, note("one"))
	put(t, cfg, journal, neighbour(user), note("of another"))
	put(t, cfg, journal, user, []byte{0xff, 0xff})
	put(t, cfg, journal, user, nil)
	put(t, cfg, journal, user, journalRecord(t, inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{1}}))
	put(t, cfg, journal, user, note("two"))

	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	infos, err := topics.Info(journal)
	if err != nil {
		t.Fatal(err)
	}
	epoch := infos[journal].ID.Epoch()
	// As the processor would have it, which has not seen the last record.
	row := inbox.State{Epoch: epoch, Version: 5, Items: []inbox.Entry{{Seq: 1, Version: 5, Count: 1, Read: true, Seen: true}}}
	var told []int64
	journals := &views.Journals{Config: cfg, Prefix: prefix, Progress: func(read, total int64) { told = append(told, read, total) }}
	got, err := journals.Refold(t.Context(), user, row, inbox.RefoldQuery{Texts: true})
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, s := range got.Steps {
		steps = append(steps, strings.TrimSpace(s.Kind+" "+string(s.Outcome)+" "+s.Title))
	}
	want := []string{"notify applied one", "dead-letter", "dead-letter", "read applied", "notify applied two"}
	if !slices.Equal(steps, want) {
		t.Errorf("got %q, want %q", steps, want)
	} else if !strings.Contains(got.Steps[1].Why, belfry.ErrCorrupt.Error()) || got.Steps[2].Why != belfry.ErrEmpty.Error() {
		t.Errorf("the dead letters say %q and %q", got.Steps[1].Why, got.Steps[2].Why)
	}
	if got.Records != 5 || got.End != 6 || got.Oldest != 0 || !got.Complete || got.Epoch != epoch || got.Partition != kafka.Partition(user, partitions) {
		t.Errorf("got %+v", got)
	}
	if !got.Result.Agrees || got.Result.Pending != 1 || got.Result.Row.Unread != 0 || !got.Steps[4].Pending {
		t.Errorf("got %+v, want a row that agrees and one record pending", got.Result)
	}
	if !slices.Equal(told, []int64{6, 6}) {
		t.Errorf("told %v, want the end", told)
	}

	few, err := journals.Refold(t.Context(), user, row, inbox.RefoldQuery{Most: 2, Since: time.Now().Add(-time.Hour)})
	if err != nil || len(few.Steps) != 2 || few.Omitted != 3 || few.Steps[1].Offset != 5 || few.Steps[1].Title != "" {
		t.Errorf("got %+v, %v; want the two newest steps without titles", few, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := journals.Refold(ended, user, row, inbox.RefoldQuery{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v when nobody waits any more", err)
	}
}
