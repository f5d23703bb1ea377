package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/child"
)

const patience = 3 * time.Minute

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		<-tick.C
	}
}

// troubles collects what is told.
type troubles struct {
	mu   sync.Mutex
	told []string
}

func (tr *troubles) tell(format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.told = append(tr.told, fmt.Sprintf(format, args...))
}

func (tr *troubles) all() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.told)
}

// TestHelperServes is no test: it is the process that the tests below run. It
// is ready at once, ends with the code that a request to /end names, and with 0
// or the code of its second argument after SIGTERM.
func TestHelperServes(t *testing.T) {
	if flag.NArg() == 0 {
		t.Skip("runs as a child of other tests")
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	go func() {
		<-terminated
		code, _ := strconv.Atoi(flag.Arg(1))
		os.Exit(code)
	}()
	http.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/end", func(_ http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.URL.Query().Get("code"))
		os.Exit(code)
	})
	fmt.Println("serves")
	t.Fatal(http.ListenAndServe(flag.Arg(0), nil))
}

func newMember(t *testing.T, args ...string) (*member, *troubles) {
	t.Helper()
	addr, err := child.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var tr troubles
	m := &member{
		name: "processor-1", program: program, args: append([]string{"-test.run=^TestHelperServes$", addr}, args...),
		url: "http://" + addr, log: filepath.Join(t.TempDir(), "log"), trouble: tr.tell,
	}
	t.Cleanup(func() {
		if err := m.end(); err != nil {
			t.Error(err)
		}
	})
	return m, &tr
}

func startMember(t *testing.T, m *member) {
	t.Helper()
	if err := errors.Join(m.start(), m.awaitReady(t.Context())); err != nil {
		t.Fatalf("%v\n%s", err, m.logTail(20))
	}
}

func TestMemberIsStartedAgainAndThatIsTold(t *testing.T) {
	t.Parallel()
	m, tr := newMember(t)
	startMember(t, m)
	before := m.current()
	if response, err := http.Get(m.url + "/end?code=3"); err == nil {
		response.Body.Close()
	}
	eventually(t, "another process", func() bool { return m.current() != before })
	if err := m.awaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := tr.all(); !slices.Equal(got, []string{"processor-1 ended by itself with exit code 3"}) {
		t.Errorf("told %q", got)
	}
	if got := m.logTail(1); got != "serves" || strings.Count(m.logTail(100), "serves") != 2 {
		t.Errorf("log ends with %q: %q", got, m.logTail(100))
	}
}

func TestMemberStaysDownAndComesBack(t *testing.T) {
	t.Parallel()
	m, tr := newMember(t)
	startMember(t, m)
	for _, end := range []func(*member) error{(*member).kill, (*member).terminate} {
		if err := end(m); err != nil {
			t.Fatal(err)
		}
		if !m.current().process.Gone() {
			t.Error("it still runs")
		}
		startMember(t, m)
	}
	if err := errors.Join(m.pause(), m.resume()); err != nil {
		t.Fatal(err)
	}
	if got := tr.all(); len(got) != 0 {
		t.Errorf("told %q", got)
	}
}

func TestMemberThatEndsBadlyIsTold(t *testing.T) {
	t.Parallel()
	m, tr := newMember(t, "7")
	startMember(t, m)
	if err := m.terminate(); err != nil {
		t.Fatal(err)
	}
	if got := tr.all(); !slices.Equal(got, []string{"processor-1 ended with exit code 7 after SIGTERM"}) {
		t.Errorf("told %q", got)
	}
	// Without brokers it cannot tell where it stands.
	startMember(t, m)
	m.outage.Store(true)
	if err := m.terminate(); err != nil || len(tr.all()) != 1 {
		t.Errorf("%v; told %q", err, tr.all())
	}
}

func TestMemberThatIsNotReady(t *testing.T) {
	t.Parallel()
	m, _ := newMember(t)
	m.url = "http://127.0.0.1:1"
	if err := m.start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := m.awaitReady(ctx); err == nil || !strings.Contains(err.Error(), "processor-1 is not ready") {
		t.Errorf("await: %v", err)
	}
	m.program = "no-such-program"
	if err := m.kill(); err != nil {
		t.Fatal(err)
	}
	if m.start() == nil {
		t.Error("it started")
	}
}
