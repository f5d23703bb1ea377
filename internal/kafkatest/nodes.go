package kafkatest

import (
	"context"
	"fmt"
	"time"
)

// Nodes controls the nodes of a Cluster as its methods of those names do, but
// returns errors and may be used from any goroutine, by one at a time. It must
// not be used after the test.
type Nodes struct{ c *Cluster }

// IDs gives the node.id of every node.
func (n *Nodes) IDs() []int32 {
	var ids []int32
	for _, node := range n.c.nodes {
		ids = append(ids, int32(node.id))
	}
	return ids
}

// Kill ends nodes by SIGKILL and waits until they are gone.
func (n *Nodes) Kill(ids ...int32) error {
	return n.do("kill", ids, func(node *node) error { return node.process.Kill() })
}

// Pause halts a node until Resume.
func (n *Nodes) Pause(id int32) error {
	return n.do("pause", []int32{id}, func(node *node) error { return node.process.Pause() })
}

// Resume lets a paused node go on.
func (n *Nodes) Resume(id int32) error {
	return n.do("resume", []int32{id}, func(node *node) error { return node.process.Resume() })
}

// Start starts nodes that are down, all at once since one of three alone would
// wait for a quorum, and waits until each serves.
func (n *Nodes) Start(ctx context.Context, ids ...int32) error {
	if err := n.do("start", ids, func(node *node) error {
		if !node.process.Gone() {
			return fmt.Errorf("it runs")
		}
		return node.start()
	}); err != nil {
		return err
	}
	return n.do("start", ids, func(node *node) error { return node.await(ctx) })
}

func (n *Nodes) do(what string, ids []int32, do func(*node) error) error {
	for _, id := range ids {
		if id < 1 || int(id) > len(n.c.nodes) {
			return fmt.Errorf("no Kafka node %d, want 1 to %d", id, len(n.c.nodes))
		}
		if err := do(n.c.nodes[id-1]); err != nil {
			return fmt.Errorf("%s Kafka node %d: %w", what, id, err)
		}
	}
	return nil
}

// await waits until the node serves, for startTimeout at the most.
func (n *node) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := n.serves(1)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-n.process.Done():
			return fmt.Errorf("it ended\n%s", n.logTail())
		case <-ctx.Done():
			return fmt.Errorf("%w: %w\n%s", ctx.Err(), err, n.logTail())
		}
	}
}
