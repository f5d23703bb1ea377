package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// interruptible returns a context that the first SIGINT or SIGTERM ends. A
// second one ends a process that drains too slowly for its user, as it would
// have without us.
func interruptible() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2) // none is lost, however soon it comes
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // for the life of the process
		<-signals
		cancel()
		second := <-signals
		signal.Reset(second)
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Signal(second)
		}
	}()
	return ctx
}
