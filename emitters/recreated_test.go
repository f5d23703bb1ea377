package emitters_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
)

// A write after the journal was created anew is stamped with its new
// epoch, without a write that fails: with the old one, every command would wait for
// a position that never comes.
func TestPositionsOfARecreatedJournal(t *testing.T) {
	t.Parallel()
	cfg, all := topics(t)
	j := openJournal(t, cfg)
	if _, err := j.Append(t.Context(), touch("a", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := all.Admin.DeleteTopic(t.Context(), prefix.Journal()); err != nil {
		t.Fatal(err)
	}
	if _, err := all.Ensure(t.Context(), prefix.Topics(partitions), 1); err != nil {
		t.Fatal(err)
	}
	infos, err := all.Info(prefix.Journal())
	if err != nil {
		t.Fatal(err)
	}
	var at []inbox.Position
	want := infos[prefix.Journal()].ID.Epoch()
	await.Eventually(t, patience, func() string { return fmt.Sprintf("positions %v, %v, want the epoch %d", at, err, want) }, func() bool {
		at, err = j.Append(t.Context(), touch("a", 2))
		return err == nil && at[0].Epoch == want
	})
}

// A write gives up soon when there is no broker to write to.
func TestWritesWithoutABrokerGiveUp(t *testing.T) {
	t.Parallel()
	cfg, stop := stoppable(t)
	j, err := emitters.OpenJournal(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Append(t.Context(), touch("a", 1)); err != nil {
		t.Fatal(err)
	}
	stop()
	outcome := make(chan error, 1)
	go func() { _, err := j.Append(t.Context(), touch("a", 1)); outcome <- err }()
	select {
	case err := <-outcome:
		if !errors.Is(err, kafka.ErrNoBroker) {
			t.Errorf("append: %v, want that no broker can be reached", err)
		}
	case <-time.After(patience):
		t.Error("append waits for brokers that are gone")
	}
}
