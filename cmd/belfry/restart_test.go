package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// instance is `belfry run` as a process, on an embedded broker that can be
// replaced by an empty one at the same address.
type instance struct {
	*programtest.Process
	broker *broker.Broker
	addr   string // of the broker
	state  string
}

func startInstance(t *testing.T) *instance {
	t.Helper()
	in := &instance{addr: parts.FreeAddr(t), state: filepath.Join(t.TempDir(), "state")}
	in.broker = startBroker(t, in.addr)
	t.Cleanup(func() {
		if err := in.broker.Close(); err != nil {
			t.Error(err)
		}
	})
	addr := parts.FreeAddr(t)
	in.Process = programtest.Start(t, "run", buildBinary(t), "run", "--brokers", in.addr, "--partitions", "3", "--addr", addr, "--auth", "none", "--state-dir", in.state)
	in.URL = "http://" + addr
	in.AwaitReady()
	return in
}

func startBroker(t *testing.T, addr string) *broker.Broker {
	t.Helper()
	b, err := broker.Start(broker.Config{Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// replaceBroker takes a broker with nothing in it for the present one.
func (in *instance) replaceBroker() {
	in.T.Helper()
	if err := in.broker.Close(); err != nil {
		in.T.Error(err)
	}
	in.broker = startBroker(in.T, in.addr)
}

func (in *instance) loseState() {
	in.T.Helper()
	if err := os.RemoveAll(in.state); err != nil {
		in.T.Fatal(err)
	}
}

// post repeats a notification until it is accepted.
func (in *instance) post(body string) {
	in.T.Helper()
	var answer string
	await.Eventually(in.T, programtest.Patience, func() string { return "not accepted: " + answer + in.Stderr.String() }, func() bool {
		return callAPI(in.T, http.MethodPost, in.URL+"/v1/notifications", "", body, &answer) == http.StatusAccepted
	})
}

// A node that is started again where all topics were made anew meanwhile, with
// its old state: a clean new beginning, under another epoch.
func TestRestartOnABrokerThatLostEverything(t *testing.T) {
	t.Parallel()
	in := startInstance(t)
	for _, id := range []string{"1", "2", "3"} {
		in.post(`{"recipient":"user-7","title":"t","id":"` + id + `"}`)
	}
	before := awaitBadge(t, in.URL, "", "user-7", hasUnread(3))
	in.Signal(syscall.SIGTERM)
	in.AwaitExit(cli.ExitOK)
	in.replaceBroker()
	in.Restart()
	in.AwaitReady()
	if got := awaitBadge(t, in.URL, "", "user-7", hasUnread(0)); got.Version != 0 {
		t.Errorf("%+v of a journal that is empty", got)
	}
	in.post(`{"recipient":"user-7","title":"t","id":"1"}`)
	after := awaitBadge(t, in.URL, "", "user-7", hasUnread(1))
	if epochOf(t, after) == epochOf(t, before) {
		t.Errorf("cursor %s, was %s: the epoch is the same", after.Cursor, before.Cursor)
	}
	programtest.WantNoTrace(t, in.Stdout.String()+in.Stderr.String())
}

// The same while the node runs: it says what is missing, and once the topics
// are made again it goes on by itself.
func TestBrokerLosesEverythingUnderANode(t *testing.T) {
	t.Parallel()
	in := startInstance(t)
	in.post(`{"recipient":"user-7","title":"t","id":"1"}`)
	awaitBadge(t, in.URL, "", "user-7", hasUnread(1))
	in.replaceBroker()
	await.Eventually(t, programtest.Patience, func() string { return "no word of the missing topics:\n" + in.Stderr.String() }, func() bool {
		return containsAll(in.Stderr.String(), "does not exist", "belfry topics")
	})
	programtest.Run(t, in.Binary, "topics", "--brokers", in.addr, "--partitions", "3")
	in.post(`{"recipient":"user-8","title":"t","id":"2"}`)
	awaitBadge(t, in.URL, "", "user-8", hasUnread(1))
	in.Signal(syscall.SIGTERM)
	in.AwaitExit(cli.ExitOK)
	programtest.WantNoTrace(t, in.Stdout.String()+in.Stderr.String())
}

// Only the journal is made anew, and the tables stay: nobody's items are lost,
// and versions go on under another epoch.
func TestRestartOnANewJournal(t *testing.T) {
	t.Parallel()
	in := startInstance(t)
	for _, id := range []string{"1", "2", "3"} {
		in.post(`{"recipient":"user-7","title":"t","id":"` + id + `"}`)
	}
	before := awaitBadge(t, in.URL, "", "user-7", hasUnread(3))
	in.Signal(syscall.SIGTERM)
	in.AwaitExit(cli.ExitOK)
	if err := kafkatest.Admin(t, []string{in.addr}).DeleteTopic("belfry.journal"); err != nil {
		t.Fatal(err)
	}
	programtest.Run(t, in.Binary, "topics", "--brokers", in.addr, "--partitions", "3")
	in.Restart()
	in.AwaitReady()
	if got := awaitBadge(t, in.URL, "", "user-7", hasUnread(3)); got != before {
		t.Errorf("%+v after the restart, was %+v", got, before)
	}
	in.post(`{"recipient":"user-7","title":"t","id":"4"}`)
	after := awaitBadge(t, in.URL, "", "user-7", hasUnread(4))
	if after.Version <= before.Version || epochOf(t, after) == epochOf(t, before) {
		t.Errorf("%+v after %+v, want a higher version of another epoch", after, before)
	}
	programtest.WantNoTrace(t, in.Stdout.String()+in.Stderr.String())
}

func epochOf(t *testing.T, b badge) string {
	t.Helper()
	epoch, _, ok := strings.Cut(b.Cursor, ".")
	if !ok {
		t.Fatalf("cursor %q", b.Cursor)
	}
	return epoch
}

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}
