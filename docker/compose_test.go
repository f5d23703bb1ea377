// Package docker_test holds what is in this folder against itself and against
// the program that it runs.
package docker_test

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

// load reads compose.yaml as docker compose does, which checks it against the
// schema of the Compose Specification, all references in it too.
func load(t *testing.T, env map[string]string) *types.Project {
	t.Helper()
	var pairs []string
	for k, v := range env {
		pairs = append(pairs, k+"="+v)
	}
	var profiles []string
	if p := env["COMPOSE_PROFILES"]; p != "" {
		profiles = strings.Split(p, ",")
	}
	options, err := cli.NewProjectOptions([]string{"compose.yaml"}, cli.WithEnv(pairs), cli.WithDefaultProfiles(profiles...))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func threeNodes(t *testing.T) map[string]string {
	t.Helper()
	env, err := dotenv.Read("three.env")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestComposeProfiles(t *testing.T) {
	base := []string{"grafana", "kafka-1", "processor-1", "processor-2", "prometheus", "proxy", "server-1", "server-2", "topics"}
	tests := map[string]struct {
		env         map[string]string
		services    []string
		brokers     string
		replication string
	}{
		"one node": {nil, base, "kafka-1:9092", "1"},
		"three nodes": {threeNodes(t), append([]string{"kafka-2", "kafka-3"}, base...),
			"kafka-1:9092,kafka-2:9092,kafka-3:9092", "3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			project := load(t, tt.env)
			slices.Sort(tt.services)
			if got := slices.Sorted(maps.Keys(project.Services)); !slices.Equal(got, tt.services) {
				t.Errorf("got services %v, want %v", got, tt.services)
			}
			for _, s := range project.Services {
				if b, ok := s.Environment["BELFRY_BROKERS"]; ok && *b != tt.brokers {
					t.Errorf("%s: got brokers %s, want %s", s.Name, *b, tt.brokers)
				}
			}
			if got := valueOf(project.Services["topics"].Command, "--replication"); got != tt.replication {
				t.Errorf("got replication %s, want %s", got, tt.replication)
			}
			checkKafka(t, project, strings.Split(tt.brokers, ","), tt.replication)
		})
	}
}

// checkKafka holds the nodes' settings against each other.
func checkKafka(t *testing.T, project *types.Project, brokers []string, replication string) {
	t.Helper()
	var voters []string
	for _, broker := range brokers {
		name, _, _ := strings.Cut(broker, ":")
		env := project.Services[name].Environment
		get := func(key string) string {
			if env[key] == nil {
				t.Fatalf("%s has no %s", name, key)
			}
			return *env[key]
		}
		voters = append(voters, get("KAFKA_NODE_ID")+"@"+name+":9093")
		if got, want := get("KAFKA_ADVERTISED_LISTENERS"), "PLAINTEXT://"+broker+","; !strings.HasPrefix(got, want) {
			t.Errorf("%s advertises %s, want %s first", name, got, want)
		}
		host := "HOST://127.0.0.1:" + project.Services[name].Ports[0].Published
		if got := get("KAFKA_ADVERTISED_LISTENERS"); !strings.HasSuffix(got, host) {
			t.Errorf("%s advertises %s, want %s last", name, got, host)
		}
		if got := get("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"); got != replication {
			t.Errorf("%s: got offsets replication %s, want %s", name, got, replication)
		}
	}
	for _, broker := range brokers {
		name, _, _ := strings.Cut(broker, ":")
		if got, want := *project.Services[name].Environment["KAFKA_CONTROLLER_QUORUM_VOTERS"], strings.Join(voters, ","); got != want {
			t.Errorf("%s: got voters %s, want %s", name, got, want)
		}
	}
}

var pinned = regexp.MustCompile(`^[a-z/-]+:v?[0-9]+\.[0-9]+\.[0-9]+(-alpine)?$`)

func TestComposeImages(t *testing.T) {
	for _, s := range allServices(t) {
		if s.Build != nil {
			continue // ours
		}
		if !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %s is not pinned to a version", s.Name, s.Image)
		}
	}
}

// TestComposeRuns holds what keeps a service going, and what it may reach.
func TestComposeRuns(t *testing.T) {
	oneShot := []string{"topics", "token"}
	for _, s := range allServices(t) {
		disabled := s.HealthCheck != nil && s.HealthCheck.Disable
		inImage := s.HealthCheck == nil && s.Build != nil
		switch {
		case slices.Contains(oneShot, s.Name):
			if !disabled || s.Restart == "unless-stopped" {
				t.Errorf("%s ends by itself, but has a health check or is started again", s.Name)
			}
		case disabled || s.HealthCheck == nil && !inImage:
			t.Errorf("%s has no health check", s.Name)
		case s.Restart != "unless-stopped":
			t.Errorf("%s: got restart %q, want unless-stopped", s.Name, s.Restart)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s to others than this machine", s.Name, p.Published)
			}
		}
		if s.Build != nil && s.Name != "topics" && s.Name != "token" {
			if s.DependsOn["topics"].Condition != "service_completed_successfully" {
				t.Errorf("%s does not wait for the topics", s.Name)
			}
			if !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Source == s.Name && v.Target == "/var/lib/belfry" }) {
				t.Errorf("%s has no state folder of its own", s.Name)
			}
		}
	}
}

