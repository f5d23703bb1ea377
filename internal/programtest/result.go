package programtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/cli"
)

// Result is what a call of the program left behind.
type Result struct {
	Program        string // its name
	Code           int
	Stdout, Stderr string
}

// Call runs a program to its end with nothing in its environment but env.
func Call(ctx context.Context, p *cli.Program, env map[string]string, args ...string) Result {
	var stdout, stderr bytes.Buffer
	p.Env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	p.Stdout, p.Stderr = &stdout, &stderr
	code := p.Run(ctx, args)
	return Result{Program: p.Name, Code: code, Stdout: stdout.String(), Stderr: stderr.String()}
}

// WantError checks that the call ended with the code and one line on stderr
// that holds every part.
func (r Result) WantError(t *testing.T, code int, parts ...string) {
	t.Helper()
	if r.Code != code {
		t.Errorf("exit code %d, want %d", r.Code, code)
	}
	if r.Stdout != "" {
		t.Errorf("stdout %q, want nothing", r.Stdout)
	}
	if !strings.HasPrefix(r.Stderr, r.Program+": ") || strings.Count(r.Stderr, "\n") != 1 || !strings.HasSuffix(r.Stderr, "\n") {
		t.Errorf("stderr %q, want one line that begins with \"%s: \"", r.Stderr, r.Program)
	}
	for _, part := range parts {
		if !strings.Contains(r.Stderr, part) {
			t.Errorf("stderr %q doesn't say %q", r.Stderr, part)
		}
	}
}

var progress = regexp.MustCompile(`(?m)^read \d+ of \d+ records \(\d+%\)\n`)

// WantOutput checks that the call succeeded and printed every part on stdout, and
// nothing on stderr.
func (r Result) WantOutput(t *testing.T, parts ...string) {
	t.Helper()
	// A busy machine is told how far a command is.
	if stderr := progress.ReplaceAllString(r.Stderr, ""); r.Code != cli.ExitOK || stderr != "" {
		t.Errorf("exit code %d with stderr %q, want 0 and nothing", r.Code, stderr)
	}
	for _, part := range parts {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("stdout doesn't say %q:\n%s", part, r.Stdout)
		}
	}
}

// WriteFile writes a file in a folder that goes with the test and returns its path.
func WriteFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Secret is a secret that tokens of tests are signed with.
const Secret = "0123456789abcdef0123456789abcdef"

// WantFailureIn checks that a command that may have told of its steps failed, and why.
func (r Result) WantFailureIn(t *testing.T, parts ...string) {
	t.Helper()
	if r.Code != cli.ExitFailure {
		t.Errorf("got exit code %d, want %d: %s%s", r.Code, cli.ExitFailure, r.Stdout, r.Stderr)
	}
	for _, part := range parts {
		if !strings.Contains(r.Stderr, part) {
			t.Errorf("got %q, want %q", r.Stderr, part)
		}
	}
	WantNoTrace(t, r.Stderr)
}

// WantFailure checks for exit code 1 and one line without a stack trace.
func (r Result) WantFailure(t *testing.T, parts ...string) {
	t.Helper()
	r.WantError(t, cli.ExitFailure, parts...)
	WantNoTrace(t, r.Stderr)
}

// WantNoTrace fails if a text holds a stack trace or a panic.
func WantNoTrace(t *testing.T, text string) {
	t.Helper()
	for _, sign := range []string{"goroutine ", "panic:", ".go:"} {
		if strings.Contains(text, sign) {
			t.Errorf("%q in the output:\n%s", sign, text)
		}
	}
}

// RewriteFile replaces a file at once: half of one would be a bad one.
func RewriteFile(t *testing.T, path, text string) {
	t.Helper()
	part := path + ".part"
	if err := errors.Join(os.WriteFile(part, []byte(text), 0o600), os.Rename(part, path)); err != nil {
		t.Fatal(err)
	}
}
