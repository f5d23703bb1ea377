package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/buildtest"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

func TestMain(m *testing.M) { parts.Main(m) }

// buildBelfry returns the program that is measured.
func buildBelfry(t *testing.T) string {
	t.Helper()
	return buildtest.Program(t, "cmd/belfry")
}

// buildLab returns this program.
func buildLab(t *testing.T) string {
	t.Helper()
	return buildtest.Program(t, "cmd/belfry-lab")
}

// call runs this program with nothing in its environment.
func call(t *testing.T, args ...string) programtest.Result {
	t.Helper()
	// A benchmark that ought to be refused would never end.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return programtest.Call(ctx, newProgram(), nil, args...)
}

// The flags that scripts rely on, by command.
func TestFlags(t *testing.T) {
	for command, want := range map[string][]string{
		"bench throughput": {"brokers", "events", "users", "partitions"},
		"bench latency":    {"brokers", "rate", "duration", "users", "partitions", "from", "to", "peer", "belfry"},
		"bench gap":        {"brokers", "rate", "rounds", "users", "partitions", "peer", "belfry"},
		"bench losses":     {"brokers", "rate", "duration", "kills", "users", "partitions", "peer", "belfry"},
		"bench restart":    {"brokers", "events", "rounds", "starts", "users", "partitions", "peer", "belfry"},
		"bench poll":       {"brokers", "partitions", "tables", "connections", "rounds", "duration", "belfry"},
		"bench stream":     {"brokers", "partitions", "steps", "connections", "rates", "duration", "hot", "tls", "http2", "belfry"},
		"bench lag":        {"brokers", "lag-scene-groups", "lag-scene-partitions", "scrapes", "belfry"},
		"bench soak":       {"brokers", "rate", "duration", "every", "users", "partitions", "out", "belfry"},
		"chaos":            {"brokers", "prefix", "kafka-tls", "sasl-mechanism", "seed", "seeds", "duration", "users", "keep", "belfry"},
	} {
		c, _, err := newProgram().Root().Find(strings.Fields(command))
		if err != nil || c.CommandPath() != "belfry-lab "+command {
			t.Errorf("%s: found %v, %v", command, c, err)
			continue
		}
		var got []string
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { got = append(got, f.Name) })
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("%s has no --%s, only %v", command, name, got)
			}
		}
	}
}

// Examples show flags that their command has.
func TestExamples(t *testing.T) {
	seen := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			seen++
			words := strings.Fields(line)
			if words[0] != "belfry-lab" {
				t.Errorf("%s: the example %q is not of this program", c.CommandPath(), line)
				continue
			}
			found, rest, err := newProgram().Root().Find(words[1:])
			if err != nil || found.CommandPath() != c.CommandPath() {
				t.Errorf("%s: the example %q calls another command: %v", c.CommandPath(), line, err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%s: the example %q: %v", c.CommandPath(), line, err)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newProgram().Root())
	if seen == 0 {
		t.Error("no examples found")
	}
}

func TestHelp(t *testing.T) {
	call(t).WantOutput(t, "bench", "chaos", "version")
	call(t, "bench").WantOutput(t, "throughput", "latency", "gap", "losses", "restart", "soak", "poll", "stream", "lag", "router", "rollout", "scale")
	call(t, "bench", "--help").WantOutput(t, "throughput")
	call(t, "bnech").WantError(t, cli.ExitUsage, `did you mean "belfry-lab bench"?`)
}

// The program that is measured is the one that is named, or is beside this one,
// or is built.
func TestFindsBelfry(t *testing.T) {
	t.Run("named", func(t *testing.T) {
		file := programtest.WriteFile(t, "belfry", "")
		for path, want := range map[string]string{
			filepath.Dir(file):   "is not a program",
			file:                 "is not a program",
			file + "-is-missing": "no such file",
		} {
			o := belfryOptions{belfry: path}
			var usage *cli.UsageError
			if _, err := o.find(t.Context(), t.TempDir()); !errors.As(err, &usage) || !strings.Contains(err.Error(), "--belfry: ") || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want a usage error of --belfry with %q", path, err, want)
			}
		}
		if err := os.Chmod(file, 0o700); err != nil {
			t.Fatal(err)
		}
		o := belfryOptions{belfry: file}
		if got, err := o.find(t.Context(), t.TempDir()); err != nil || got != file {
			t.Errorf("got %q, %v, want %q", got, err, file)
		}
	})
	t.Run("neither beside nor buildable", func(t *testing.T) {
		t.Chdir(t.TempDir())
		_, err := new(belfryOptions).find(t.Context(), t.TempDir())
		var usage *cli.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), "--belfry: ") {
			t.Errorf("got %v, want a usage error that names --belfry", err)
		}
	})
	t.Run("built", func(t *testing.T) {
		parts.Need(t, "lab")
		if testing.Short() {
			t.Skip("builds the program")
		}
		dir := t.TempDir()
		got, err := new(belfryOptions).find(t.Context(), dir)
		if err != nil || got != filepath.Join(dir, "belfry") {
			t.Fatalf("got %q, %v", got, err)
		}
		if out := programtest.Run(t, got, "--version"); !strings.HasPrefix(out, "belfry ") {
			t.Errorf("it says that it is %q", out)
		}
	})
}
