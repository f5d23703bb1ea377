package docker_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/child"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/promtest"
)

// patience is how long a condition may take on a busy machine.
const patience = await.Patience

// scene is what compose.yaml starts, small: two processors with the rules of
// this folder, a server, a broker, and a Prometheus with prometheus.yml.
type scene struct {
	t          *testing.T
	program    string
	brokers    []string
	api        string // base URL
	processors []*member
	prometheus *promtest.Server
	producer   sarama.SyncProducer
	sent       int
}

// member is a process that is scraped.
type member struct {
	args    []string
	process *child.Process
	metrics string // host:port
	log     string
}

// startScene starts all of it. The second processor comes once the first one
// runs, so that there is a rebalance.
func startScene(t *testing.T) *scene {
	t.Helper()
	promtest.Path(t, "prometheus")
	s := &scene{t: t, program: build(t).path, brokers: kafkatest.Embedded(t)}
	topics := exec.CommandContext(t.Context(), s.program, "topics", "--brokers", s.brokers[0], "--replication", "1", "--partitions", "4", "--reply-topics", belfry.DefaultReplyTopic)
	if out, err := topics.CombinedOutput(); err != nil {
		t.Fatalf("topics: %v\n%s", err, out)
	}
	if err := kafkatest.Admin(t, s.brokers).CreateTopic("orders", &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	producer, err := sarama.NewSyncProducer(s.brokers, kafkatest.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { producer.Close() })
	s.producer = producer

	server := s.start("server", "--auth", "none", "--addr", "127.0.0.1:0")
	first := s.start("processor", "--rules", "rules", "--reply-topics", belfry.DefaultReplyTopic)
	s.await(server)
	s.await(first)
	second := s.start("processor", "--rules", "rules", "--reply-topics", belfry.DefaultReplyTopic)
	s.await(second)
	s.processors = []*member{first, second}
	s.prometheus = promtest.Start(t, s.configure(server))
	s.follow(t.Context(), "user-7")
	return s
}

func (s *scene) start(command string, args ...string) *member {
	s.t.Helper()
	dir := s.t.TempDir()
	m := &member{log: filepath.Join(dir, "log"), args: append([]string{
		command, "--brokers", s.brokers[0], "--state-dir", filepath.Join(dir, "state"),
	}, args...)}
	s.run(m, "127.0.0.1:0")
	s.t.Cleanup(func() {
		if err := m.process.Kill(); err != nil {
			s.t.Error(err)
		}
		if s.t.Failed() {
			s.t.Logf("%v:\n%s", m.args, child.LogTail(m.log, 20))
		}
	})
	return m
}

func (s *scene) run(m *member, metrics string) {
	s.t.Helper()
	if err := os.RemoveAll(m.log); err != nil {
		s.t.Fatal(err)
	}
	p, err := child.Start(m.log, s.program, append(m.args, "--metrics-addr", metrics)...)
	if err != nil {
		s.t.Fatal(err)
	}
	m.process = p
}

// await waits until a process is ready and learns where it listens.
func (s *scene) await(m *member) {
	s.t.Helper()
	ready := regexp.MustCompile(`msg=ready .*`)
	await.Eventually(s.t, patience, func() string { return "not ready: " + child.LogTail(m.log, 10) }, func() bool {
		if m.process.Gone() {
			s.t.Fatalf("%v has ended: %s", m.args, child.LogTail(m.log, 10))
		}
		text, err := os.ReadFile(m.log)
		if err != nil {
			return false
		}
		line := ready.FindString(string(text))
		if a := regexp.MustCompile(` addr=(\S+)`).FindStringSubmatch(line); a != nil {
			s.api = "http://" + a[1]
		}
		a := regexp.MustCompile(` metrics_addr=(\S+)`).FindStringSubmatch(line)
		if a != nil {
			m.metrics = a[1]
		}
		return a != nil
	})
}

// configure writes prometheus.yml and the rules anew with the addresses that
// there are, every second instead of every few, and alerts that wait for nothing.
func (s *scene) configure(server *member) string {
	s.t.Helper()
	dir := s.t.TempDir()
	rewrite := func(from, to string, changes ...[2]string) {
		raw, err := os.ReadFile(from)
		if err != nil {
			s.t.Fatal(err)
		}
		text := string(raw)
		for _, c := range changes {
			old := regexp.MustCompile(c[0])
			if !old.MatchString(text) {
				s.t.Fatalf("%s has no %s", from, c[0])
			}
			text = old.ReplaceAllString(text, c[1])
		}
		if err := os.WriteFile(filepath.Join(dir, to), []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	rewrite("prometheus/alerts.yaml", "alerts.yaml", [2]string{`(?m)^        for: .*$`, "        for: 0s"})
	rewrite("prometheus.yml", "prometheus.yml",
		[2]string{`(scrape|evaluation)_interval: \S+`, "${1}_interval: 1s"},
		[2]string{`/etc/prometheus/alerts.yaml`, filepath.Join(dir, "alerts.yaml")},
		[2]string{`"processor-1:9100"`, `"` + s.processors[0].metrics + `"`},
		[2]string{`"processor-2:9100"`, `"` + s.processors[1].metrics + `"`},
		[2]string{`, "server-2:9100"`, ""},
		[2]string{`"server-1:9100"`, `"` + server.metrics + `"`},
	)
	return filepath.Join(dir, "prometheus.yml")
}

// follow holds a user's stream open until the test ends.
func (s *scene) follow(ctx context.Context, user string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	body := s.open(ctx, user)
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(io.Discard, body) })
	s.t.Cleanup(func() {
		cancel()
		reading.Wait()
		body.Close()
	})
}

func (s *scene) open(ctx context.Context, user string) io.ReadCloser {
	s.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.api+"/v1/users/"+user+"/stream", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		s.t.Fatalf("open stream: %s", response.Status)
	}
	return response.Body
}

