package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
)

// delays is what a histogram holds: how many and their sum.
func delays(t *testing.T, h prometheus.Metric) (count uint64, sum float64, m *dto.Histogram) {
	t.Helper()
	var out dto.Metric
	if err := h.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Histogram.GetSampleCount(), out.Histogram.GetSampleSum(), out.Histogram
}

// Frames to an open stream count, by the time of their records. Those to one that has
// just come do not: their records may be of any age.
func TestRecordToSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		servertest.Append(t, f, servertest.Note("before anybody looks"))
		time.Sleep(time.Hour) // of the bubble's clock
		s := newTestHub(f)
		l := listen(t, s, nil, time.Time{})
		l.Want("retry", `unread "version":1 id=7.1`)
		if n, _, _ := delays(t, s.metrics.delay); n != 0 {
			t.Errorf("%d delays of a stream that has just come, want none", n)
		}
		servertest.Append(t, f, servertest.Note("at once"))
		l.Want(`item "seq":2`, `unread "version":2 id=7.2`)
		f.Mu.Lock()
		f.HoldRows = true
		f.Mu.Unlock()
		servertest.Append(t, f, servertest.Command(inbox.KindRead, 1), servertest.Command(inbox.KindRead, 2))
		time.Sleep(3 * time.Second)
		f.Mu.Lock()
		f.HoldRows = false
		f.Rows["u"] = f.States["u"]
		f.Wake("u")
		f.Mu.Unlock()
		l.Want(`state "read":[1,2]`, `unread "version":4 id=7.4`)
		n, sum, h := delays(t, s.metrics.delay)
		if n != 2 || sum < 3 || sum > 3.1 {
			t.Errorf("%d delays of %v s together, want 2 of 3 s", n, sum)
		}
		if len(h.GetBucket()) == 0 || h.GetSchema() == 0 || len(h.GetPositiveSpan()) == 0 {
			t.Error("buckets are not both classic and native")
		}
		// Told again for another reason, nothing has changed.
		f.Mu.Lock()
		f.Wake("u")
		f.Mu.Unlock()
		l.Want()
		if n, _, _ := delays(t, s.metrics.delay); n != 2 {
			t.Errorf("%d delays after nothing changed, want 2", n)
		}
		l.hangUp()
	})
}
