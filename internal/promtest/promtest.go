// Package promtest gives tests a real Prometheus: Debian's package prometheus,
// which has promtool too. Its tests run where BELFRY_TEST_REQUIRE names
// "prometheus" (see package parts). It runs on the loopback address and ends
// with its test. Unix only.
//
// The helpers fail the test by themselves and must be called on its goroutine.
package promtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/child"
	"github.com/belfry/belfry/internal/parts"
)

// startTimeout is how long it may take until it answers, on a busy machine.
const startTimeout = await.Patience

// Path returns the path of prometheus or promtool.
func Path(t testing.TB, program string) string {
	t.Helper()
	parts.Need(t, "prometheus")
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Server is a running Prometheus.
type Server struct {
	t    testing.TB
	base string
}

// Start starts Prometheus with this configuration file and waits until it
// answers. Its data goes with the test, which gets the end of its log if it
// failed.
func Start(t testing.TB, config string) *Server {
	t.Helper()
	program := Path(t, "prometheus")
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	p, err := child.Start(log, program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil { // its data goes with it
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("prometheus:\n%s", child.LogTail(log, 30))
		}
	})
	s := &Server{t: t}
	listening := regexp.MustCompile(`msg="Listening on".* address=(127\.0\.0\.1:\d+)`)
	await.Eventually(t, startTimeout, func() string { return "prometheus does not listen: " + child.LogTail(log, 10) }, func() bool {
		if p.Gone() {
			t.Fatalf("prometheus has ended: %s", child.LogTail(log, 10))
		}
		text, err := os.ReadFile(log)
		if err != nil {
			return false
		}
		m := listening.FindSubmatch(text)
		if m != nil {
			s.base = "http://" + string(m[1])
		}
		return m != nil
	})
	await.Eventually(t, startTimeout, func() string { return "prometheus is not ready" }, func() bool {
		return s.get("/-/ready", nil, nil) == nil
	})
	return s
}

// Sample is the value of one series.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Query returns what an expression is now, as an instant vector.
func (s *Server) Query(expr string) ([]Sample, error) {
	var answer struct {
		Data struct {
			Type   string `json:"resultType"`
			Result []struct {
				Labels map[string]string  `json:"metric"`
				Value  [2]json.RawMessage `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := s.get("/api/v1/query", url.Values{"query": {expr}}, &answer); err != nil {
		return nil, fmt.Errorf("query %s: %w", expr, err)
	}
	if answer.Data.Type != "vector" {
		return nil, fmt.Errorf("query %s: got a %s, want a vector", expr, answer.Data.Type)
	}
	samples := make([]Sample, len(answer.Data.Result))
	for i, r := range answer.Data.Result {
		var text string
		if err := json.Unmarshal(r.Value[1], &text); err != nil {
			return nil, fmt.Errorf("query %s: value: %w", expr, err)
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("query %s: value: %w", expr, err)
		}
		samples[i] = Sample{r.Labels, v}
	}
	return samples, nil
}

// Alert is one that fires or waits to.
type Alert struct {
	Labels map[string]string `json:"labels"`
	State  string            `json:"state"` // pending or firing
}

// Alerts returns all alerts that are not inactive.
func (s *Server) Alerts() ([]Alert, error) {
	var answer struct {
		Data struct {
			Alerts []Alert `json:"alerts"`
		} `json:"data"`
	}
	if err := s.get("/api/v1/alerts", nil, &answer); err != nil {
		return nil, fmt.Errorf("list alerts: %w", err)
	}
	return answer.Data.Alerts, nil
}

// get decodes a JSON answer into out, if that is not nil.
func (s *Server) get(path string, query url.Values, out any) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), await.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("got %s", response.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(out)
}
