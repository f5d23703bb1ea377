package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// TestSignals ends every serving command for real, by both signals, with a
// stream open where there is one.
func TestSignals(t *testing.T) {
	t.Parallel()
	binary := buildBinary(t)
	brokers := kafkatest.Embedded(t)
	programtest.Run(t, binary, "topics", "--brokers", brokers[0], "--partitions", "3")
	const grace = 30 * time.Second
	for _, command := range []string{"processor", "server", "run", "demo"} {
		for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
			t.Run(command+" "+name, func(t *testing.T) {
				t.Parallel()
				addr, metrics := parts.FreeAddr(t), parts.FreeAddr(t)
				args := []string{command, "--brokers", brokers[0], "--state-dir", filepath.Join(t.TempDir(), "state"), "--metrics-addr", metrics, "--grace", grace.String()}
				switch command {
				case "server":
					args = append(args, "--addr", addr, "--auth", "none")
				case "run":
					args = append(args, "--addr", addr, "--auth", "none", "--partitions", "3")
				case "demo":
					args = []string{"demo", "--addr", addr, "--broker-addr", "127.0.0.1:0", "--rate", "0"}
				}
				p := programtest.Start(t, command, binary, args...)
				var frames <-chan frame
				if command == "processor" {
					p.URL = "http://" + metrics
					p.AwaitReady()
				} else {
					p.URL = "http://" + addr
					p.AwaitReady()
					frames = openStream(t, p.URL, "", "user-7")
					awaitFrame(t, frames, "unread", "")
				}
				began := time.Now()
				p.Signal(signal)
				if frames != nil {
					wantBye(t, frames)
				}
				p.AwaitExit(cli.ExitOK)
				if took := time.Since(began); took > grace {
					t.Errorf("took %s, longer than the grace period of %s", took, grace)
				}
				programtest.WantNoTrace(t, p.Stdout.String()+p.Stderr.String())
				if command == "demo" {
					return // which says what to try instead
				}
				wantInOrder(t, p.Stderr.String(), "msg=starting", "version=", "brokers=", brokers[0], "prefix=belfry", "rules=", "msg=stopping", "msg=stopped")
			})
		}
	}
}

// wantInOrder holds that a log has these parts, one after the other.
func wantInOrder(t *testing.T, log string, parts ...string) {
	t.Helper()
	rest := log
	for _, part := range parts {
		var ok bool
		if _, rest, ok = strings.Cut(rest, part); !ok {
			t.Fatalf("no %q, or not in its place, in\n%s", part, log)
		}
	}
}

// A second signal ends a process whose streams still have time to go.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	binary := buildBinary(t)
	brokers := kafkatest.Embedded(t)
	programtest.Run(t, binary, "topics", "--brokers", brokers[0], "--partitions", "1")
	addr := parts.FreeAddr(t)
	p := programtest.Start(t, "server", binary, "server", "--brokers", brokers[0], "--state-dir", t.TempDir(), "--addr", addr, "--auth", "none", "--grace", "10m")
	p.URL = "http://" + addr
	p.AwaitReady()
	// A request whose body does not end holds the drain up.
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/notifications HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n", addr)
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("the server does not read the body: %q, %v", line, err)
	}
	p.Signal(syscall.SIGTERM)
	await.Eventually(t, programtest.Patience, func() string { return "the server still accepts" }, func() bool {
		return callAPI(t, http.MethodGet, p.URL+"/healthz", "", "", nil) == 0
	})
	cmd, exited := p.Current()
	select {
	case <-exited:
		t.Fatal("ended although a request is under way")
	default:
	}
	p.Signal(syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(programtest.Patience):
		t.Fatal("a second signal does not end it")
	}
	if got, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || got.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v, want by the signal", cmd.ProcessState)
	}
}

// TestRestart starts a process again on the same broker: with its state kept,
// with its state lost, and after a kill.
func TestRestart(t *testing.T) {
	t.Parallel()
	in := startInstance(t)
	send := func(id string, want int) badge {
		t.Helper()
		in.post(`{"recipient":"user-7","title":"t","id":"` + id + `"}`)
		return awaitBadge(t, in.URL, "", "user-7", hasUnread(want))
	}
	last := send("1", 1)
	for i, loss := range []func(){
		func() { in.Signal(syscall.SIGTERM); in.AwaitExit(cli.ExitOK) },
		func() { in.Signal(syscall.SIGTERM); in.AwaitExit(cli.ExitOK); in.loseState() },
		func() { in.Kill() },
	} {
		loss()
		in.Restart()
		in.AwaitReady()
		if got := awaitBadge(t, in.URL, "", "user-7", hasUnread(i+1)); got.Version < last.Version {
			t.Errorf("version %d after a restart, was %d", got.Version, last.Version)
		}
		in.post(`{"recipient":"user-7","title":"t","id":"1"}`) // once more
		last = send(strings.Repeat("x", i+1), i+2)
	}
	programtest.WantNoTrace(t, in.Stdout.String()+in.Stderr.String())
}
