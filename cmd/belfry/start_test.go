package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

func TestStartOnMissingTopics(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	for _, command := range commandsOnKafka(t) {
		switch command.name {
		case "topics", "run": // they create them
			continue
		}
		t.Run(command.name, func(t *testing.T) {
			call(t, nil, command.args(brokers[0])...).WantFailure(t, "belfry.notifications, ", "does not exist",
				`"belfry topics --brokers `+brokers[0]+` --prefix belfry"`)
		})
	}
	for _, args := range [][]string{{"user-7"}, {"user-7", "--journal"}, {"--audit"}} {
		call(t, nil, append([]string{"inspect", "--prefix", "other", "--brokers", brokers[0]}, args...)...).
			WantFailure(t, "does not exist", `"belfry topics --brokers `+brokers[0]+` --prefix other"`)
	}
}

// One topic with another number of partitions than the journal: no flag mends
// that, so the message must not name one.
func TestStartOnUnequalPartitions(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	topics, err := kafka.OpenTopics(kafka.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	specs := belfry.Prefix(belfry.DefaultPrefix).Topics(3)
	for i := range specs {
		if specs[i].Name == "belfry-unread-table" {
			specs[i].Partitions = 5
		}
	}
	if _, err := topics.Ensure(t.Context(), specs, 1); err != nil {
		t.Fatal(err)
	}
	for _, command := range commandsOnKafka(t) {
		t.Run(command.name, func(t *testing.T) {
			want := []string{"belfry-unread-table has 5 partitions and belfry.journal has 3", "--prefix"}
			if command.name == "topics" || command.name == "run" {
				want = []string{"belfry-unread-table has 5 partitions, not 3"}
			}
			call(t, nil, command.args(brokers[0])...).WantFailureIn(t, want...)
		})
	}
}

func TestStartOnBusyAddresses(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	busy := busyAddr(t)
	base := func(command string, more ...string) []string {
		return append([]string{command, "--brokers", brokers[0], "--state-dir", t.TempDir()}, more...)
	}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"server", base("server", "--auth", "none", "--addr", busy), "--addr"},
		{"run", base("run", "--auth", "none", "--addr", busy), "--addr"},
		{"metrics of processor", base("processor", "--metrics-addr", busy), "--metrics-addr"},
		{"metrics of server", base("server", "--auth", "none", "--addr", "127.0.0.1:0", "--metrics-addr", busy), "--metrics-addr"},
		{"metrics of run", base("run", "--auth", "none", "--addr", "127.0.0.1:0", "--metrics-addr", busy), "--metrics-addr"},
		{"demo", []string{"demo", "--addr", busy, "--broker-addr", "127.0.0.1:0"}, "--addr"},
		{"broker of demo", []string{"demo", "--addr", "127.0.0.1:0", "--broker-addr", busy}, "--broker-addr"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call(t, nil, tt.args...).WantFailure(t, tt.want, busy, "in use", "another")
		})
	}
}

func TestMetricsOnTheAddressOfTheAPI(t *testing.T) {
	for _, command := range []string{"server", "run"} {
		call(t, nil, command, "--brokers", "127.0.0.1:1", "--state-dir", t.TempDir(), "--auth", "none",
			"--addr", "127.0.0.1:18080", "--metrics-addr", "127.0.0.1:18080").
			WantError(t, cli.ExitUsage, "--metrics-addr", "127.0.0.1:18080", "taken by --addr", "leave --metrics-addr away")
	}
}

func TestOverlap(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1:8080", "127.0.0.1:8080", true},
		{"localhost:8080", "LOCALHOST:8080", true},
		{":8080", "127.0.0.1:8080", true},
		{"127.0.0.1:8080", "0.0.0.0:8080", true},
		{"[::]:8080", ":8080", true},
		{"127.0.0.1:8080", "127.0.0.1:8081", false},
		{"127.0.0.1:8080", "127.0.0.2:8080", false},
		{"127.0.0.1:0", "127.0.0.1:0", false},
		{":0", ":0", false},
	}
	for _, tt := range tests {
		if got := cli.Overlap(tt.a, tt.b); got != tt.want {
			t.Errorf("overlap(%q, %q) = %t, want %t", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestGroups(t *testing.T) {
	tests := []struct {
		name   string
		groups []string
		want   []string
	}{
		{"unknown", []string{"--groups", "router,inbocks"}, []string{"--groups", "router, unread", `"inbocks"`}},
		{"twice", []string{"--groups", "router,router"}, []string{"--groups", "router is named twice"}},
		{"empty", []string{"--groups", ""}, []string{"--groups", "at least one"}},
		{"twice with blanks", []string{"--groups", "unread, unread"}, []string{"--groups", "unread is named twice"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"processor", "--brokers", "127.0.0.1:1", "--state-dir", t.TempDir()}, tt.groups...)
			call(t, nil, args...).WantError(t, cli.ExitUsage, tt.want...)
		})
	}
}

func TestStateDirThatCannotBeWritten(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	// Root may write everywhere, but not below a file.
	below := filepath.Join(programtest.WriteFile(t, "file", ""), "state")
	for _, command := range []string{"processor", "server", "run"} {
		t.Run(command, func(t *testing.T) {
			args := []string{command, "--brokers", brokers[0], "--state-dir", below}
			if command != "processor" {
				args = append(args, "--addr", "127.0.0.1:0", "--auth", "none")
			}
			call(t, nil, args...).WantError(t, cli.ExitUsage, "--state-dir", filepath.Dir(below), "may write")
		})
	}
}

// The second processor on a folder is refused before it does anything, and may
// start once the first one has ended. A server may share it.
func TestStateDirInUse(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	dir := filepath.Join(t.TempDir(), "not", "yet", "there")
	first := serveAll(t, "processor", "--brokers", brokers[0], "--state-dir", dir, "--groups", "router")
	serveAll(t, "server", "--brokers", brokers[0], "--state-dir", dir, "--addr", "127.0.0.1:0", "--auth", "none")
	for _, command := range []string{"processor", "server", "run"} {
		t.Run(command, func(t *testing.T) {
			args := []string{command, "--brokers", brokers[0], "--state-dir", dir}
			if command != "processor" {
				args = append(args, "--addr", "127.0.0.1:0", "--auth", "none", "--prefix", "other")
			}
			call(t, nil, args...).WantError(t, cli.ExitFailure, "--state-dir", dir, "in use by another belfry process", "of its own")
		})
	}
	if topics, err := kafkatest.Admin(t, brokers).ListTopics(); err != nil || len(topics) != 6 {
		t.Errorf("a refused run created topics: %d, %v", len(topics), err)
	}
	first.wantCleanStop()
	serveAll(t, "processor", "--brokers", brokers[0], "--state-dir", dir, "--groups", "router").wantCleanStop()
	if _, err := os.Stat(filepath.Join(dir, stateLockFile(processorState))); err != nil {
		t.Errorf("the lock is gone: %v", err)
	}
}

func TestDemoRateIsANumber(t *testing.T) {
	for _, rate := range []string{"NaN", "+Inf", "1e-12", "10001"} {
		call(t, nil, "demo", "--rate", rate).WantError(t, cli.ExitUsage, "--rate", "0.001 to 10000")
	}
}
