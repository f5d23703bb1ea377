package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/buildtest"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

func TestMain(m *testing.M) { parts.Main(m) }

// buildBinary returns the program.
func buildBinary(t *testing.T) string {
	t.Helper()
	return buildtest.Program(t, "cmd/belfry")
}

// served is a serving command that runs in this process.
type served struct {
	t       *testing.T
	url     string // of the API
	metrics string // URL of --metrics-addr
	stdout  *programtest.Tail
	stderr  *programtest.Tail
	cancel  context.CancelFunc
	exited  chan struct{}
	code    int // once exited is closed
}

// startServing starts a command without waiting. It ends with the test at the
// latest.
func startServing(t *testing.T, args ...string) *served {
	t.Helper()
	return startServingEnv(t, nil, args...)
}

// startServingEnv does so with those environment variables.
func startServingEnv(t *testing.T, env map[string]string, args ...string) *served {
	t.Helper()
	s := &served{t: t, stdout: &programtest.Tail{}, stderr: &programtest.Tail{}, exited: make(chan struct{})}
	// No load balancer has to notice.
	p := testProgram(env)
	p.Env = func(name string) (string, bool) {
		if v, ok := env[name]; ok || name != "BELFRY_DRAIN_NOTICE" {
			return v, ok
		}
		return "0s", true
	}
	p.Stdout, p.Stderr = s.stdout, s.stderr
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.exited)
		s.code = p.Run(ctx, args)
	}()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("%v:\n%s%s", args, s.stdout, s.stderr)
		}
	})
	return s
}

// serveAll starts a command and waits until it says that it is ready.
func serveAll(t *testing.T, args ...string) *served {
	t.Helper()
	s := startServing(t, args...)
	s.AwaitReady()
	return s
}

func (s *served) AwaitReady() {
	s.t.Helper()
	ready := regexp.MustCompile(`msg=ready .*`)
	var line string
	await.Eventually(s.t, programtest.Patience, func() string { return "not ready: " + s.stderr.String() }, func() bool {
		select {
		case <-s.exited:
			s.t.Fatalf("ended with %d: %s", s.code, s.stderr)
		default:
		}
		line = ready.FindString(s.stderr.String())
		return line != ""
	})
	if m := regexp.MustCompile(` addr=(\S+)`).FindStringSubmatch(line); m != nil {
		s.url = "http://" + m[1]
	}
	if m := regexp.MustCompile(` metrics_addr=(\S+)`).FindStringSubmatch(line); m != nil {
		s.metrics = "http://" + m[1]
	}
}

// stop does what SIGTERM does and returns the exit code.
func (s *served) stop() int {
	s.cancel()
	<-s.exited
	return s.code
}

func (s *served) wantCleanStop() {
	s.t.Helper()
	if code := s.stop(); code != cli.ExitOK {
		s.t.Errorf("exit code %d, want 0: %s", code, s.stderr)
	}
	wantLife(s.t, s.stderr.String())
	programtest.WantNoTrace(s.t, s.stdout.String()+s.stderr.String())
}

// wantLife checks that the log of a process that has run and stopped says so, in
// order, and what it ran with.
func wantLife(t *testing.T, log string) {
	t.Helper()
	rest := log
	for _, want := range []string{"msg=starting", " version=", " brokers=", " prefix=", " rules=", "msg=stopping", "msg=stopped"} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Errorf("the log has no %q after what comes before: %s", want, log)
			return
		}
		rest = after
	}
	if rest != "\n" {
		t.Errorf("the log goes on after the process has stopped: %q", rest)
	}
}

// callAPI makes a request and decodes a JSON answer into out, if that is not
// nil. It returns the status, 0 if there was no answer.
func callAPI(t *testing.T, method, address, token, body string, out any) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return 0
	}
	if text, ok := out.(*string); ok {
		*text = string(data)
	} else if out != nil && response.StatusCode < 300 {
		if err := json.Unmarshal(data, out); err != nil {
			t.Errorf("%s %s: %v in %s", method, address, err, data)
		}
	}
	return response.StatusCode
}

// badge is a part of the unread object.
type badge struct {
	Version uint64 `json:"version"`
	Cursor  string `json:"cursor"`
	Unread  int    `json:"unread"`
	Unseen  int    `json:"unseen"`
	Urgent  int    `json:"urgent"`
}

func userURL(base, user, path string) string {
	return base + "/v1/users/" + url.PathEscape(user) + "/" + path
}

// awaitBadge waits until the user's badge is as it should be and returns it.
func awaitBadge(t *testing.T, base, token, user string, ok func(badge) bool) badge {
	t.Helper()
	var (
		got    badge
		status int
	)
	await.Eventually(t, programtest.Patience, func() string { return user + " at " + base + ": " + http.StatusText(status) + " " + toJSON(t, got) }, func() bool {
		status = callAPI(t, http.MethodGet, userURL(base, user, "unread"), token, "", &got)
		return status == http.StatusOK && ok(got)
	})
	return got
}

func hasUnread(n int) func(badge) bool { return func(b badge) bool { return b.Unread == n } }

func toJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// frame is one event of a stream.
type frame struct{ event, data string }

// openStream opens a user's stream and returns its frames; the channel is
// closed with the stream, which ends with the test at the latest.
func openStream(t *testing.T, base, token, user string) <-chan frame {
	t.Helper()
	return openStreamFrom(t, base, token, user, "")
}

// openStreamFrom does so from a cursor, if there is one.
func openStreamFrom(t *testing.T, base, token, user, cursor string) <-chan frame {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, userURL(base, user, "stream"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if cursor != "" {
		request.Header.Set("Last-Event-ID", cursor)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("open stream: %s", response.Status)
	}
	frames := make(chan frame, 1000)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(frames)
		var f frame
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				f.event = name
			} else if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				f.data = data
				frames <- f
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		reading.Wait()
		response.Body.Close()
	})
	return frames
}

// awaitFrame waits for an event whose data holds part.
func awaitFrame(t *testing.T, frames <-chan frame, event, part string) {
	t.Helper()
	deadline := time.NewTimer(programtest.Patience)
	defer deadline.Stop()
	for {
		select {
		case f, ok := <-frames:
			if !ok {
				t.Fatalf("the stream ended without %s %q", event, part)
			}
			if f.event == event && strings.Contains(f.data, part) {
				return
			}
		case <-deadline.C:
			t.Fatalf("no %s %q", event, part)
		}
	}
}

// wantBye waits for the end of a stream, which must be said by bye.
func wantBye(t *testing.T, frames <-chan frame) {
	t.Helper()
	awaitFrame(t, frames, "bye", "drain")
	select {
	case f, ok := <-frames:
		if ok {
			t.Errorf("%+v after bye", f)
		}
	case <-time.After(programtest.Patience):
		t.Error("the stream goes on after bye")
	}
}

// makeTopics creates the topics of an installation.
func makeTopics(t *testing.T, brokers []string, args ...string) {
	t.Helper()
	call(t, nil, append([]string{"topics", "--brokers", brokers[0], "--partitions", "3"}, args...)...).WantOutput(t)
}

// callInput is call with something on stdin; its output may be looked at while
// it runs.
func callInput(ctx context.Context, in io.Reader, args ...string) programtest.Result {
	var stdout bytes.Buffer
	stderr := &programtest.Tail{}
	p := testProgram(nil)
	p.Stdin, p.Stdout, p.Stderr = in, &stdout, stderr
	code := p.Run(ctx, args)
	return programtest.Result{Program: p.Name, Code: code, Stdout: stdout.String(), Stderr: stderr.String()}
}