func (s *scene) produce(topic, value string, headers ...sarama.RecordHeader) {
	s.t.Helper()
	if _, _, err := s.producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value), Headers: headers}); err != nil {
		s.t.Fatal(err)
	}
}

// live is a moment of everyday life: an order, a notification, something that
// is neither, some that are dropped or cut, a request, a poll, a look at the inbox, a stream that
// comes and goes.
func (s *scene) live() {
	s.t.Helper()
	s.sent++
	for topic, value := range map[string]string{
		"orders":               fmt.Sprintf(`{"id":"%d","type":"shipped","customer":"user-7"}`, s.sent),
		"belfry.notifications": fmt.Sprintf(`{"recipient":"user-7","id":"%d","source":"test","type":"hello","title":"Hello"}`, s.sent),
	} {
		s.produce(topic, value)
	}
	for _, value := range []string{
		"no notification",
		`{"recipient":"user-7","id":"again","source":"test","title":"Hello"}`,
		`{"recipient":"user-7","source":"test","title":"Hello","time":"unreadable"}`,
		`{"recipient":"user-7","source":"test","title":"Hello","expires_at":"2001-01-01T00:00:00Z"}`,
	} {
		s.produce("belfry.notifications", value)
	}
	s.produce(belfry.DefaultRequestTopic, `{"recipient":"user-7","action":"list"}`, sarama.RecordHeader{Key: []byte("kafka_correlationId"), Value: []byte("1")})
	for _, path := range []string{"unread", "inbox"} {
		response, err := http.Get(s.api + "/v1/users/user-7/" + path)
		if err != nil {
			s.t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusTooManyRequests {
			s.t.Fatalf("%s: %s", path, response.Status)
		}
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	s.open(ctx, "user-8").Close()
	cancel()
}

// awaitFigures lives on until every expression gives a figure that is one.
func (s *scene) awaitFigures(exprs map[string]string) {
	s.t.Helper()
	missing := func() string {
		var b strings.Builder
		for name, expr := range exprs {
			fmt.Fprintf(&b, "\n%s: %s", name, expr)
		}
		return "no figures for" + b.String()
	}
	var looked time.Time
	await.Eventually(s.t, patience, missing, func() bool {
		s.live()
		if time.Since(looked) < time.Second/2 {
			return false
		}
		looked = time.Now()
		for name, expr := range exprs {
			samples, err := s.prometheus.Query(expr)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, sample := range samples {
				if sample.Value == sample.Value { // not NaN
					delete(exprs, name)
					break
				}
			}
		}
		return len(exprs) == 0
	})
}

func toText(v any) string { return fmt.Sprintf("%v", v) }
