package processors_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/processors"
)

// reports remembers what is told of one key after the other.
type reports struct {
	mu  sync.Mutex
	all map[string][]string
}

func (r *reports) add(key, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string][]string{}
	}
	r.all[key] = append(r.all[key], what)
}

func (r *reports) Refused(key string)  { r.add(key, "refused") }
func (r *reports) Accepted(key string) { r.add(key, "accepted") }

func (r *reports) of(key string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all[key])
}

func encodedRow(t *testing.T, version uint64, seqs ...uint64) []byte {
	t.Helper()
	s := inbox.State{Epoch: 7, Version: version}
	for _, seq := range seqs {
		s.Items = append(s.Items, inbox.Entry{Seq: seq, Version: seq, Count: 1})
	}
	b, err := codec.EncodeState(&s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The rows of each user are what a recovering processor reads, oldest first. A
// notification then shows what it has taken.
func TestRecoveryTakesNoOlderRow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		user    string
		rows    [][]byte
		want    string   // items after a notification; next: of the first version of the new epoch
		reports []string // of recovery; one more accepted is that of the notification
	}{
		{"older", [][]byte{encodedRow(t, 5, 2, 5), encodedRow(t, 3, 2, 3)}, "[2 5 next]", []string{"accepted", "refused"}},
		{"newer", [][]byte{encodedRow(t, 3, 2, 3), encodedRow(t, 5, 2, 5)}, "[2 5 next]", []string{"accepted", "accepted"}},
		{"equal", [][]byte{encodedRow(t, 5, 2), encodedRow(t, 5, 2, 3)}, "[2 3 next]", []string{"accepted", "accepted"}},
		{"older and newer", [][]byte{encodedRow(t, 5), encodedRow(t, 3), encodedRow(t, 4), encodedRow(t, 6, 4)}, "[4 next]",
			[]string{"accepted", "refused", "refused", "accepted"}},
		{"tombstone", [][]byte{encodedRow(t, 5, 2), nil, encodedRow(t, 3, 1)}, "[1 next]", []string{"accepted", "accepted", "accepted"}},
		{"unreadable", [][]byte{encodedRow(t, 5, 2), []byte("garbage"), encodedRow(t, 3, 1)}, "[1 next]", []string{"accepted", "accepted", "accepted"}},
	}
	for _, tt := range tests {
		t.Run(tt.user, func(t *testing.T) {
			t.Parallel()
			cfg := installed(t)
			var records []*sarama.ProducerMessage
			for _, value := range tt.rows {
				records = append(records, keyed(prefix.UnreadTable(), tt.user, value))
			}
			produce(t, cfg, records...)
			dead := enginetest.OpenDead(t, cfg, prefix.DeadLetters())
			j, err := emitters.OpenJournal(cfg, prefix)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			p := path{metrics: prometheus.NewRegistry()}
			told := &reports{}
			deps := processors.Deps{Prefix: prefix, DeadLetters: dead, Metrics: processors.NewMetrics(p.metrics), Rows: told}
			group := engine.NewProcessor(cfg, processors.NewUnread(deps, 0).Group())
			ctx, stop := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { _ = group.Run(ctx) })
			defer running.Wait()
			defer stop()
			if _, err := j.Append(t.Context(), inbox.Addressed{Recipients: []string{tt.user}, Record: inbox.Record{
				Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "1", Source: "test", Title: belfry.PlainText("x")}}}); err != nil {
				t.Fatal(err)
			}
			last := consume(t, cfg, prefix.UnreadTable(), len(tt.rows)+1)[len(tt.rows)]
			row, err := codec.DecodeState(last.Value)
			if err != nil {
				t.Fatal(err)
			}
			var seqs []string
			for _, e := range row.Items {
				seqs = append(seqs, strings.ReplaceAll(fmt.Sprint(e.Seq), fmt.Sprint(inbox.BaseStep+1), "next"))
			}
			if got := fmt.Sprint(seqs); got != tt.want || row.Version != inbox.BaseStep+1 {
				t.Errorf("folded to %d %s, want %s", row.Version, got, tt.want)
			}
			if got, want := told.of(tt.user), append(tt.reports, "accepted"); !slices.Equal(got, want) {
				t.Errorf("reported %q, want %q", got, want)
			}
			refused := 0
			for _, what := range tt.reports {
				if what == "refused" {
					refused++
				}
			}
			if got := p.counter(t, "belfry_refused_rows_total"); got != float64(refused) {
				t.Errorf("%v refused by the metric, want %d", got, refused)
			}
		})
	}
}
