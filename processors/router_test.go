package processors

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/engine"
)

// TestTheFoldIsWaitedForAWhile holds that what one record becomes waits while the fold has
// much to do, and for no longer than that lasts, than it may, or than the session.
func TestTheFoldIsWaitedForAWhile(t *testing.T) {
	always := func(n int64) func(time.Duration) int64 { return func(time.Duration) int64 { return n } }
	for name, tt := range map[string]struct {
		records func(since time.Duration) int64 // that the fold has to do; nil: no fold runs here
		parts   int                             // of which each has as many; 0: one
		behind  bool                            // it is asked for its largest part, as for notices
		session time.Duration                   // 0: for ever
		want    time.Duration
	}{
		"no fold":  {},
		"nothing":  {records: always(0)},
		"a little": {records: always(mostUnfolded)},
		"much for a moment": {records: func(since time.Duration) int64 {
			if since < 2*foldLook {
				return mostUnfolded + 1
			}
			return 0
		}, want: 2 * foldLook},
		"one is behind":     {records: always(mostBehind + 1), behind: true, want: foldPatience},
		"all are, a little": {records: always(mostBehind), parts: 12, behind: true},
		"much for ever":     {records: always(mostUnfolded + 1), want: foldPatience},
		"the session ends":  {records: always(mostUnfolded + 1), session: foldLook / 2, want: foldLook / 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				r := &Router{}
				if tt.records != nil {
					r.Backlog = new(engine.Backlog)
					for range max(tt.parts, 1) {
						r.Backlog.Count(func() int64 { return tt.records(time.Since(began)) })
					}
				}
				busy := r.hasMuch
				if tt.behind {
					busy = r.isBehind
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.session > 0 {
					time.AfterFunc(tt.session, cancel)
				}
				r.awaitFold(ctx, began.Add(foldPatience), busy)
				if took := time.Since(began); took != tt.want {
					t.Errorf("waited %s, want %s", took, tt.want)
				}
			})
		})
	}
}
