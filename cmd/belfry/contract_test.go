package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

// The names that the help lists, and their groups, are a contract.
func TestHelpListsEveryCommand(t *testing.T) {
	r := call(t, nil, "--help")
	r.WantOutput(t)
	groups := map[string][]string{}
	title := ""
	for line := range strings.Lines(r.Stdout) {
		if heading, ok := strings.CutSuffix(line, ":\n"); ok {
			title = heading
		} else if fields := strings.Fields(line); strings.HasPrefix(line, "  ") && line[2] != ' ' && len(fields) > 1 {
			groups[title] = append(groups[title], fields[0])
		}
	}
	for title, want := range map[string][]string{
		"Start here": {"demo"},
		"Serve":      {"processor", "run", "server"},
		"Operate":    {"broadcast", "channels", "dead-letters", "emit", "inspect", "lag", "mail", "push", "rules", "token", "topics", "vapid"},
		"Develop":    {"broker"},
	} {
		got := groups[title]
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", title, got, want)
		}
	}
	if strings.Contains(r.Stdout, "health") {
		t.Error("the help shows what is for containers only")
	}
}

// The flags of the contract, by command.
func TestFlagsOfTheContract(t *testing.T) {
	kafka := []string{"brokers", "prefix", "kafka-tls", "kafka-ca-file", "kafka-cert-file", "kafka-key-file", "sasl-mechanism", "sasl-user", "sasl-password-file", "log-format", "config"}
	serving := append(slices.Clone(kafka), "state-dir", "metrics-addr", "grace", "log-level", "lag-groups")
	doors := []string{
		"addr", "auth", "jwt-secret-file", "jwks-url", "jwt-audience", "jwt-issuer", "jwt-leeway", "ticket-secret-file", "cors-origins",
		"user-topics", "post-rate", "post-burst", "max-connections", "max-silent-per-address",
		"send", "vapid-key-file", "vapid-subject", "push-hosts", "public-url", "link-secret-file",
	}
	for command, want := range map[string][]string{
		"demo":         {"addr", "rate", "data-dir", "log-format"},
		"broker":       {"addr", "data-dir", "log-format"},
		"run":          append(slices.Concat(serving, doors), "partitions", "replication", "inbox-cap", "broadcast-cap", "broadcast-wakes", "timer-rate", "rules", "timezone", "schema-registry"),
		"server":       append(slices.Concat(serving, doors), "broadcast-wakes"),
		"processor":    append(slices.Clone(serving), "groups", "inbox-cap", "broadcast-cap", "broadcast-wakes", "timer-rate", "rules", "timezone", "schema-registry"),
		"topics":       append(slices.Clone(kafka), "partitions", "replication"),
		"emit":         kafka,
		"inspect":      append(slices.Clone(kafka), "json", "contents", "journal", "since", "inbox-cap", "broadcast-cap", "audit"),
		"lag":          append(slices.Clone(kafka), "groups", "by-partition", "json", "watch", "interval", "max-lag", "max-age"),
		"push test":    append(slices.Clone(kafka), "vapid-key-file", "vapid-subject", "push-hosts"),
		"mail test":    {"smtp-server", "smtp-tls", "smtp-user", "smtp-password-file", "mail-from", "dkim-key-file", "log-format", "config"},
		"mail preview": append(slices.Clone(kafka), "channels", "mail-from", "mail-content", "mail-templates", "public-url", "link-secret-file", "html"),
		"mail check":   {"json"},
		"vapid":        {"vapid-key-file"},
		"token":        {"user", "scope", "ttl", "jwt-secret-file", "jwt-audience", "jwt-issuer"},

		"broadcast send":    append(slices.Clone(kafka), "audience", "id", "source", "title", "body", "category", "priority", "url", "collapse-key", "deliver-at", "expires-at", "file", "features", "yes"),
		"broadcast list":    append(slices.Clone(kafka), "json"),
		"broadcast retract": append(slices.Clone(kafka), "audience", "id", "source", "collapse-key", "features", "yes"),

		"dead-letters list":   append(slices.Clone(kafka), "reason", "topic", "group", "rule", "since", "until", "limit", "pending", "cursor", "json"),
		"dead-letters show":   append(slices.Clone(kafka), "json", "contents"),
		"dead-letters replay": append(slices.Clone(kafka), "reason", "topic", "group", "rule", "since", "until", "limit", "all", "yes", "again", "rules", "json", "contents"),
		"dead-letters purge":  append(slices.Clone(kafka), "before", "yes", "json"),
	} {
		c, _, err := testProgram(nil).Root().Find(strings.Fields(command))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range want {
			if c.Flag(name) == nil && c.InheritedFlags().Lookup(name) == nil {
				t.Errorf("%s has no --%s", command, name)
			}
		}
	}
}

// Every line of every example is taken by the command that it names, up to the
// point where that would begin its work.
func TestExamplesParse(t *testing.T) {
	secret := programtest.WriteFile(t, "jwt.secret", programtest.Secret)
	seen := 0
	walk(testProgram(nil).Root(), func(c *cobra.Command) {
		if c.Example == "" || c.Name() == "completion" || c.HasParent() && c.Parent().Name() == "completion" {
			return
		}
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", " ")) {
			for _, args := range commandLines(line) {
				seen++
				t.Run(strings.Join(args, " "), func(t *testing.T) {
					for i := range args {
						args[i] = strings.ReplaceAll(args[i], "jwt.secret", secret)
					}
					root := testProgram(nil).Root()
					at, rest, err := root.Find(args)
					if err != nil {
						t.Fatal(err)
					}
					if at.CommandPath() != c.CommandPath() {
						t.Errorf("it is an example of %q", at.CommandPath())
					}
					if err := at.ParseFlags(rest); err != nil {
						t.Error(err)
					}
					if err := at.ValidateArgs(at.Flags().Args()); err != nil {
						t.Error(err)
					}
				})
			}
		}
	})
	if seen < 15 {
		t.Errorf("only %d examples found", seen)
	}
}

