package docker_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is one line of a Dockerfile, continuation lines included.
type instruction struct {
	name, rest string
}

// arguments returns the exec form of an instruction, which needs no shell.
func (i instruction) arguments(t *testing.T) []string {
	t.Helper()
	start := strings.Index(i.rest, "[")
	var args []string
	if start < 0 || json.Unmarshal([]byte(i.rest[start:]), &args) != nil {
		t.Fatalf("%s %s is not in exec form", i.name, i.rest)
	}
	return args
}

// stages returns the instructions of each stage, FROM first.
func stages(t *testing.T) [][]instruction {
	t.Helper()
	raw, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(string(raw), "")
	text = strings.ReplaceAll(text, "\\\n", " ")
	var out [][]instruction
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "":
			continue
		case name == "FROM":
			out = append(out, nil)
		case len(out) == 0:
			t.Fatalf("%s comes before FROM", name)
		}
		last := len(out) - 1
		out[last] = append(out[last], instruction{name, strings.TrimSpace(rest)})
	}
	return out
}

// the returns the one instruction of that name in a stage.
func the(t *testing.T, stage []instruction, name string) instruction {
	t.Helper()
	var found []instruction
	for _, i := range stage {
		if i.name == name {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		t.Fatalf("got %d %s, want one", len(found), name)
	}
	return found[0]
}

func TestDockerfileStages(t *testing.T) {
	s := stages(t)
	if len(s) != 2 {
		t.Fatalf("got %d stages, want one to build and one to run", len(s))
	}
	build, final := s[0], s[1]
	if got := build[0].rest; !regexp.MustCompile(`^golang:1\.26\.[0-9]+ AS build$`).MatchString(got) {
		t.Errorf("builds from %q, want a pinned Go 1.26", got)
	}
	if got := final[0].rest; got != "scratch" {
		t.Errorf("runs on %q, want scratch", got)
	}
	var compiled bool
	for _, i := range build {
		if i.name != "RUN" || !strings.Contains(i.rest, "go build") {
			continue
		}
		compiled = true
		for _, want := range []string{"CGO_ENABLED=0", "-trimpath", `-ldflags "-s -w -X main.version=$VERSION"`, "./cmd/belfry"} {
			if !strings.Contains(i.rest, want) {
				t.Errorf("the build lacks %s", want)
			}
		}
	}
	if !compiled {
		t.Error("nothing is built")
	}
	if got := the(t, final, "USER").rest; !regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`).MatchString(got) {
		t.Errorf("runs as %q, want a user and group by number who are not root", got)
	}
	if got := the(t, final, "ENTRYPOINT").arguments(t); !slices.Equal(got, []string{"/belfry"}) {
		t.Errorf("got entrypoint %q, want /belfry", got)
	}
}

// TestDockerfileHealth has the image's check ask where the services of
// compose.yaml, which rely on it, serve their metrics.
func TestDockerfileHealth(t *testing.T) {
	args := the(t, stages(t)[1], "HEALTHCHECK").arguments(t)
	if got := valueOf(args, "--url"); got != "http://127.0.0.1:9100/readyz" {
		t.Errorf("the health check asks %q", got)
	}
	for _, s := range load(t, nil).Services {
		if s.Build == nil || s.HealthCheck != nil {
			continue
		}
		if got := valueOf(s.Command, "--metrics-addr"); got != ":9100" {
			t.Errorf("%s serves its metrics on %q, the health check asks port 9100", s.Name, got)
		}
	}
}

// TestDockerfileState has the state folder belong to the user of the image.
func TestDockerfileState(t *testing.T) {
	final := stages(t)[1]
	user, dir := the(t, final, "USER").rest, the(t, final, "VOLUME").rest
	if got, want := the(t, final, "ENV").rest, "BELFRY_STATE_DIR="+dir; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	owned := slices.ContainsFunc(final, func(i instruction) bool {
		return i.name == "COPY" && strings.Contains(i.rest, "--chown="+user+" ") && strings.HasSuffix(i.rest, " "+dir)
	})
	if !owned {
		t.Errorf("%s does not belong to %s", dir, user)
	}
}
