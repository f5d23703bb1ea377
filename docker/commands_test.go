package docker_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/buildtest"
)

// program is ./cmd/belfry.
type program struct {
	path string
	mu   sync.Mutex
	help map[string]string // by command
}

func build(t *testing.T) *program {
	t.Helper()
	return &program{path: buildtest.Program(t, "cmd/belfry"), help: map[string]string{}}
}

// helpOf returns what a command says of itself.
func (p *program) helpOf(t *testing.T, command string) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.help[command] == "" {
		out, err := exec.CommandContext(t.Context(), p.path, command, "--help").CombinedOutput()
		if err != nil {
			t.Fatalf("belfry %s --help: %v\n%s", command, err, out)
		}
		p.help[command] = string(out)
	}
	return p.help[command]
}

func (p *program) has(t *testing.T, command, flag string) bool {
	t.Helper()
	return regexp.MustCompile(`(?m)(^|\s)` + regexp.QuoteMeta(flag) + `(\s|=|,|$)`).MatchString(p.helpOf(t, command))
}

// TestCommands holds every command line of this folder against the help of the
// program.
func TestCommands(t *testing.T) {
	p := build(t)
	lines := map[string][]string{"Dockerfile health check": the(t, stages(t)[1], "HEALTHCHECK").arguments(t)[1:]}
	for _, s := range allServices(t) {
		switch {
		case s.Build == nil:
		case len(s.Entrypoint) > 0:
			lines[s.Name] = s.Entrypoint[1:]
		default:
			lines[s.Name] = s.Command
		}
	}
	for where, args := range lines {
		t.Run(where, func(t *testing.T) {
			if len(args) == 0 || strings.HasPrefix(args[0], "-") {
				t.Fatalf("%q names no command", args)
			}
			// cobra shows the help of the parent for a command it does not know.
			if help := p.helpOf(t, args[0]); !strings.Contains(help, "belfry "+args[0]) {
				t.Fatalf("belfry has no command %s", args[0])
			}
			for _, arg := range args[1:] {
				if flag, _, _ := strings.Cut(arg, "="); strings.HasPrefix(flag, "--") && !p.has(t, args[0], flag) {
					t.Errorf("belfry %s has no flag %s", args[0], flag)
				}
			}
		})
	}
}

// TestCommentedFlags has each flag that a comment offers be one of a server's.
func TestCommentedFlags(t *testing.T) {
	p := build(t)
	// As arguments are written in either file: what a comment has of other programs is not.
	comments, flags := regexp.MustCompile(`(?m)^\s*# ("|- )--.*$`), regexp.MustCompile(`--[a-z][a-z-]+`)
	for _, file := range []string{"compose.yaml", "k8s/server.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		offered := flags.FindAllString(strings.Join(comments.FindAllString(string(text), -1), "\n"), -1)
		if !slices.Contains(offered, "--send") {
			t.Errorf("%s does not say how mail is sent", file)
		}
		for _, flag := range offered {
			if !p.has(t, "server", flag) {
				t.Errorf("%s: belfry server has no flag %s", file, flag)
			}
		}
	}
}

// TestCommandEnvironment has each BELFRY_ variable stand for a flag of the
// command that gets it.
func TestCommandEnvironment(t *testing.T) {
	p := build(t)
	for _, s := range allServices(t) {
		if s.Build == nil || s.Name == "token" { // it needs none of what it shares
			continue
		}
		names := slices.Collect(maps.Keys(s.Environment))
		for _, name := range append(names, "BELFRY_STATE_DIR") { // the image's
			rest, ok := strings.CutPrefix(name, "BELFRY_")
			flag := "--" + strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
			stateless := s.Name == "topics" && flag == "--state-dir"
			if ok && !stateless && !p.has(t, s.Command[0], flag) {
				t.Errorf("%s: %s stands for %s, which belfry %s does not have", s.Name, name, flag, s.Command[0])
			}
		}
	}
}

// TestTopicNames has every topic that the files of this folder name be one that
// belfry makes.
func TestTopicNames(t *testing.T) {
	known := map[string]bool{}
	for _, spec := range belfry.Prefix(belfry.DefaultPrefix).Topics(belfry.DefaultPartitions) {
		known[spec.Name] = true
	}
	if !known["belfry.notifications"] {
		t.Fatalf("got topics %v", known)
	}
	name, named := regexp.MustCompile(`\bbelfry(\.[a-z][a-z-]*|-[a-z]+-table)\b`), 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, topic := range name.FindAllString(string(text), -1) {
			if named++; !known[topic] {
				t.Errorf("%s names the topic %s, which there is not", path, topic)
			}
		}
		return err
	})
	if err != nil || named == 0 {
		t.Errorf("found %d names of topics, %v", named, err)
	}
}
