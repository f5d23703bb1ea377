package bill

import (
	"errors"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/interpreter"
)

// slow makes the clock of a bill run by so much at each look.
func slow(b *Bill, d time.Duration) {
	now := time.Now()
	b.now = func() time.Time { now = now.Add(d); return now }
	b.Reset()
}

func TestWorkHasADeadline(t *testing.T) {
	t.Parallel()
	env, err := cel.NewEnv()
	if err != nil {
		t.Fatal(err)
	}
	checked, issues := env.Compile(`[1,2,3,4,5,6,7,8].all(a, [1,2,3,4,5,6,7,8].all(b, [1,2,3,4,5,6,7,8].all(c, a + b + c > 0)))`)
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	program, err := env.Program(checked)
	if err != nil {
		t.Fatal(err)
	}
	eval := func(b *Bill) error {
		_, err := b.Eval(program, interpreter.EmptyActivation())
		return err
	}
	b := New()
	if err := eval(b); err != nil || b.Err() != nil {
		t.Fatalf("got %v, %v", err, b.Err())
	}
	slow(b, 900*time.Millisecond)
	if err := eval(b); !errors.Is(err, ErrLate) || !errors.Is(b.Err(), ErrLate) || !errors.Is(b.Spend(1), ErrLate) {
		t.Errorf("steps: got %v, then %v", err, b.Err())
	}
	slow(b, 900*time.Millisecond)
	for range 1 + 12 { // the first look begins the time
		err = b.Spend(look)
	}
	if !errors.Is(err, ErrLate) {
		t.Errorf("charges: got %v", err)
	}
	slow(b, 900*time.Millisecond)
	if err := b.Spend(Limit + 1); !errors.Is(err, ErrOver) {
		t.Errorf("too much: got %v", err)
	}
	// A process that is stopped and goes on has not worked meanwhile.
	slow(b, time.Hour)
	for range 9 {
		if err := b.Spend(look); err != nil {
			t.Errorf("after a pause: %v", err)
		}
	}
}
