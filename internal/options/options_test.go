package options

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/programtest"
)

// wantFlagError checks for a usage error that holds every part.
func wantFlagError(t *testing.T, err error, parts ...string) {
	t.Helper()
	var usage *cli.UsageError
	if !errors.As(err, &usage) {
		t.Fatalf("error %v, want a usage error", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q doesn't say %q", err, part)
		}
	}
}

// flagGroup is one group of flags.
type flagGroup interface {
	AddFlags(*pflag.FlagSet)
	Validate() error
}

func parseOptions(t *testing.T, o flagGroup, args ...string) error {
	t.Helper()
	fs := pflag.NewFlagSet(t.Name(), pflag.ContinueOnError)
	o.AddFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o.Validate()
}

func TestDefaults(t *testing.T) {
	var (
		server  Server
		process Process
		topics  Topics
		fold    Fold
	)
	secret := programtest.WriteFile(t, "jwt.secret", programtest.Secret)
	for _, err := range []error{
		parseOptions(t, &server, "--jwt-secret-file", secret),
		parseOptions(t, &process),
		parseOptions(t, &topics),
		parseOptions(t, &fold),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if server.Addr != "127.0.0.1:8080" || server.auth.Value != authJWT || string(server.Tokens.Secret) != programtest.Secret {
		t.Errorf("server options %q, %q", server.Addr, server.auth.Value)
	}
	if process.MetricsAddr != "" || process.Grace.String() != "10s" {
		t.Errorf("process options %+v", process)
	}
	if topics.Partitions != belfry.DefaultPartitions || topics.Replication != autoReplication || fold.InboxCap != inbox.DefaultCap {
		t.Errorf("topic options %+v, fold options %+v", topics, fold)
	}
}

func TestMemberOptions(t *testing.T) {
	var o Member
	if err := parseOptions(t, &o, "--instance-id", "belfry-processor-0", "--session-timeout", "30s"); err != nil {
		t.Fatal(err)
	}
	var cfg kafka.Config
	o.Apply(&cfg)
	if cfg.InstanceID != "belfry-processor-0" || cfg.SessionTimeout != 30*time.Second {
		t.Errorf("applied %q, %s", cfg.InstanceID, cfg.SessionTimeout)
	}
	for _, id := range []string{"a b", "..", "ä", strings.Repeat("x", 250)} {
		wantFlagError(t, parseOptions(t, new(Member), "--instance-id", id), "--instance-id", "must be 1 to 249")
	}
	for _, timeout := range []string{"5s", "31m", "0"} {
		wantFlagError(t, parseOptions(t, new(Member), "--session-timeout", timeout), "--session-timeout", "must be 6s to 30m0s")
	}
}

func TestAuthNone(t *testing.T) {
	for addr, allowed := range map[string]bool{
		"127.0.0.1:8080": true, "127.8.0.1:0": true, "[::1]:8080": true, "localhost:80": true, "LOCALHOST:80": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "10.0.0.1:8080": false, "belfry.example:80": false, "localhost.example:80": false,
	} {
		err := parseOptions(t, new(Server), "--auth", authNone, "--addr", addr)
		if allowed && err != nil {
			t.Errorf("%s: %v", addr, err)
		}
		if !allowed {
			wantFlagError(t, err, "--auth", addr, "--auth jwt", "127.0.0.1")
		}
	}
}

func TestOptionsRefuse(t *testing.T) {
	tests := []struct {
		name string
		o    flagGroup
		args []string
		want []string
	}{
		{"jwt without a secret", new(Server), nil, []string{"--jwt-secret-file", "required"}},
		{"no poll interval", new(Server), []string{"--poll-interval", "0s"}, []string{"--poll-interval", "at least 1ms"}},
		{"negative trust", new(Server), []string{"--token-trust", "-1s"}, []string{"--token-trust", "negative"}},
		{"negative notice", new(Server), []string{"--drain-notice", "-1s"}, []string{"--drain-notice", "negative"}},
		{"addr without a port", new(Server), []string{"--addr", "8080"}, []string{"--addr", `"8080"`, "127.0.0.1:8080"}},
		{"named port", new(Server), []string{"--addr", ":http"}, []string{"--addr", "port"}},
		{"metrics-addr", new(Process), []string{"--metrics-addr", "x"}, []string{"--metrics-addr", `"x"`}},
		{"endless poll interval", new(Server), []string{"--poll-interval", "2562047h"}, []string{"--poll-interval", "24h"}},
		{"endless token trust", new(Server), []string{"--token-trust", "2562047h"}, []string{"--token-trust", "24h"}},
		{"endless grace", new(Process), []string{"--grace", "2562047h"}, []string{"--grace", "24h"}},
		{"grace", new(Process), []string{"--grace", "-1s"}, []string{"--grace", "-1s"}},
		{"no partition", new(Topics), []string{"--partitions", "0"}, []string{"--partitions", "1 to 10000"}},
		{"many partitions", new(Topics), []string{"--partitions", "10001"}, []string{"--partitions", "10001"}},
		{"replication", new(Topics), []string{"--replication", "-1"}, []string{"--replication", "-1"}},
		{"high replication", new(Topics), []string{"--replication", "32768"}, []string{"--replication"}},
		{"no cap", new(Fold), []string{"--inbox-cap", "0"}, []string{"--inbox-cap", "1 to 1000"}},
		{"no notices", new(Fold), []string{"--broadcast-cap", "0"}, []string{"--broadcast-cap", "1 to 1000"}},
		{"many notices", new(Fold), []string{"--broadcast-cap", "1001"}, []string{"--broadcast-cap", "1001"}},
		{"no wakes", new(Broadcast), []string{"--broadcast-wakes", "0"}, []string{"--broadcast-wakes", "1 to 10000000"}},
		{"no timers", new(Timers), []string{"--timer-rate", "0"}, []string{"--timer-rate", "1 to 1000000"}},
		{"high cap", new(Fold), []string{"--inbox-cap", "1001"}, []string{"--inbox-cap", "1001"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantFlagError(t, parseOptions(t, tt.o, tt.args...), tt.want...)
		})
	}
}

func TestDefaultStateDir(t *testing.T) {
	outside := string(filepath.Separator) + filepath.Join("srv", "home")
	tests := []struct {
		name string
		env  map[string]string
		want string
	}{
		{"home", map[string]string{"HOME": outside}, filepath.Join(outside, ".local", "state", "belfry")},
		{"xdg", map[string]string{"HOME": outside, "XDG_STATE_HOME": filepath.Join(outside, "s")}, filepath.Join(outside, "s", "belfry")},
		{"relative xdg", map[string]string{"HOME": outside, "XDG_STATE_HOME": "s"}, filepath.Join(outside, ".local", "state", "belfry")},
		{"no home", nil, ""},
		{"relative home", map[string]string{"HOME": "."}, ""},
		{"temporary home", map[string]string{"HOME": filepath.Join(os.TempDir(), "home")}, ""},
		{"temporary xdg", map[string]string{"HOME": outside, "XDG_STATE_HOME": os.TempDir()}, ""},
		{"beside the temporary folder", map[string]string{"HOME": filepath.Clean(os.TempDir()) + "-not"}, filepath.Clean(os.TempDir()) + filepath.Join("-not", ".local", "state", "belfry")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := defaultStateDir(func(name string) (string, bool) { v, ok := tt.env[name]; return v, ok })
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestStateDir(t *testing.T) {
	parse := func(args ...string) (State, *pflag.FlagSet, error) {
		var o State
		fs := pflag.NewFlagSet(t.Name(), pflag.ContinueOnError)
		o.Env = func(string) (string, bool) { return "", false }
		o.AddFlags(fs)
		if err := fs.Parse(args); err != nil {
			t.Fatal(err)
		}
		err := o.Validate()
		return o, fs, err
	}
	_, fs, err := parse()
	wantFlagError(t, err, "--state-dir", "required")
	if usage := fs.FlagUsages(); !strings.Contains(usage, "~/.local/state/belfry") {
		t.Errorf("usage %q lacks the default", usage)
	}
	_, _, err = parse("--state-dir", programtest.WriteFile(t, "file", ""))
	wantFlagError(t, err, "--state-dir", "is a file")
	o, _, err := parse("--state-dir", "state")
	if err != nil || !filepath.IsAbs(o.Dir) || filepath.Base(o.Dir) != "state" {
		t.Errorf("got %q, %v, want an absolute path", o.Dir, err)
	}
}

func TestLogger(t *testing.T) {
	tests := []struct {
		args []string
		want string
		not  string
	}{
		{nil, "level=INFO msg=info", "msg=debug"},
		{[]string{"--log-level", "debug"}, "msg=debug", "{"},
		{[]string{"--log-level", "error"}, "msg=error", "msg=warn"},
		{[]string{"--log-format", "json"}, `"msg":"info"`, "msg=info"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			var (
				o   Log
				out bytes.Buffer
			)
			fs := pflag.NewFlagSet(t.Name(), pflag.ContinueOnError)
			o.AddFlags(fs)
			if err := fs.Parse(tt.args); err != nil {
				t.Fatal(err)
			}
			logger := o.Logger(&out)
			logger.Debug("debug")
			logger.Info("info")
			logger.Warn("warn")
			logger.Error("error")
			if !strings.Contains(out.String(), tt.want) || strings.Contains(out.String(), tt.not) {
				t.Errorf("log %q, want %q and not %q", &out, tt.want, tt.not)
			}
		})
	}
}
