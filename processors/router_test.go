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
	const much = mostUnfolded + 1
	for name, tt := range map[string]struct {
		much, session, want time.Duration // 0: for ever
	}{
		"little":             {much: -1, want: 0},
		"much for a moment":  {much: 2*foldLook - 1, want: 2 * foldLook},
		"much for ever":      {want: foldPatience},
		"the session ends":   {session: foldLook / 2, want: foldLook / 2},
		"no fold runs here":  {want: 0},
		"it has to do a bit": {want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				r := &Router{}
				if name != "no fold runs here" {
					r.Backlog = new(engine.Backlog)
				}
				if name == "it has to do a bit" {
					r.Backlog.Count(func() int64 { return mostUnfolded })
				} else if r.Backlog != nil {
					r.Backlog.Count(func() int64 {
						if tt.much == 0 || time.Since(began) <= tt.much {
							return much
						}
						return 0
					})
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.session > 0 {
					time.AfterFunc(tt.session, cancel)
				}
				r.awaitFold(ctx, began.Add(foldPatience))
				if took := time.Since(began); took != tt.want {
					t.Errorf("waited %s, want %s", took, tt.want)
				}
			})
		})
	}
}
