package docker_test

import (
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/belfry/belfry/internal/promtest"
)

// alertRules is a rules file of Prometheus; unknown keys are errors, as they are
// to promtool.
type alertRules struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

// decodeStrictly refuses keys that the type does not have.
func decodeStrictly(t *testing.T, path string, to any) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	if err := decoder.Decode(to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// prometheusFuncs are those of Prometheus' templates that the rules use.
func prometheusFuncs() template.FuncMap {
	number := func(float64) string { return "" }
	return template.FuncMap{"humanize1024": number, "humanizeDuration": number, "humanizePercentage": number}
}

// TestAlertRules holds the rules against the form that Prometheus takes, and
// against the metrics that there are.
func TestAlertRules(t *testing.T) {
	var file alertRules
	decodeStrictly(t, "prometheus/alerts.yaml", &file)
	names := map[string]bool{}
	for _, g := range file.Groups {
		if g.Name == "" {
			t.Error("a group without a name")
		}
		for _, r := range g.Rules {
			if !regexp.MustCompile(`^[A-Z][A-Za-z]+$`).MatchString(r.Alert) || names[r.Alert] {
				t.Errorf("alert %q: want a name of its own", r.Alert)
			}
			names[r.Alert] = true
			if _, err := time.ParseDuration(r.For); r.For != "" && err != nil {
				t.Errorf("%s: for %q", r.Alert, r.For)
			}
			if strings.Count(r.Expr, "(") != strings.Count(r.Expr, ")") || r.Expr == "" {
				t.Errorf("%s: expression %q", r.Alert, r.Expr)
			}
			if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s: want a severity, a summary and a description", r.Alert)
			}
			for name, text := range r.Annotations {
				text = "{{ $labels := .Labels }}{{ $value := .Value }}" + text
				if _, err := template.New(name).Funcs(prometheusFuncs()).Parse(text); err != nil {
					t.Errorf("%s: %s: %v", r.Alert, name, err)
				}
			}
		}
	}
	if !names["BelfryDeadLetters"] {
		t.Fatal("no alert about dead letters")
	}
}

// Prometheus itself takes them, and finds that each fires and is silent when it
// must: alerts_test.yaml has both cases of each.
func TestAlertRulesByPromtool(t *testing.T) {
	var rules alertRules
	decodeStrictly(t, "prometheus/alerts.yaml", &rules)
	var file struct {
		Tests []struct {
			Cases []struct {
				Alert    string `yaml:"alertname"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	decodeYAML(t, "prometheus/alerts_test.yaml", &file)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			if len(c.Expected) > 0 {
				fires[c.Alert] = true
			} else {
				silent[c.Alert] = true
			}
		}
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if !fires[r.Alert] || !silent[r.Alert] {
				t.Errorf("%s: fires in a test %v, is silent in one %v", r.Alert, fires[r.Alert], silent[r.Alert])
			}
		}
	}
	t.Run("promtool", func(t *testing.T) {
		promtool := promtest.Path(t, "promtool")
		for _, args := range [][]string{{"check", "rules", "prometheus/alerts.yaml"}, {"test", "rules", "prometheus/alerts_test.yaml"}} {
			if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
				t.Errorf("promtool %v: %v\n%s", args, err, out)
			}
		}
	})
}

// TestAlertRunbooks has each alert lead to its section of the handbook, and each
// section about an alert be that of one.
func TestAlertRunbooks(t *testing.T) {
	raw, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range regexp.MustCompile(`(?m)^### (Belfry[A-Z]\w+)\n`).FindAllStringSubmatchIndex(string(raw), -1) {
		text, _, _ := strings.Cut(string(raw)[s[1]:], "\n#")
		sections[string(raw)[s[2]:s[3]]] = text
	}
	var file alertRules
	decodeStrictly(t, "prometheus/alerts.yaml", &file)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			const base = "https://github.com/belfry/belfry/blob/main/docs/operations.md#"
			// As GitHub makes anchors of headings.
			if got, want := r.Annotations["runbook_url"], base+strings.ToLower(r.Alert); got != want {
				t.Errorf("%s: got runbook %s, want %s", r.Alert, got, want)
			}
			for _, part := range []string{"What it means", "Look here", "Do this"} {
				if !strings.Contains(sections[r.Alert], part) {
					t.Errorf("docs/operations.md, %s: lacks %q", r.Alert, part)
				}
			}
			delete(sections, r.Alert)
		}
	}
	for name := range sections {
		t.Errorf("docs/operations.md has a section about %s, which is no alert", name)
	}
}

// TestAlertRulesAreLoaded follows the file from the configuration into the
// container.
func TestAlertRulesAreLoaded(t *testing.T) {
	var config struct {
		Files []string `yaml:"rule_files"`
	}
	decodeYAML(t, "prometheus.yml", &config)
	if len(config.Files) == 0 {
		t.Fatal("prometheus.yml loads no rules")
	}
	for _, file := range config.Files {
		mounted := false
		for _, v := range load(t, nil).Services["prometheus"].Volumes {
			mounted = mounted || v.Target == file && path.Base(v.Source) == path.Base(file)
		}
		if !mounted {
			t.Errorf("%s is not mounted into the container", file)
		}
	}
	if !slices.Contains(config.Files, "/etc/prometheus/alerts.yaml") {
		t.Errorf("rules %v lack the alerts", config.Files)
	}
}