// commandLines returns the arguments of each call of belfry in a shell line.
func commandLines(line string) [][]string {
	line, _, _ = strings.Cut(line, " #")
	var all [][]string
	for _, m := range regexp.MustCompile(`(?:^|[\s(])belfry ([^|<>)]*)`).FindAllStringSubmatch(line, -1) {
		all = append(all, strings.Fields(strings.Trim(m[1], `"`)))
	}
	return all
}

func TestCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"  belfry demo --rate 0\n":                                   "[[demo --rate 0]]",
		"  echo '{}' | belfry emit --brokers a:1":                    "[[emit --brokers a:1]]",
		"  belfry emit --brokers a:1 < file":                         "[[emit --brokers a:1]]",
		"  belfry broker --addr a:0     # any":                       "[[broker --addr a:0]]",
		`  curl -H "X $(belfry token --user u)" http://a/belfry/b`:   "[[token --user u]]",
		"  openssl rand -hex 32 > jwt.secret; see /var/lib/belfry x": "[]",
	} {
		if got := fmt.Sprint(commandLines(line)); got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

// One file serves all commands: each takes what it knows and leaves the rest.
func TestOneConfigForAllCommands(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	secret := programtest.WriteFile(t, "jwt.secret", programtest.Secret)
	file := programtest.WriteFile(t, "belfry.yaml", fmt.Sprintf(`
brokers: [%s]
prefix: acme
partitions: 2
replication: 1
state-dir: %s
groups: [router, unread, inbox]
addr: 127.0.0.1:0
metrics-addr: 127.0.0.1:0
auth: jwt
jwt-secret-file: %s
jwt-audience: belfry
jwt-issuer: https://id.example
jwt-leeway: 10s
cors-origins: [https://intranet.example]
post-rate: 0
post-burst: 10
max-connections: 1000
max-silent-per-address: 100
inbox-cap: 7
grace: 8s
log-format: text
log-level: info
broker-addr: 127.0.0.1:0
user: billing
scope: [belfry:notify]
ttl: 5m
json: true
`, brokers[0], t.TempDir(), secret))
	call(t, nil, "topics", "--config", file).WantOutput(t, "created acme.journal with 2 partitions")
	token := strings.TrimSpace(call(t, nil, "token", "--config", file).Stdout)
	run := serveAll(t, "run", "--config", file)
	if run.metrics == "" || strings.HasSuffix(run.url, ":8080") {
		t.Errorf("run serves at %q and %q", run.url, run.metrics)
	}
	var lines strings.Builder
	for i := range 10 {
		fmt.Fprintf(&lines, `{"recipient":"user-7","title":"%d"}`+"\n", i)
	}
	if r := callInput(t.Context(), strings.NewReader(lines.String()), "emit", "--config", file); r.Code != cli.ExitOK {
		t.Fatalf("emit ended with %d: %s", r.Code, r.Stderr)
	}
	// As many as the cap of the file.
	var batch struct{ Users []badge }
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%+v", batch) }, func() bool {
		callAPI(t, "GET", run.url+"/v1/unread?user=user-7", token, "", &batch)
		return len(batch.Users) == 1 && batch.Users[0].Version == 10
	})
	if got := batch.Users[0].Unread; got != 7 {
		t.Errorf("%d unread, want the cap of 7", got)
	}
	inspected := call(t, nil, "inspect", "user-7", "--config", file)
	inspected.WantOutput(t, `"unread":7`)
	run.wantCleanStop()
	for _, command := range []string{"processor", "server"} {
		s := serveAll(t, command, "--config", file)
		if s.metrics == "" || (s.url != "") != (command == "server") {
			t.Errorf("%s serves at %q and %q", command, s.url, s.metrics)
		}
		s.wantCleanStop()
	}
}

// Every flag can come from the file: none is forgotten by the strict reader.
func TestConfigKnowsEveryFlag(t *testing.T) {
	known := cli.SettingNames(testProgram(nil).Root())
	walk(testProgram(nil).Root(), func(c *cobra.Command) {
		if c.Name() == "completion" || c.HasParent() && c.Parent().Name() == "completion" || c.Name() == "help" {
			return
		}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if cli.IsSetting(f) && !slices.Contains(known, f.Name) {
				t.Errorf("--%s of %s is no key of the file", f.Name, c.CommandPath())
			}
		})
	})
}

// The README's command lines are examples too.
func TestReadmeCommandsParse(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(strings.ReplaceAll(string(text), "go run ./cmd/belfry", "belfry")) {
		if !strings.HasPrefix(line, "belfry ") {
			continue
		}
		for _, args := range commandLines(line) {
			found++
			at, rest, err := testProgram(nil).Root().Find(args)
			if err != nil {
				t.Errorf("%q: %v", line, err)
			} else if err := at.ParseFlags(rest); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	}
	if found == 0 {
		t.Error("no command found")
	}
}
