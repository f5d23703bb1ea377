package table_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
)

// A row is read with the own row that the table had together with it, whatever is written
// meanwhile: own row n stands before row n, and row n before own row n+1.
func TestViewReadsRowAndOwnRowTogether(t *testing.T) {
	t.Parallel()
	const rows = 2000
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "rows")
	number := func(value []byte) any {
		n, _ := strconv.Atoi(string(value)) // 0 for none
		return n
	}
	v := table.NewView(cfg, table.Definition{Topic: "rows", Own: number})
	if got := v.Partition("a"); got != -1 {
		t.Errorf("partition %d before the table can be read", got)
	}
	enginetest.Run(t, v.Run)
	enginetest.AwaitPhase(t, v, engine.Running)
	if value, own, err := v.Read("a"); value != nil || own != 0 || err != nil || v.Partition("a") != 0 {
		t.Fatalf("got %q, %v, %v in partition %d of an empty table", value, own, err, v.Partition("a"))
	}
	var reading sync.WaitGroup
	for range 4 {
		reading.Go(func() {
			for last := 0; last < rows; {
				value, own, err := v.Read("a")
				if err != nil {
					t.Error(err)
					return
				}
				n := number(value).(int)
				if n != own && n != own.(int)-1 || n < last {
					t.Errorf("read row %d, after %d, with own row %v", n, last, own)
					return
				}
				last = n
			}
		})
	}
	var all []*sarama.ProducerMessage
	for n := 1; n <= rows; n++ {
		all = append(all, enginetest.Text("rows", belfry.PartitionKey(0), fmt.Sprint(n)), enginetest.Text("rows", "a", fmt.Sprint(n)))
	}
	enginetest.Produce(t, cfg, all...)
	reading.Wait()

	enginetest.Produce(t, cfg, &sarama.ProducerMessage{Topic: "rows", Key: sarama.StringEncoder(belfry.PartitionKey(0))})
	await.Eventually(t, enginetest.Patience, func() string { return "the own row is not gone" }, func() bool {
		_, own, err := v.Read("a")
		return own == 0 && err == nil
	})
}

// Own rows that were there before the view are read when the table becomes readable.
func TestViewBeginsWithOwnRows(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 2, "rows")
	enginetest.Produce(t, cfg, enginetest.On(1, enginetest.Text("rows", belfry.PartitionKey(1), "board")))
	v := table.NewView(cfg, table.Definition{Topic: "rows", Own: func(value []byte) any { return string(value) }})
	enginetest.Run(t, v.Run)
	enginetest.AwaitPhase(t, v, engine.Running)
	for p, want := range []string{"", "board"} {
		if _, own, err := v.Read(belfry.PartitionKey(int32(p)) + "/7"); own != want || err != nil {
			t.Errorf("partition %d: got %v, %v, want %q", p, own, err, want)
		}
	}
}

// A view that compaction may have overtaken shows nothing on its way to the end.
func TestViewHidesWhatCompactionMayHaveThinned(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		stale time.Duration
		shown bool
		told  string // of the two rows, if they come in one fetch
	}{
		{"away for long", 1, false, "all"},
		{"away for a while", time.Hour, true, "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := enginetest.Config(t)
			enginetest.CreateTopics(t, cfg, 1, "rows")
			enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"))
			gate, seen := make(chan struct{}), make(chan bool)
			var told enginetest.Log
			var v *table.View
			v = table.NewView(cfg, table.Definition{
				Topic: "rows", Stale: tt.stale,
				Accept: func(_, _ []byte) bool {
					seen <- v.Recovered()
					<-gate
					return true
				},
				Changed: func(key string, _ []byte) { told.Add(key) }, Replaced: func() { told.Add("all") },
			})
			enginetest.Run(t, v.Run)
			enginetest.AwaitPhase(t, v, engine.Running)
			enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "2"), enginetest.Text("rows", "a", "3"))
			for range 2 {
				if shown := <-seen; shown != tt.shown {
					t.Errorf("readable on the way: %t, want %t", shown, tt.shown)
				}
				gate <- struct{}{}
			}
			enginetest.AwaitPhase(t, v, engine.Running)
			enginetest.AwaitValue(t, v, "a", "3")
			told.Await(t, 2)
			if got := told.Lines()[1:]; slices.ContainsFunc(got, func(line string) bool { return line != tt.told }) {
				t.Errorf("told %q, want %q alone", got, tt.told)
			}
		})
	}
}
