package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/programtest"
)

// call runs the program with nothing in its environment but env.
func call(t *testing.T, env map[string]string, args ...string) programtest.Result {
	t.Helper()
	// A serving command that ought to be refused would never end.
	ctx, cancel := context.WithTimeout(t.Context(), await.Patience)
	defer cancel()
	return callWith(ctx, env, args...)
}

func callWith(ctx context.Context, env map[string]string, args ...string) programtest.Result {
	return programtest.Call(ctx, testProgram(env), env, args...)
}

func testProgram(env map[string]string) *cli.Program {
	p := newProgram()
	p.Version = "1.2.3"
	p.Env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	p.Stdin, p.Stdout, p.Stderr = strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer)
	return p
}

func TestHelp(t *testing.T) {
	tests := []struct {
		args []string
		want []string
	}{
		{nil, []string{"Usage:", "Operate:", "Develop:", "token", "broker", "Exit codes"}},
		{[]string{"--help"}, []string{"Usage:", "token"}},
		{[]string{"help"}, []string{"Usage:", "token"}},
		{[]string{"help", "token"}, []string{"Examples:", "--jwt-secret-file file", "--config file", "--help"}},
		{[]string{"token", "--help"}, []string{"Examples:", "--jwt-secret-file file"}},
		{[]string{"token", "-h"}, []string{"Examples:"}},
		{[]string{"broker", "--help"}, []string{"--log-format text|json", "(default text)", "127.0.0.1:9092"}},
		{[]string{"completion", "bash"}, []string{"__start_belfry"}},
		{[]string{"__complete", "broker", "--log-format", ""}, []string{"text\njson\n"}},
		{[]string{"__complete", "help", "tok"}, []string{"token\t"}},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			r := call(t, nil, tt.args...)
			if len(tt.args) > 0 && tt.args[0] == cobra.ShellCompRequestCmd {
				r.Stderr = "" // a note of cobra for whoever debugs a completion
			}
			r.WantOutput(t, tt.want...)
			if strings.Contains(r.Stdout, "belfry [flags]") {
				t.Errorf("help tells to call belfry without a command:\n%s", r.Stdout)
			}
		})
	}
}

func TestHelpNeedsNoSettings(t *testing.T) {
	env := map[string]string{"BELFRY_CONFIG": "no-such-file.yaml", "BELFRY_TTL": "soon"}
	for _, args := range [][]string{{}, {"help", "token"}, {"token", "--help"}, {"version"}, {"--version"}, {"completion", "zsh"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) { call(t, env, args...).WantOutput(t) })
	}
}

// Help is read in terminals of 80 columns; examples are to be copied as they are.
func TestHelpFitsATerminal(t *testing.T) {
	walk(testProgram(nil).Root(), func(c *cobra.Command) {
		if c.Name() == "completion" || c.HasParent() && c.Parent().Name() == "completion" {
			return // what cobra says of shells
		}
		r := call(t, nil, append(strings.Fields(c.CommandPath())[1:], "--help")...)
		r.WantOutput(t, "Usage:\n", "Everywhere:\n", "--config file", "--help")
		before, rest, _ := strings.Cut(r.Stdout, "Examples:\n")
		_, after, _ := strings.Cut(rest, "\n\n")
		for line := range strings.Lines(before + after) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%s: a line of %d columns: %s", c.CommandPath(), n, line)
			}
		}
	})
}

// The flags of the largest command stand in groups, in which nobody looks in vain.
func TestHelpGroupsFlags(t *testing.T) {
	text := call(t, nil, "run", "--help").Stdout
	for flag, group := range map[string]string{
		"brokers": "Kafka", "sasl-user": "Kafka", "addr": "HTTP", "tls-cert": "HTTP", "cors-origins": "HTTP", "jwks-url": "Tokens",
		"jwt-issuer": "Tokens", "post-rate": "Limits", "max-streams": "Limits", "send": "Push", "vapid-key-file": "Push", "partitions": "Topics", "rules": "Rules",
		"instance-id": "Processors", "state-dir": "Process", "metrics-addr": "Process", "log-level": "Log", "help": "Everywhere",
	} {
		_, after, found := strings.Cut(text, "\n"+group+":\n")
		within, _, _ := strings.Cut(after, "\n\n")
		if !found || !strings.Contains(within, " --"+flag+" ") {
			t.Errorf("--%s is not under %s", flag, group)
		}
	}
	if strings.Contains(text, "\nFlags:\n") {
		t.Error("some flags are in no group")
	}
}

