package bill

import (
	"fmt"

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
// and the rules alone, never on the clock: a record has the same fate each time.
var ErrOver error = &belfry.FieldError{
	TooLarge: true,
	Problem:  fmt.Sprintf("the record takes too long: all rules together are over %d units of work for it; send shorter lists and texts, or let the rules compare fewer of them", Limit),
}

// cancelled is what CEL recovers from.
var cancelled = interpreter.EvalCancelledError{Cause: interpreter.CostLimitExceeded, Message: ErrOver.Error()}

// Bill is what one record has cost so far. It serves one goroutine, one record after the
// other.
type Bill struct {
	tracker *cost.Tracker // counts the steps of CEL
	limit   uint64        // of the tracker: what is charged otherwise lowers it
	over    bool
}

// New returns a bill on which nothing is.
func New() *Bill {
	b := new(Bill)
	// The handler is all that could be wrong with the options.
	b.tracker, _ = cost.NewTracker(b, cost.TrackerLimitExceededHandler(b.stop))
	b.tracker.Limit = &b.limit
	b.Reset()
	return b
}

// Reset makes it the bill of another record.
func (b *Bill) Reset() {
	b.limit, b.over = b.tracker.ActualCost()+Limit, false
}

// Err is [ErrOver] once the limit was met, whatever became of the error: x || true is true
// even if x was stopped.
func (b *Bill) Err() error {
	if b.over {
		return ErrOver
	}
	return nil
}

// Spend charges work that is about to be done. Once it has failed it always does.
func (b *Bill) Spend(units uint64) error {
	if units > b.left() {
		b.over, b.limit = true, 0
	}
	if b.over {
		return ErrOver
	}
	b.limit -= units
	return nil
}

func (b *Bill) left() uint64 {
	spent := b.tracker.ActualCost()
	return b.limit - min(b.limit, spent)
}

// Eval runs a program on the bill: each step that CEL takes is a unit, and calls that
// [Charge] found are charged before they run.
func (b *Bill) Eval(p cel.Program, v interpreter.Activation) (ref.Val, error) {
	if b.over {
		return nil, ErrOver
	}
	frame, err := interpreter.NewExecutionFrame(v)
	if err != nil {
		return nil, err
	}
	defer frame.Close()
	frame.SetCostTracker(b.tracker)
	out, _, err := p.Eval(frame)
	if b.over {
		return nil, ErrOver
	}
	return out, err
}

// CallCost implements cost.ActualCostEstimator: the rest of what a call costs is charged
// before it.
func (b *Bill) CallCost(string, string, []ref.Val, ref.Val) *uint64 {
	one := uint64(1)
	return &one
}

// charge is Spend within an evaluation.
func (b *Bill) charge(units uint64) {
	if b.Spend(units) != nil {
		panic(cancelled)
	}
}

func (b *Bill) stop() {
	b.over, b.limit = true, 0
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
