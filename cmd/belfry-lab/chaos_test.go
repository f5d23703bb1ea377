package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// On somebody's own cluster: the brokers are left alone, and so is what else is
// on them.
func TestChaosCommand(t *testing.T) {
	parts.Need(t, "lab")
	if testing.Short() {
		t.Skip("starts five processes and waits for faults")
	}
	t.Parallel()
	dir := t.TempDir()
	brokers := kafkatest.Embedded(t)
	belfryProgram := buildBelfry(t)
	programtest.Run(t, belfryProgram, "topics", "--brokers", brokers[0], "--partitions", "3")
	out := programtest.Run(t, "env", "TMPDIR="+dir, buildLab(t), "chaos", "--belfry", belfryProgram, "--brokers", brokers[0], "--prefix", "acme", "--seed", "4", "--duration", "10s", "--users", "20", "--partitions", "3")
	for _, want := range []string{"1 seeds from 4 on, 10s each", "seed 4, 10s, topics acme-chaos-4-", "kill a server", "all processes are ready", "seed 4: ok: 0 lost, 0 doubled", "stream clients"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "broker ") {
		t.Errorf("something was done to brokers:\n%s", out)
	}
	own := belfry.Prefix(belfry.DefaultPrefix)
	wantNoTopics(t, brokers, func(name string) bool { return !own.Owns(name) })
	topics, err := kafkatest.Admin(t, brokers).ListTopics()
	if err != nil {
		t.Fatal(err)
	}
	if len(topics) < len(own.Topics(1)) {
		t.Errorf("only the topics %v are left", topics)
	}
	wantEmpty(t, dir)
}

func TestChaosRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want []string
	}{
		"no brokers":   {nil, []string{"--brokers", "required"}},
		"no seeds":     {[]string{"--brokers", "a:1", "--seeds", "0"}, []string{"--seeds", "at least 1"}},
		"no users":     {[]string{"--brokers", "a:1", "--users", "0"}, []string{"--users", "at least 1"}},
		"short":        {[]string{"--brokers", "a:1", "--duration", "9s"}, []string{"--duration", "at least 10s, is 9s"}},
		"partitions":   {[]string{"--brokers", "a:1", "--partitions", "10001"}, []string{"--partitions", "at most 10000"}},
		"cap":          {[]string{"--brokers", "a:1", "--inbox-cap", "0"}, []string{"--inbox-cap"}},
		"prefix":       {[]string{"--brokers", "a:1", "--prefix", "a/b"}, []string{"--prefix"}},
		"long prefix":  {[]string{"--brokers", "a:1", "--prefix", strings.Repeat("x", 90)}, []string{"--prefix", "100"}},
		"no such seed": {[]string{"--brokers", "a:1", "--seed", "-1"}, []string{"--seed"}},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, append([]string{"chaos"}, tt.args...)...).WantError(t, cli.ExitUsage, tt.want...)
		})
	}
}

// The processes reach Kafka as the command does, wherever its settings are from.
func TestChaosPassesOnHowToReachKafka(t *testing.T) {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&options.Kafka{}).AddFlags(fs)
	fs.Int("users", 1, "")
	for name, value := range map[string]string{"brokers": "a:1,b:2", "prefix": "acme", "kafka-tls": "true", "sasl-mechanism": "PLAIN", "users": "7"} {
		if err := fs.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"--brokers=a:1,b:2", "--kafka-tls=true", "--sasl-mechanism=PLAIN"}
	if got := kafkaArgs(fs); !slices.Equal(got, want) {
		t.Errorf("passes on %q, want %q", got, want)
	}
}
