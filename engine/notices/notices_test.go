package notices

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestSometimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n Notices
		want := func(told bool, more int, cause ...string) {
			t.Helper()
			if log, got := n.Sometimes(slog.Default(), cause...); (log != nil) != told || got != more {
				t.Errorf("%q: told %t, %d more; want %t, %d", cause, log != nil, got, told, more)
			}
		}
		want(true, 0, "a", "b")
		want(false, 0, "a", "b")
		want(false, 0, "a", "b")
		want(true, 0, "ab")
		time.Sleep(time.Minute)
		want(true, 2, "a", "b")
		for i := range maxCauses - 2 {
			want(true, 0, fmt.Sprint(i))
		}
		want(true, 0, "in the place of one that is old")
		want(false, 0, "one too many")
		time.Sleep(time.Minute)
		want(true, 0, "one too many")
	})
}
