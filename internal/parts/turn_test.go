package parts_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/belfry/belfry/internal/parts"
)

// Two have the turn, a third waits until one of them gives it back.
func TestTurn(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		first, err := parts.Turn(t.Context(), "x", 2)
		if err != nil {
			t.Fatal(err)
		}
		second, err := parts.Turn(t.Context(), "x", 2)
		if err != nil {
			t.Fatal(err)
		}
		other, err := parts.Turn(t.Context(), "y", 1)
		if err != nil {
			t.Fatal(err)
		}
		other()
		ctx, cancel := context.WithTimeout(t.Context(), 1e9)
		defer cancel()
		if _, err := parts.Turn(ctx, "x", 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a third, while two have it: %v", err)
		}
		second()
		third, err := parts.Turn(t.Context(), "x", 2)
		if err != nil {
			t.Fatal(err)
		}
		third()
		first()
	})
}
