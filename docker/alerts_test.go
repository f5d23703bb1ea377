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

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/belfry/belfry/processors"
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
				if _, err := template.New(name).Parse(text); err != nil {
					t.Errorf("%s: %s: %v", r.Alert, name, err)
				}
			}
		}
	}
	if !names["BelfryDeadLetters"] {
		t.Fatal("no alert about dead letters")
	}
}

// Prometheus itself takes them.
func TestAlertRulesPassPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here")
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", "prometheus/alerts.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The metric of the alert about dead letters is one that there is.
func TestAlertMetricExists(t *testing.T) {
	var file alertRules
	decodeStrictly(t, "prometheus/alerts.yaml", &file)
	registry := prometheus.NewRegistry()
	processors.NewMetrics(registry)
	described := make(chan *prometheus.Desc, 100)
	registry.Describe(described)
	close(described)
	var all string
	for d := range described {
		all += d.String()
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert != "BelfryDeadLetters" {
				continue
			}
			for _, name := range regexp.MustCompile(`belfry_[a-z_]+`).FindAllString(r.Expr, -1) {
				if !strings.Contains(all, `"`+name+`"`) {
					t.Errorf("%s asks for %s, which there is not", r.Alert, name)
				}
			}
		}
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