func TestCompletionKnowsFiles(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"rules check", "yaml\nyml\n:8"},
		{"run --rules", "yaml\nyml\n:8"},
		{"token --config", "yaml\nyml\n:8"},
		{"token --jwt-secret-file", ":0"},
		{"run --state-dir", ":16"},
		{"demo --data-dir", ":16"},
		{"run --brokers", ":4"},
		{"inspect", ":4"},
		{"run", ":4"},
		{"dead-letters replay", ":4"},
	} {
		r := call(t, nil, append(append([]string{cobra.ShellCompRequestCmd}, strings.Fields(tt.args)...), "")...)
		if got := strings.TrimSpace(r.Stdout); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.args, got, tt.want)
		}
	}
}

// A variable that is no setting is told with the nearest one, and never its value.
func TestUnknownVariablesAreTold(t *testing.T) {
	t.Parallel()
	run := func(args ...string) programtest.Result {
		p := testProgram(nil)
		p.Environ = func() []string {
			return []string{
				"BELFRY_BROKRES=secret", "BELFRY_LOGLEVEL=debug", "BELFRY_BROKERS=127.0.0.1:1", "BELFRY_CONFIG=x", "BELFRY_EMPTY=",
				"BELFRY_TEST_REQUIRE=kafka", "OTHER=1",
				"BELFRY_PORT=tcp://10.0.0.1:80", "BELFRY_SERVICE_HOST=10.0.0.1", "BELFRY_SERVICE_PORT=80", "BELFRY_SERVER_SERVICE_PORT_HTTP=80",
				"BELFRY_SERVER_PORT_80_TCP=tcp://10.0.0.1:80", "BELFRY_SERVER_PORT_80_TCP_ADDR=10.0.0.1",
			}
		}
		return programtest.Call(t.Context(), p, nil, args...)
	}
	r := run("token", "--user", "u", "--jwt-secret-file", programtest.WriteFile(t, "jwt.secret", programtest.Secret))
	want := "belfry: the environment variable BELFRY_BROKRES is no setting and has no effect; the nearest one is BELFRY_BROKERS\n" +
		"belfry: the environment variable BELFRY_LOGLEVEL is no setting and has no effect; the nearest one is BELFRY_LOG_LEVEL\n"
	if r.Code != cli.ExitOK || r.Stderr != want {
		t.Errorf("got code %d and %q, want %q", r.Code, r.Stderr, want)
	}
	// A serving command has a log for it.
	r = run("processor", "--brokers", "127.0.0.1:1", "--state-dir", t.TempDir(), "--log-format", "json")
	for _, want := range []string{`"level":"WARN"`, `"name":"BELFRY_BROKRES","nearest":"BELFRY_BROKERS"`, `"name":"BELFRY_LOGLEVEL"`} {
		if !strings.Contains(r.Stderr, want) {
			t.Errorf("the log %q has no %s", r.Stderr, want)
		}
	}
	if strings.Contains(r.Stderr, "secret") || strings.Count(r.Stderr, "nearest") != 2 {
		t.Errorf("got %q", r.Stderr)
	}
}

