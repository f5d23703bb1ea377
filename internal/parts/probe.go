package parts

import (
	"fmt"
	"runtime"
	"testing"
)

// Probe stands for a test whose end is watched from outside: a helper that is given one
// skips or fails it, and not the test it stands for.
type Probe struct {
	testing.TB
	Skipping, Failing string // what the helper said
}

// Helper implements [testing.TB].
func (p *Probe) Helper() {}

// Skipf implements [testing.TB].
func (p *Probe) Skipf(format string, args ...any) {
	p.Skipping = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// Fatalf implements [testing.TB].
func (p *Probe) Fatalf(format string, args ...any) {
	p.Failing = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// Run calls f as a test of its own would.
func (p *Probe) Run(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}
