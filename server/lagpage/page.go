package lagpage

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/belfry/belfry/lag"
)

// askedFor is for how long after a scrape a Page goes on to write itself
// anew before it is asked.
const askedFor = 5 * time.Minute

// Page serves consumer lag to Prometheus, under the names and labels of
// kafka_exporter, for time of kafka-lag-exporter, and of KMinion, which
// dashboards, alert rules and autoscalers know. The series of a group, a topic
// or a partition that is gone are gone too.
//
// It differs from those exporters where they mislead: a group without members
// is shown; no figure is negative, -1 or NaN; a partition in which the group
// has committed nothing counts in the lag from its oldest record, and has no
// current offset.
//
// The page is written when there is a new report, not when it is asked for, and
// kept compressed: 100,000 partitions are 65 MB of text. When nobody has asked for
// five minutes it is not written. It is safe for concurrent use.
type Page struct {
	writing sync.Mutex // held while the page is written
	text    text       // guarded by writing

	mu     sync.Mutex
	report lag.Report
	page   []byte // compressed; nil: to be written of report
	asked  time.Time
}

// New returns the page of a report that is not up and empty.
func New() *Page { return &Page{asked: time.Now()} }

// Show has the page show a report, which nobody may modify any more. Until it
// returns the page shows the one before.
func (p *Page) Show(r lag.Report) {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.mu.Lock()
	p.report = r
	asked := time.Since(p.asked) < askedFor
	if !asked {
		p.page = nil
	}
	p.mu.Unlock()
	if asked {
		p.write(r)
	}
}

// write writes the page of r, with writing held.
func (p *Page) write(r lag.Report) []byte {
	var out bytes.Buffer
	// The level is valid, and a buffer takes all.
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	p.text.write(z, &r)
	_ = z.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.page = out.Bytes()
	return p.page
}

func (p *Page) get() []byte {
	present := func() []byte {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = time.Now()
		return p.page
	}
	if page := present(); page != nil {
		return page
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	if page := present(); page != nil { // somebody else has written it
		return page
	}
	return p.write(p.report) // report changes with writing held only
}

// ServeHTTP implements http.Handler. It never waits on Kafka.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
