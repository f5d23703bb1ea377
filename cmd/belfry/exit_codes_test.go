package main

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

// TestExitCodes holds one cause to one exit code in all commands: 2 for what is
// wrong with the call itself, 1 for what is not there, in use or has failed.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	const nowhere = "127.0.0.1:1"
	var (
		badRules = programtest.WriteFile(t, "bad.yaml", "sources:\n  - topic: orders\n    rules: [{name: x, when: event.a =, recipients: event.b, title: t}]\n")
		rules    = rulesFile(t, orderRules)
		busy     = busyAddr(t)
		dir      = t.TempDir()
	)
	for _, part := range []string{processorState, serverState} {
		unlock, err := lockState(dir, part)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unlock() })
	}
	kafka := kafkatest.Embedded(t)[0] // it has no topics

	serving := map[string][]string{
		"processor": nil,
		"server":    {"--addr", "127.0.0.1:0", "--auth", "none"},
		"run":       {"--addr", "127.0.0.1:0", "--auth", "none"},
	}
	channels := programtest.WriteFile(t, "channels.yaml", "channels:\n  browser: {kind: webpush, tell: [{if_unseen_after: 30s}]}\n")
	vapid := filepath.Join(t.TempDir(), "vapid.pem")
	call(t, nil, "vapid", "--vapid-key-file", vapid).WantOutput(t)
	onKafka := map[string][]string{
		"topics":              nil,
		"emit":                nil,
		"broadcast send":      {"--audience", "all", "--id", "1", "--title", "x", "--features", "broadcast"},
		"broadcast list":      nil,
		"broadcast retract":   {"--audience", "all", "--id", "1", "--features", "broadcast"},
		"inspect":             {"user-7"},
		"inspect --journal":   {"user-7"},
		"push test":           {"user-7", "--vapid-key-file", vapid, "--vapid-subject", "mailto:ops@example.com"},
		"mail preview":        {"user-7", "--channels", channels},
		"inspect --audit":     nil,
		"lag":                 nil,
		"dead-letters list":   nil,
		"dead-letters show":   {"0/1"},
		"dead-letters replay": {"--all"},
		"dead-letters purge":  {"--before", "1h"},
		"rules dry-run":       {"--rules", rules, "--topic", "orders"},
		"rules explain":       {"--rules", rules, "--topic", "orders", "--offset", "0"},
	}
	for name, args := range serving {
		onKafka[name] = args
	}
	others := map[string][]string{
		"broker": {"--addr", "127.0.0.1:0"}, "demo": {"--addr", "127.0.0.1:0"}, "health": nil, "rules check": {rules},
		"channels check": {channels},
		"mail test":      {"kim@example.com", "--smtp-server", "127.0.0.1:1", "--mail-from", "inbox@example.com"},
		"mail check":     {templatesFolder(t, "en.yaml", "urgent: Now\n")},
		"vapid":          {"--vapid-key-file", filepath.Join(t.TempDir(), "vapid.pem")},
		"token":          {"--user", "u", "--jwt-secret-file", programtest.WriteFile(t, "jwt.secret", programtest.Secret)},
	}
	check := func(cause, name string, code int, args []string, says ...string) {
		t.Run(cause+"/"+name, func(t *testing.T) {
			t.Parallel()
			if _, serves := serving[name]; serves && !slices.Contains(args, "--state-dir") {
				args = append(slices.Clone(args), "--state-dir", t.TempDir()) // nobody else's
			}
			call(t, nil, args...).WantError(t, code, says...)
		})
	}
	command := func(name string, more ...string) []string { return append(strings.Fields(name), more...) }

	for name, args := range onKafka {
		args = append(command(name), args...)
		check("no Kafka", name, cli.ExitFailure, append(slices.Clone(args), "--brokers", nowhere), "--brokers", nowhere, "refused", "start Kafka there")
		check("no brokers", name, cli.ExitUsage, args, "--brokers", "required")
		check("odd brokers", name, cli.ExitUsage, append(slices.Clone(args), "--brokers", "kafka"), "--brokers", "host:port")
		check("odd prefix", name, cli.ExitUsage, append(slices.Clone(args), "--brokers", nowhere, "--prefix", "a b"), "--prefix")
		check("no authority", name, cli.ExitUsage, append(slices.Clone(args), "--brokers", nowhere, "--kafka-tls", "--kafka-ca-file", "nowhere.pem"), "--kafka-ca-file", "nowhere.pem")
		switch name {
		case "topics", "run": // they create them
		case "lag", "rules dry-run", "rules explain", "dead-letters list", "dead-letters replay", "dead-letters purge":
			// Those of others, or none at all, are an answer or asked for by name.
		default:
			check("no topics", name, cli.ExitFailure, append(slices.Clone(args), "--brokers", kafka), "does not exist")
		}
	}
	for name, args := range serving {
		args = append(command(name, "--brokers", kafka), args...)
		check("folder in use", name, cli.ExitFailure, append(slices.Clone(args), "--state-dir", dir), "--state-dir", "in use")
		check("address in use", name, cli.ExitFailure, append(slices.Clone(args), "--state-dir", t.TempDir(), "--metrics-addr", busy), "--metrics-addr", "in use")
	}
	check("address in use", "demo", cli.ExitFailure, command("demo", "--addr", busy), "--addr", "in use")
	check("address in use", "broker", cli.ExitFailure, command("broker", "--addr", busy), "in use")
	check("nothing answers", "health", cli.ExitFailure, command("health", "--url", "http://"+nowhere), "refused")

	for _, args := range [][]string{
		command("run", append(serving["run"], "--state-dir", t.TempDir())...), command("processor", "--state-dir", t.TempDir()),
		command("rules dry-run", "--topic", "orders"), command("rules explain", "--topic", "orders", "--offset", "0"),
		command("dead-letters replay", "--all"),
	} {
		name := args[0] + " " + args[1]
		args = append(args, "--brokers", kafka)
		check("bad rules", name, cli.ExitFailure, append(slices.Clone(args), "--rules", badRules), "--rules", "bad.yaml:3")
		check("no rules there", name, cli.ExitUsage, append(slices.Clone(args), "--rules", "nowhere.yaml"), "--rules", "nowhere.yaml")
	}
	t.Run("bad rules/rules check", func(t *testing.T) {
		call(t, nil, "rules", "check", badRules).WantFailureIn(t, "1 problem")
	})
	check("no rules there", "rules check", cli.ExitUsage, command("rules check", "nowhere.yaml"), "nowhere.yaml")
	check("no such topic", "rules dry-run", cli.ExitFailure, command("rules dry-run", "--rules", rules, "--topic", "orders", "--brokers", kafka), "--topic", "no topic")

	tried := map[string]bool{}
	for _, commands := range []map[string][]string{onKafka, others} {
		for name, args := range commands {
			args = append(command(name), args...)
			check("unknown flag", name, cli.ExitUsage, append(slices.Clone(args), "--xyzzy-plugh-plover"), "--xyzzy-plugh-plover")
			check("no config there", name, cli.ExitUsage, append(slices.Clone(args), "--config", "nowhere.yaml"), "--config")
			path, _, _ := strings.Cut(name, " --")
			tried["belfry "+path] = true
		}
	}
	walk(testProgram(nil).Root(), func(c *cobra.Command) {
		if !c.HasSubCommands() && c.Name() != "help" && c.Name() != "version" && !tried[c.CommandPath()] {
			t.Errorf("%s is not tried", c.CommandPath())
		}
	})
}

// busyAddr returns an address that something listens on until the test ends.
func busyAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().String()
}