// TestComposeConfines holds that no service can do more than it must: capabilities are
// dropped, nothing gains any, and what is not a volume is read only.
func TestComposeConfines(t *testing.T) {
	for _, s := range allServices(t) {
		if !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: drops %v, with %v", s.Name, s.CapDrop, s.SecurityOpt)
		}
		if len(s.CapAdd) > 0 && s.Name != "proxy" {
			t.Errorf("%s: adds %v", s.Name, s.CapAdd)
		}
		if kafka := strings.HasPrefix(s.Name, "kafka-"); s.ReadOnly == kafka || s.Privileged {
			t.Errorf("%s: read only %t, privileged %t", s.Name, s.ReadOnly, s.Privileged)
		}
	}
}

// TestComposeFiles looks for all that is mounted or built from, but for the
// secret, which each user makes.
func TestComposeFiles(t *testing.T) {
	exists := func(name, path string) {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, s := range allServices(t) {
		for _, v := range s.Volumes {
			if v.Type == "bind" {
				exists(s.Name, v.Source)
			}
		}
		if s.Build != nil {
			exists(s.Name, filepath.Join(s.Build.Context, s.Build.Dockerfile))
		}
	}
	secret := load(t, nil).Secrets["jwt"].File
	ignored, err := os.ReadFile("../.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	if path := "/docker/" + filepath.Base(secret); !strings.Contains(string(ignored), path+"\n") {
		t.Errorf("%s is not in .gitignore", path)
	}
	notes, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if want := "openssl rand -hex 32 > docker/" + filepath.Base(secret); !strings.Contains(string(notes), want) {
		t.Errorf("compose.yaml does not tell how to make the secret: %s", want)
	}
}

// TestPrometheusTargets has every process scraped where it listens, and the lag
// family once.
func TestPrometheusTargets(t *testing.T) {
	var config struct {
		Jobs []struct {
			Name    string `yaml:"job_name"`
			Path    string `yaml:"metrics_path"`
			Configs []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	decodeYAML(t, "prometheus.yml", &config)
	project := load(t, nil)
	scraped := map[string]int{}
	for _, job := range config.Jobs {
		for _, c := range job.Configs {
			for _, target := range c.Targets {
				checkListener(t, project, target, "--metrics-addr")
				scraped[job.Path+" "+target]++
			}
		}
	}
	want := map[string]int{
		" processor-1:9100": 1, " processor-2:9100": 1, " server-1:9100": 1, " server-2:9100": 1,
		"/metrics/lag server-1:9100": 1,
	}
	if !maps.Equal(scraped, want) {
		t.Errorf("got targets %v, want %v", scraped, want)
	}
}

func TestProxyUpstreams(t *testing.T) {
	raw, err := os.ReadFile("nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	conf := string(raw)
	project := load(t, nil)
	var upstreams []string
	for _, m := range regexp.MustCompile(`\n\s+server (\S+:\d+)`).FindAllStringSubmatch(conf, -1) {
		upstreams = append(upstreams, m[1])
		checkListener(t, project, m[1], "--addr")
	}
	if want := []string{"server-1:8080", "server-2:8080"}; !slices.Equal(upstreams, want) {
		t.Errorf("got upstreams %v, want %v", upstreams, want)
	}
	for _, want := range []string{
		"listen 8080;", "proxy_buffering off;", "proxy_http_version 1.1;", `proxy_set_header Connection "";`,
		"proxy_read_timeout 1h;", "proxy_pass http://belfry;",
		"proxy_set_header X-Forwarded-For", "proxy_set_header X-Forwarded-Proto", "proxy_set_header X-Forwarded-Host",
	} {
		if !strings.Contains(conf, want) {
			t.Errorf("nginx.conf lacks %q", want)
		}
	}
	if strings.Count(conf, "{") != strings.Count(conf, "}") {
		t.Error("nginx.conf has unequal braces")
	}
}

func TestGrafanaDatasource(t *testing.T) {
	var config struct {
		Datasources []struct {
			Type string `yaml:"type"`
			URL  string `yaml:"url"`
		} `yaml:"datasources"`
	}
	decodeYAML(t, "grafana/provisioning/datasources/prometheus.yml", &config)
	if len(config.Datasources) != 1 || config.Datasources[0].URL != "http://prometheus:9090" || config.Datasources[0].Type != "prometheus" {
		t.Errorf("got %+v, want the one Prometheus", config.Datasources)
	}
	if port := load(t, nil).Services["prometheus"].Ports[0].Target; port != 9090 {
		t.Errorf("Prometheus is published from %d, want 9090", port)
	}
}

// checkListener wants a target to be a service whose command listens there.
func checkListener(t *testing.T, project *types.Project, target, flag string) {
	t.Helper()
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := project.Services[host]
	if !ok {
		t.Errorf("%s is no service", host)
		return
	}
	if got := valueOf(s.Command, flag); got != ":"+port {
		t.Errorf("%s listens for %s on %q, not on :%s", host, flag, got, port)
	}
}

// valueOf returns the argument after a flag.
func valueOf(args []string, flag string) string {
	if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

func allServices(t *testing.T) []types.ServiceConfig {
	t.Helper()
	env := threeNodes(t)
	env["COMPOSE_PROFILES"] += ",tools"
	project := load(t, env)
	return slices.Collect(maps.Values(project.Services))
}

func decodeYAML(t *testing.T, path string, to any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
