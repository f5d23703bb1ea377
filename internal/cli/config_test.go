package cli

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// settings is a command with a flag of each kind, as configure sees it.
type settings struct {
	cmd     *cobra.Command
	addr    string
	brokers []string
	grace   time.Duration
	parts   int
	rate    float64
	tls     bool
	format  Choice
}

func newSettings() *settings {
	s := &settings{format: NewChoice("text", "text", "json")}
	s.cmd = &cobra.Command{Use: "run"}
	fs := s.cmd.Flags()
	fs.String("config", "", "")
	fs.StringVar(&s.addr, "addr", "default", "")
	fs.StringSliceVar(&s.brokers, "brokers", []string{"default:1"}, "")
	fs.DurationVar(&s.grace, "grace", time.Second, "")
	fs.IntVar(&s.parts, "partitions", 12, "")
	fs.Float64Var(&s.rate, "rate", 2, "")
	fs.BoolVar(&s.tls, "kafka-tls", false, "")
	fs.Var(&s.format, "log-format", "")
	return s
}

// Load parses args and then configures from env and a config file with that
// text, if there is any.
func (s *settings) Load(t *testing.T, env map[string]string, file string, args ...string) error {
	t.Helper()
	env = maps.Clone(env)
	if file != "" {
		args = append(args, "--config", settingsFile(t, "belfry.yaml", file))
	}
	if err := s.cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	known := []string{"of-another-command"}
	s.cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if IsSetting(f) {
			known = append(known, f.Name)
		}
	})
	return configure(s.cmd, func(name string) (string, bool) { v, ok := env[name]; return v, ok }, known)
}

func TestPrecedence(t *testing.T) {
	tests := []struct {
		name string
		args []string
		env  map[string]string
		file string
		want string
	}{
		{"default", nil, nil, "", "default"},
		{"file", nil, nil, "addr: file", "file"},
		{"environment over file", nil, map[string]string{"BELFRY_ADDR": "env"}, "addr: file", "env"},
		{"flag over environment", []string{"--addr", "flag"}, map[string]string{"BELFRY_ADDR": "env"}, "addr: file", "flag"},
		{"flag over file", []string{"--addr", "flag"}, nil, "addr: file", "flag"},
		{"flag set to its default", []string{"--addr", "default"}, map[string]string{"BELFRY_ADDR": "env"}, "", "default"},
		{"flag set to nothing", []string{"--addr", ""}, map[string]string{"BELFRY_ADDR": "env"}, "addr: file", ""},
		{"empty environment is absent", nil, map[string]string{"BELFRY_ADDR": ""}, "addr: file", "file"},
		{"key of another command", nil, nil, "of-another-command: {{", "default"},
		{"foreign variable", nil, map[string]string{"BELFRY_PORT": "tcp://10.0.0.1:80"}, "", "default"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Contains(tt.file, "{{") {
				tt.file = strings.ReplaceAll(tt.file, "{{", "not of any type")
			}
			s := newSettings()
			if err := s.Load(t, tt.env, tt.file, tt.args...); err != nil {
				t.Fatal(err)
			}
			if s.addr != tt.want {
				t.Errorf("addr %q, want %q", s.addr, tt.want)
			}
			if got, want := s.cmd.Flag("addr").Changed, tt.want != "default" || len(tt.args) > 0; got != want {
				t.Errorf("changed %t, want %t", got, want)
			}
		})
	}
}

func TestEveryKindOfValue(t *testing.T) {
	check := func(t *testing.T, s *settings) {
		t.Helper()
		if s.grace != 30*time.Second || s.parts != 3 || s.rate != 0.5 || !s.tls || s.format.Value != "json" {
			t.Errorf("got %s, %d, %g, %t, %s", s.grace, s.parts, s.rate, s.tls, s.format.Value)
		}
		if want := []string{"a:1", "b:2"}; !slices.Equal(s.brokers, want) {
			t.Errorf("brokers %q, want %q", s.brokers, want)
		}
	}
	t.Run("environment", func(t *testing.T) {
		s := newSettings()
		err := s.Load(t, map[string]string{
			"BELFRY_GRACE": "30s", "BELFRY_PARTITIONS": "3", "BELFRY_RATE": "0.5",
			"BELFRY_KAFKA_TLS": "true", "BELFRY_LOG_FORMAT": "json", "BELFRY_BROKERS": "a:1,b:2",
		}, "")
		if err != nil {
			t.Fatal(err)
		}
		check(t, s)
	})
	for name, brokers := range map[string]string{
		"file with a list":  "[a:1, 'b:2']",
		"file with a block": "\n  - a:1\n  - b:2",
		"file with a text":  "a:1,b:2",
		"file with aliases": "[&x a:1, b:2] # ",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSettings()
			text := "grace: 30s\npartitions: 3\nrate: 0.5\nkafka-tls: true\nlog-format: json\nbrokers: " + brokers + "\n"
			if err := s.Load(t, nil, text); err != nil {
				t.Fatal(err)
			}
			check(t, s)
		})
	}
	t.Run("empty list", func(t *testing.T) {
		s := newSettings()
		if err := s.Load(t, nil, "brokers: []"); err != nil || len(s.brokers) != 0 {
			t.Errorf("brokers %q with error %v, want none", s.brokers, err)
		}
	})
	t.Run("list of the command line is not added to", func(t *testing.T) {
		s := newSettings()
		err := s.Load(t, map[string]string{"BELFRY_BROKERS": "b:2"}, "brokers: [c:3]", "--brokers", "a:1", "--brokers", "d:4")
		if want := []string{"a:1", "d:4"}; err != nil || !slices.Equal(s.brokers, want) {
			t.Errorf("brokers %q with error %v, want %q", s.brokers, err, want)
		}
	})
}

