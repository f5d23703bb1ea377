package sources_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/belfry/belfry/sources"
)

func TestLargeRecordsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := sources.NewTurns()
		held := 0
		var all []*sources.Turn
		for {
			ctx, cancel := context.WithCancel(t.Context())
			one := turns.For(ctx)
			taken := make(chan error, 1)
			go func() { taken <- one.Take(4 << 20) }()
			synctest.Wait()
			select {
			case err := <-taken:
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, one)
				if held++; held > 100 {
					t.Fatal("nobody waits")
				}
				defer cancel()
				continue
			default:
			}
			// The session ends: the record is read again, and is no letter.
			cancel()
			if err := <-taken; !errors.Is(err, sources.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			break
		}
		small := turns.For(t.Context())
		if err := small.Take(10_000); err != nil {
			t.Errorf("a small record: %v", err)
		}
		if err := all[0].Take(8 << 20); err != nil {
			t.Errorf("a second value of a record that has its turn: %v", err)
		}
		next := turns.For(t.Context())
		go func() { _ = next.Take(8 << 20) }()
		synctest.Wait()
		all[0].End()
		all[0].End()
		synctest.Wait()
		next.End()
		var none *sources.Turns
		if err := none.For(t.Context()).Take(8 << 20); err != nil {
			t.Errorf("without turns: %v", err)
		}
	})
}
