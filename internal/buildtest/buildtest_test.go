package buildtest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/buildtest"
)

const source = "package main\n\nfunc main() { println(\"%\") }\n"

// module is a module of its own, which the test works in.
func module(t *testing.T) (says func(string)) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("GOCACHE", goEnv(t, "GOCACHE")) // which is below the other else
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("GOFLAGS", "")
	says = func(text string) {
		t.Helper()
		for name, content := range map[string]string{"go.mod": "module m\n", "cmd/p/main.go": strings.Replace(source, "%", text, 1)} {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	says("first")
	if err := os.MkdirAll(filepath.Join(dir, "cmd", "p", "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(dir, "cmd", "p", "deep"))
	return says
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func output(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program).CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestProgram has the program be that of the sources, and stay what it was for a
// test that has it when the sources change.
func TestProgram(t *testing.T) {
	says := module(t)
	first := buildtest.Program(t, "cmd/p")
	if got := output(t, first); got != "first" {
		t.Errorf("the program says %q", got)
	}
	says("second")
	t.Run("same test binary", func(t *testing.T) {
		if got := output(t, buildtest.Program(t, "cmd/p")); got != "first" {
			t.Errorf("another test gets a program that says %q", got)
		}
	})
	buildtest.Forget()
	if got := output(t, buildtest.Program(t, "cmd/p")); got != "second" {
		t.Errorf("after a change another test binary gets a program that says %q", got)
	}
	if got := output(t, first); got != "first" {
		t.Errorf("the program of a running test now says %q", got)
	}
}