func TestVersionFlag(t *testing.T) {
	for _, args := range [][]string{{"--version"}, {"version"}} {
		r := call(t, nil, args...)
		r.WantOutput(t)
		if !strings.HasPrefix(r.Stdout, "belfry 1.2.3") || strings.Count(r.Stdout, "\n") != 1 {
			t.Errorf("%v printed %q, want one line that begins with \"belfry 1.2.3\"", args, r.Stdout)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"unknown command", []string{"frobnicate"}, []string{`unknown command "frobnicate"`, `"belfry --help"`}},
		{"misspelt command", []string{"tokne"}, []string{`unknown command "tokne"`, `"belfry token"`}},
		{"misspelt command with flags", []string{"tokne", "--user", "u"}, []string{`"tokne"`, `"belfry token"`}},
		{"help of unknown command", []string{"help", "tokne"}, []string{`"tokne"`, `"belfry token"`}},
		{"unknown flag", []string{"token", "--usr", "u"}, []string{"--usr", "did you mean --user?"}},
		{"far flag", []string{"token", "--xyzzy-plugh-plover"}, []string{"--xyzzy-plugh-plover", `"belfry token --help"`}},
		{"unknown short flag", []string{"token", "-z"}, []string{"'z'", `"belfry token --help"`}},
		{"flag of a command before it", []string{"--xyzzy-plugh", "token"}, []string{"--xyzzy-plugh"}},
		{"no value", []string{"token", "--user"}, []string{"--user", "needs a value"}},
		{"wrong duration", []string{"token", "--ttl", "soon"}, []string{"--ttl", "duration", `"soon"`}},
		{"wrong choice", []string{"broker", "--log-format", "xml"}, []string{"--log-format", "text or json", `"xml"`}},
		{"stray argument", []string{"broker", "now"}, []string{"belfry broker", `"now"`}},
		{"stray argument of version", []string{"version", "now"}, []string{`"now"`}},
		{"stray argument of a command of cobra", []string{"completion", "bash", "now"}, []string{`"now"`}},
		{"no such config", []string{"token", "--config", "no-such-file.yaml"}, []string{"--config", "no-such-file.yaml"}},
		{"control characters", []string{"a\nb\x1b[31m"}, []string{`unknown command`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { call(t, nil, tt.args...).WantError(t, cli.ExitUsage, tt.want...) })
	}
}

func TestOneLine(t *testing.T) {
	err := errors.Join(errors.New("first"), errors.New("second\x1b[31m"))
	if got, want := cli.OneLine(err), "first; second [31m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	callWith(ctx, nil, "health").WantError(t, cli.ExitFailure, "interrupted")
}

func TestEveryCommandHelps(t *testing.T) {
	walk(testProgram(nil).Root(), func(c *cobra.Command) {
		if c.Name() == "help" || c.Name() == "version" {
			return
		}
		t.Run(c.CommandPath(), func(t *testing.T) {
			if c.Short == "" || !c.Runnable() {
				t.Error("has no description or does nothing")
			}
			if c.HasParent() && !c.HasSubCommands() && (c.Example == "" || !strings.Contains(c.Example, c.CommandPath())) {
				t.Errorf("example %q doesn't show %q", c.Example, c.CommandPath())
			}
			if c.HasParent() && !c.Hidden && c.Parent() == c.Root() && c.GroupID == "" {
				t.Error("is in no group")
			}
			c.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Usage == "" {
					t.Errorf("--%s has no description", f.Name)
				}
			})
		})
	})
}

// Kubernetes sets BELFRY_PORT, BELFRY_SERVICE_HOST and variables that end so
// beside a service of that name; a flag must not take them for its own.
func TestNoFlagIsNamedLikeAServiceLink(t *testing.T) {
	names := cli.SettingNames(testProgram(nil).Root())
	if !slices.Contains(names, "jwt-secret-file") {
		t.Fatalf("settings %v lack jwt-secret-file", names)
	}
	for _, name := range names {
		env := cli.EnvName(name)
		for _, suffix := range []string{"_PORT", "_SERVICE_HOST", "_TCP", "_PROTO"} {
			if strings.HasSuffix(env, suffix) {
				t.Errorf("--%s is %s", name, env)
			}
		}
	}
}

func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		walk(sub, visit)
	}
}

func TestConfigOfTheProgram(t *testing.T) {
	file := programtest.WriteFile(t, "belfry.yaml", "ttl: 5m\naddr: 127.0.0.1:1\nlog-format: json\nuser: u\n")
	call(t, nil, "token", "--config", file).WantError(t, cli.ExitUsage, "--jwt-secret-file", "required")
	call(t, map[string]string{"BELFRY_CONFIG": file, "BELFRY_USER": "a/b"}, "token").WantError(t, cli.ExitUsage, "--user")
	bad := programtest.WriteFile(t, "belfry.yaml", "jwt-secret-fil: x\n")
	call(t, nil, "health", "--config", bad).WantError(t, cli.ExitUsage, "belfry.yaml:1", `"jwt-secret-fil"`, `"jwt-secret-file"`)
	call(t, nil, "--config", bad, "health").WantError(t, cli.ExitUsage, "belfry.yaml:1")
}