func TestEmptyConfig(t *testing.T) {
	for _, text := range []string{"\n", "# nothing yet\n", "---\n", "{}", "---\n# nothing\n...\n"} {
		if err := newSettings().Load(t, nil, text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestBadSettings(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		file string
		want []string
	}{
		{"unknown key", nil, "addr: x\nbrokrs: [a:1]\n", []string{"belfry.yaml:2", `"brokrs"`, `"brokers"`}},
		{"key with underscores", nil, "log_format: json", []string{"belfry.yaml:1", `"log_format"`, `"log-format"`}},
		{"config in a config", nil, "config: x", []string{`unknown key "config"`}},
		{"help in a config", nil, "help: true", []string{`unknown key "help"`}},
		{"unknown key beside a bad value", nil, "grace: soon\nbrokrs: x", []string{"brokrs"}},
		{"wrong duration", nil, "\ngrace: soon", []string{"belfry.yaml:2", "grace", "duration", `"soon"`}},
		{"wrong number", nil, "partitions: many", []string{"partitions", "whole number", `"many"`}},
		{"fraction", nil, "partitions: 1.5", []string{"partitions", "whole number"}},
		{"wrong float", nil, "rate: fast", []string{"rate", "must be a number"}},
		{"yes is no boolean", nil, "kafka-tls: yes", []string{"kafka-tls", "true or false", `"yes"`}},
		{"wrong choice", nil, "log-format: xml", []string{"log-format", "text or json"}},
		{"list for one value", nil, "addr: [a, b]", []string{"addr", "not a list"}},
		{"mapping", nil, "addr: {host: x}", []string{"belfry.yaml:1", "addr", "a value or a list"}},
		{"nested list", nil, "brokers: [[a:1]]", []string{"brokers", "a value or a list"}},
		{"no value", nil, "addr:\ngrace: 1s", []string{"belfry.yaml:1", "addr", "no value"}},
		{"no value in a list", nil, "brokers: [a:1, ]\ngrace: ~", []string{"grace", "no value"}},
		{"twice", nil, "addr: a\naddr: b", []string{"belfry.yaml:2", "addr", "line 1"}},
		{"not a mapping", nil, "- addr", []string{"belfry.yaml:1", "mapping"}},
		{"not YAML", nil, "addr: [", []string{"belfry.yaml", "yaml"}},
		{"two documents", nil, "addr: a\n---\naddr: b", []string{"more than one"}},
		{"key is a list", nil, "? [a]\n: b", []string{"name of a flag"}},
		{"too large", nil, "# " + strings.Repeat("x", maxSmallFileBytes), []string{"larger than"}},
		{"variable", map[string]string{"BELFRY_GRACE": "soon"}, "", []string{"BELFRY_GRACE", "duration", `"soon"`}},
		{"choice by variable", map[string]string{"BELFRY_LOG_FORMAT": "xml"}, "", []string{"BELFRY_LOG_FORMAT", "text or json"}},
		{"boolean by variable", map[string]string{"BELFRY_KAFKA_TLS": "on"}, "", []string{"BELFRY_KAFKA_TLS", "true or false"}},
		{"list by variable", map[string]string{"BELFRY_BROKERS": `a"b`}, "", []string{"BELFRY_BROKERS", "list"}},
		{"config by variable", map[string]string{"BELFRY_CONFIG": "no-such-file.yaml"}, "", []string{"no-such-file.yaml"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := newSettings().Load(t, tt.env, tt.file)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q doesn't say %q", err, part)
				}
			}
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, seed := range []string{"", "a: b", "a: [b, c]", "a: &x b\nc: *x", "? [a]\n: b", "a: *a", "<<: {a: b}", "a: !!binary x", "--- \n...", "a: [*b]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parseConfig("belfry.yaml", text)
		if err != nil {
			return
		}
		for _, e := range entries {
			if !e.list && len(e.values) != 1 {
				t.Errorf("%q: %q has %d values", text, e.key, len(e.values))
			}
		}
	})
}

func settingsFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
