package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// result is what a call of the program left behind.
type result struct {
	program        string // its name
	code           int
	stdout, stderr string
}

// callProgram runs a program to its end with nothing in its environment but env.
func callProgram(ctx context.Context, p *program, env map[string]string, args ...string) result {
	var stdout, stderr bytes.Buffer
	p.env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	p.stdout, p.stderr = &stdout, &stderr
	code := p.run(ctx, args)
	return result{program: p.name, code: code, stdout: stdout.String(), stderr: stderr.String()}
}

// wantError checks that the call ended with the code and one line on stderr
// that holds every part.
func (r result) wantError(t *testing.T, code int, parts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if r.stdout != "" {
		t.Errorf("stdout %q, want nothing", r.stdout)
	}
	if !strings.HasPrefix(r.stderr, r.program+": ") || strings.Count(r.stderr, "\n") != 1 || !strings.HasSuffix(r.stderr, "\n") {
		t.Errorf("stderr %q, want one line that begins with \"%s: \"", r.stderr, r.program)
	}
	for _, part := range parts {
		if !strings.Contains(r.stderr, part) {
			t.Errorf("stderr %q doesn't say %q", r.stderr, part)
		}
	}
}

func (r result) wantOutput(t *testing.T, parts ...string) {
	t.Helper()
	if r.code != exitOK || r.stderr != "" {
		t.Errorf("exit code %d with stderr %q, want 0 and nothing", r.code, r.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(r.stdout, part) {
			t.Errorf("stdout doesn't say %q:\n%s", part, r.stdout)
		}
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// running runs something until the test ends.
func running(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// testSecret is a secret that tokens of tests are signed with.
const testSecret = "0123456789abcdef0123456789abcdef"

// failIn checks that a command that may have told of its steps failed, and why.
func (r result) failIn(t *testing.T, parts ...string) {
	t.Helper()
	if r.code != exitFailure {
		t.Errorf("got exit code %d, want %d: %s%s", r.code, exitFailure, r.stdout, r.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(r.stderr, part) {
			t.Errorf("got %q, want %q", r.stderr, part)
		}
	}
	wantNoTrace(t, r.stderr)
}

// failure checks for exit code 1 or 2 and one line without a stack trace.
func (r result) failure(t *testing.T, parts ...string) {
	t.Helper()
	code := r.code
	if code != exitFailure && code != exitUsage {
		code = exitFailure
	}
	r.wantError(t, code, parts...)
	wantNoTrace(t, r.stderr)
}

// wantNoTrace fails if a text holds a stack trace or a panic.
func wantNoTrace(t *testing.T, text string) {
	t.Helper()
	for _, sign := range []string{"goroutine ", "panic:", ".go:"} {
		if strings.Contains(text, sign) {
			t.Errorf("%q in the output:\n%s", sign, text)
		}
	}
}

// rewrite replaces a file at once: half of one would be a bad one.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	part := path + ".part"
	if err := errors.Join(os.WriteFile(part, []byte(text), 0o600), os.Rename(part, path)); err != nil {
		t.Fatal(err)
	}
}
