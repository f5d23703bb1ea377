package chaos

import "context"

// Brokers controls the nodes of the cluster that an installation runs on. It is
// used by one goroutine at a time.
type Brokers interface {
	// IDs are the nodes' Kafka IDs.
	IDs() []int32
	// Kill ends nodes by SIGKILL and waits until they are gone.
	Kill(ids ...int32) error
	// Pause halts a node (SIGSTOP) until Resume (SIGCONT).
	Pause(id int32) error
	Resume(id int32) error
	// Start starts nodes that are down, all at once, and waits until each
	// serves.
	Start(ctx context.Context, ids ...int32) error
}
