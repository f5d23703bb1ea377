package server

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/belfry/belfry"
)

// lagPageAsked is for how long after a scrape a LagPage goes on to write itself
// anew before it is asked.
const lagPageAsked = 5 * time.Minute

// LagPage serves consumer lag to Prometheus, under the names and labels of
// kafka_exporter, for time of kafka-lag-exporter, and of KMinion, which
// dashboards, alert rules and autoscalers know. What a group, a topic or a
// partition that is gone had is gone too.
//
// It differs from those exporters where they mislead: a group without members
// is shown; no figure is negative, -1 or NaN; a partition in which the group
// has committed nothing counts in the lag from its oldest record, and has no
// current offset.
//
// The page is written when there is a new report, not when it is asked for, and
// kept compressed: 100,000 partitions are 50 MB of text. While nobody asks it
// is not written. It is safe for concurrent use.
type LagPage struct {
	mu      sync.Mutex
	report  belfry.LagReport
	page    []byte // of report, compressed; nil: to be written
	asked   time.Time
	writing lagText
}

// NewLagPage returns the page of a report that is not up and empty.
func NewLagPage() *LagPage { return &LagPage{} }

// Show has the page show a report, which nobody may modify any more.
func (p *LagPage) Show(r belfry.LagReport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report = r
	if time.Since(p.asked) < lagPageAsked {
		p.write()
	} else {
		p.page = nil
	}
}

// write writes the page of the present report, with mu held.
func (p *LagPage) write() {
	var out bytes.Buffer
	out.Grow(len(p.page) + len(p.page)/8)
	// The level is valid, and a buffer takes all.
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	p.writing.write(z, &p.report)
	_ = z.Close()
	p.page = out.Bytes()
}

func (p *LagPage) get() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = time.Now()
	if p.page == nil {
		p.write()
	}
	return p.page
}

// ServeHTTP implements http.Handler. It never waits on Kafka.
func (p *LagPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page := p.get()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Vary", "Accept-Encoding")
	if acceptsGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(page) // an error is the client's going
		return
	}
	z, err := gzip.NewReader(bytes.NewReader(page))
	if err != nil { // we have written it ourselves
		http.Error(w, "page not readable", http.StatusInternalServerError)
		return
	}
	_, _ = io.Copy(w, z)
}

// acceptsGzip reports whether a request takes gzip (RFC 9110 section 12.5.3).
func acceptsGzip(r *http.Request) bool {
	for _, value := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(value, ",") {
			name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				return !strings.HasPrefix(strings.ReplaceAll(weight, " ", ""), "q=0") || strings.Contains(weight, "0.")
			}
		}
	}
	return false
}
