package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/parts"
)

// TestAttackCommand runs one attack by requests and one by a record in short form,
// against programs that are started for them, and looks for what they must show.
func TestAttackCommand(t *testing.T) {
	parts.Need(t, "lab")
	if testing.Short() {
		t.Skip("builds and starts processes")
	}
	t.Parallel() // most of it is waiting
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), buildLab(t), "attack", "--only", "claims,bomb", "--duration", "1s", "--rounds", "2", "--belfry", buildBelfry(t))
	c.Env = append(os.Environ(), "TMPDIR="+dir)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	for _, want := range []string{
		`(?m)^claims +now .* \d+\+\d+ MiB .* 0 of 6 tokens of mallory's read another's inbox$`,
		`(?m)^bomb +now .* [0-9.]+m?s +1 records, 937 KB$`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("got\n%swant %s", out, want)
		}
	}
	wantEmpty(t, dir)
}

func TestAttackOptions(t *testing.T) {
	for name, change := range map[string]func(*attackOptions){
		"no such attack": func(o *attackOptions) { o.only = []string{"nonsense"} },
		"too short":      func(o *attackOptions) { o.duration = time.Millisecond },
		"no memory":      func(o *attackOptions) { o.memory = 1 },
		"no rounds":      func(o *attackOptions) { o.rounds = 0 },
		"no files":       func(o *attackOptions) { o.files = 10 },
	} {
		o := attackOptions{duration: time.Second, memory: 1024, files: 1024, rounds: 1}
		if err := o.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&o)
		if err := o.Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
