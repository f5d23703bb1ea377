package wire

import "time"

// Progress is how far a recovery has come.
type Progress struct {
	Percent float64 `json:"percent"` // 0 to 100
	Done    int64   `json:"done"`    // records
	Total   int64   `json:"total"`
	// ETA is about how many seconds are left; nil if nothing tells yet.
	ETA *float64 `json:"eta_seconds,omitempty"`
}

// NewProgress returns the progress of a recovery that takes that much longer;
// below 0 is unknown.
func NewProgress(done, total int64, percent float64, left time.Duration) *Progress {
	p := &Progress{Percent: float64(int64(percent*10)) / 10, Done: done, Total: total}
	if left >= 0 {
		p.ETA = new(left.Round(100 * time.Millisecond).Seconds())
	}
	return p
}
