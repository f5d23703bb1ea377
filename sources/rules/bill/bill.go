package bill

import (
	"fmt"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/belfry/belfry"
)

// Limit is how many units of work all rules together may do for one record: about 100 ms of
// one core and 64 MiB, and enough to filter a list of 100,000 recipients.
const Limit = 3_000_000

// ErrOver is the error of a record that is more work than [Limit]. It depends on the record
// and the rules alone, and not on the clock: a record has the same fate each time.
var ErrOver error = &belfry.FieldError{
	TooLarge: true,
	Problem:  fmt.Sprintf("the record takes too long: all rules together are over %d units of work for it; send shorter lists and texts, or let the rules compare fewer of them", Limit),
}

// ErrLate is the error of a record that is at work for longer than [MaxTime] although
// its units are few: what has no price is more work than it should be.
var ErrLate error = &belfry.FieldError{
	TooLarge: true,
	Problem:  fmt.Sprintf("the record takes too long: the rules were at work on it for over %s; replay it if this machine had too much to do", MaxTime),
}

// MaxTime is how long the rules may be at work on a record. A process that is stopped
// and goes on is not at work: between two looks at the clock at most maxPause counts.
const (
	MaxTime  = 10 * time.Second
	maxPause = time.Second
	look     = 64 // units between two looks at the clock
)

// cancelled is what CEL recovers from.
var cancelled = interpreter.EvalCancelledError{Cause: interpreter.CostLimitExceeded, Message: ErrOver.Error()}

// Bill is what one record has cost so far. It serves one goroutine, one record after the
// other.
type Bill struct {
	tracker *cost.Tracker // counts the steps of CEL
	limit   uint64        // of the tracker: what is charged otherwise lowers it
	charged uint64        // without a look at the clock
	err     error         // ErrOver or ErrLate, once it is

	now    func() time.Time
	looked time.Time // zero before the first look, which most records never come to
	worked time.Duration
}

// New returns a bill on which nothing is.
func New() *Bill {
	b := &Bill{now: time.Now}
	// The handler is all that could be wrong with the options.
	b.tracker, _ = cost.NewTracker(b, cost.TrackerLimitExceededHandler(b.stop))
	b.tracker.Limit = &b.limit
	b.Reset()
	return b
}

// Reset makes it the bill of another record.
func (b *Bill) Reset() {
	b.limit, b.charged, b.err = b.tracker.ActualCost()+Limit, 0, nil
	b.looked, b.worked = time.Time{}, 0
}

// Err is [ErrOver] or [ErrLate] once it was met, whatever became of the error: x || true
// is true even if x was stopped.
func (b *Bill) Err() error { return b.err }

// fail has all that comes fail.
func (b *Bill) fail(err error) error {
	if b.err == nil {
		b.err, b.limit = err, 0
	}
	return b.err
}

// Spend charges work that is about to be done. Once it has failed it always does.
func (b *Bill) Spend(units uint64) error {
	if b.err != nil {
		return b.err
	}
	if units > b.left() {
		return b.fail(ErrOver)
	}
	b.limit -= units
	return b.lookAtClock(units)
}

// lookAtClock returns the error of a record that is late, at every so many units.
func (b *Bill) lookAtClock(units uint64) error {
	if b.charged += units; b.charged < look {
		return nil
	}
	now := b.now()
	if !b.looked.IsZero() {
		b.worked += min(now.Sub(b.looked), maxPause)
	}
	b.looked, b.charged = now, 0
	if b.worked > MaxTime {
		return b.fail(ErrLate)
	}
	return nil
}

func (b *Bill) left() uint64 {
	spent := b.tracker.ActualCost()
	return b.limit - min(b.limit, spent)
}

// Eval runs a program on the bill: each step that CEL takes is a unit, and calls that
// [Charge] found are charged before they run.
func (b *Bill) Eval(p cel.Program, v interpreter.Activation) (ref.Val, error) {
	if b.err != nil {
		return nil, b.err
	}
	frame, err := interpreter.NewExecutionFrame(v)
	if err != nil {
		return nil, err
	}
	defer frame.Close()
	frame.SetCostTracker(b.tracker)
	out, _, err := p.Eval(frame)
	if b.err != nil {
		return nil, b.err
	}
	return out, err
}

// CallCost implements cost.ActualCostEstimator: the rest of what a call costs is charged
// before it.
func (b *Bill) CallCost(string, string, []ref.Val, ref.Val) *uint64 {
	one := uint64(1)
	if b.lookAtClock(one) != nil {
		panic(cancelled)
	}
	return &one
}

// charge is Spend within an evaluation.
func (b *Bill) charge(units uint64) {
	if b.Spend(units) != nil {
		panic(cancelled)
	}
}

func (b *Bill) stop() {
	b.fail(ErrOver)
	panic(cancelled)
}

// of returns the bill that an evaluation is on, nil if it is on none: what is the same for
// every record is computed when the rules are loaded.
func of(frame *interpreter.ExecutionFrame) *Bill {
	if tracker := frame.CostTracker(); tracker != nil {
		if b, ok := tracker.Estimator.(*Bill); ok {
			return b
		}
	}
	return nil
}
