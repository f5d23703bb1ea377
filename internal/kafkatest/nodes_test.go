package kafkatest_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/belfry/belfry/internal/child"
	"github.com/belfry/belfry/internal/kafkatest"
)

func TestNodesReturnErrors(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real brokers")
	}
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Config{})
	nodes := c.Nodes()
	if got := nodes.IDs(); !slices.Equal(got, []int32{1}) {
		t.Errorf("nodes %v", got)
	}
	if err := errors.Join(nodes.Pause(1), nodes.Resume(1), nodes.Kill(1)); err != nil {
		t.Fatal(err)
	}
	if err := nodes.Pause(1); !errors.Is(err, child.ErrGone) {
		t.Errorf("pause of one that is gone: %v", err)
	}
	if err := nodes.Start(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if a, err := connect(c.Brokers()); err != nil {
		t.Errorf("a started node does not answer: %v", err)
	} else {
		a.Close()
	}
	if nodes.Start(t.Context(), 1) == nil || nodes.Kill(2) == nil {
		t.Error("no error for a node that runs, or for none")
	}
	if err := nodes.Kill(1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := nodes.Start(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("start: %v", err)
	}
}
