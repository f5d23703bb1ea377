package main

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/chaos/check"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// mend is one thing that keeps what clients are told true under faults. With it
// switched off, a run of the scene must find the hole.
type mend struct {
	name  string
	hole  string // what is open without it
	file  string // of this module
	old   string // is there exactly once,
	new   string // and switched off is this
	also  string // another mend that is to be off, since it makes up for this one
	scene string // of chaosScenes
	kind  check.Kind
	text  string // of a finding of that kind
}

// mends are those that a run of the whole program can tell from their absence.
func mends() []mend {
	return []mend{
		{
			name: "completed-prefix", hole: "offsets are committed past records whose writes are under way",
			file:  "engine/tracker.go",
			old:   "for n < len(t.pending) && t.pending[n].batch.done {",
			new:   "for n < len(t.pending) && t.pending[n].raw.Offset <= offset {",
			scene: "stalled writes", kind: check.Lost, text: "is not listed by",
		},
		{
			name: "redelivery", hole: "a record that the row has already is folded into it again",
			file: "inbox/fold.go", old: "if version <= s.Version {", new: "if version == 0 {",
			scene: "stalled writes", kind: check.Lost, text: "has no content in the table",
		},
		{
			name: "emit-again", hole: "a redelivered notification does not bring its content again",
			file: "inbox/fold.go", old: "if r.Kind != KindNotify {\n\t\treturn effects", new: "if r.Kind != 0 {\n\t\treturn effects",
			scene: "stalled writes", kind: check.Lost, text: "has no content in the table",
		},
		{
			name: "row-again", hole: "a row that only the local store has is never written to the table",
			file: "processors/fold.go", old: "\tc.SetRow(out.row, after)\n",
			new:   "\tif slices.ContainsFunc(out.steps, func(s step) bool { return s.outcome != inbox.Redelivered }) {\n\t\tc.SetRow(out.row, after)\n\t}\n",
			scene: "ended while writes stall", kind: check.Stuck, text: " is at version ",
		},
		{
			name: "watermarks", hole: "what the router writes again is new once its id is forgotten",
			file: "inbox/fold.go", old: "if f.routedBefore(r.Origin) {", new: "if f.routedBefore(r.Origin) && f.s == nil {",
			scene: "stalled writes, small inboxes", kind: check.Drift,
		},
		{
			name: "known-ids", hole: "what a sender sends again is there twice",
			file: "inbox/notify.go", old: "if f.known(hash) {", new: "if f.s == nil {",
			scene: "no faults", kind: check.Doubled, text: "is listed 2 times",
		},
		{
			name: "views-refuse", hole: "a view takes an older row that a paused owner wrote late",
			file: "views/unread.go", old: "Accept: codec.NotOlder,",
			new:  "Accept: func(old, row []byte) bool { return true || codec.NotOlder(old, row) },",
			also: "touch", scene: "late rows", kind: check.Stuck, text: " is at version ",
		},
		{
			name: "recovery-refuses", hole: "a store that is recovered takes an older row that a paused owner wrote late",
			file: "processors/unread.go", old: "if old != nil && !codec.NotOlder(old, value) {",
			new:   "if old == nil && !codec.NotOlder(old, value) {",
			scene: "zombies", kind: check.Drift, text: "the table's last row is",
		},
		{
			name: "touch", hole: "an older row stays the last of its key, and compaction keeps it",
			file: "upkeep/repair.go", old: "\tp.repairs.refuse(key, p.bit)\n", new: "\n",
			scene: "late rows", kind: check.Stuck, text: "the last row of",
		},
		{
			name: "sweep", hole: "contents that a paused owner wrote late stay for ever",
			file: "upkeep/sweep.go", old: "\treturn !row.Holds(key)\n", new: "\treturn row.Holds(key) && !row.Holds(key)\n",
			scene: "zombies", kind: check.Drift, text: "orphan:",
		},
		{
			name: "own-offset", hole: "a store counts rows of another owner as read that it does not hold",
			file: "engine/processor.go", old: "ownOffsets(s.OpenPartition)", new: "s.OpenPartition",
			scene: "zombies", kind: check.Drift, text: "the table's last row is",
		},
		{
			name: "supervisor", hole: "a processor that failed is not built anew, and its process ends",
			file: "engine/supervisor.go", old: "\t\tif errors.Is(err, ErrFenced) {\n", new: "\t\tif err != nil || errors.Is(err, ErrFenced) {\n",
			scene: "full disk", kind: check.Stuck, text: "processor-1 ended by itself",
		},
		{
			name: "dead-letters", hole: "what cannot be read is gone without a trace",
			file: "processors/deadletter.go", old: "\td.DeadLetters.Send(c.Context(), m, why, c.DeferCommit())\n", new: "\n",
			scene: "no faults", kind: check.Lost, text: "is not among the dead letters",
		},
		{
			name: "poison", hole: "a record that cannot be read ends whoever reads it",
			file: "processors/deadletter.go", old: "\td.DeadLetters.Send(c.Context(), m, why, c.DeferCommit())\n", new: "\tc.Fail(cause)\n",
			scene: "no faults", kind: check.Stuck, text: "group ",
		},
		{
			name: "tombstones", hole: "tombstones do not reach the inbox table",
			file: "engine/rows.go", old: "promise.Then(func(err error) { r.acknowledged(w, err) })", new: "promise.Then(func(err error) { w.done(err) })",
			scene: "no faults", kind: check.Drift, text: "orphan:",
		},
		{
			name: "own-command", hole: "a user who acted is shown the row of before",
			file: "server/wait.go", old: "return err == nil && stored.Applied(p), err", new: "return err == nil || stored.Applied(p), err",
			scene: "no faults", kind: check.Drift, text: "was answered with version",
		},
		{
			name: "known-version", hole: "a client that goes to another server sees what was before",
			file: "server/wait.go", old: "\treturn least, nil", new: "\treturn min(least, 0), nil",
			scene: "servers paused", kind: check.Back, text: "saw version",
		},
		{
			name: "pending-cursor", hole: "a stream that is cut does not bring the content that was late",
			file: "server/stream/progress.go", old: "if len(p.pending) > 0 {\n\t\tc.Version =", new: "if len(p.pending) > 1<<30 {\n\t\tc.Version =",
			scene: "processors away", kind: check.Drift, text: "holds at the end",
		},
	}
}

// off is what is switched off for a run without m.
func (m mend) off() []mend {
	off := []mend{m}
	for _, other := range mends() {
		if other.name == m.also {
			off = append(off, other)
		}
	}
	return off
}

// moduleRoot is the folder that the files of mends are in.
func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// switchOff returns source with the mends switched off.
func switchOff(source string, off ...mend) (string, error) {
	for _, m := range off {
		if n := strings.Count(source, m.old); n != 1 {
			return "", fmt.Errorf("%s has %d times what switches %s off, want 1:\n%s", m.file, n, m.name, m.old)
		}
		source = strings.Replace(source, m.old, m.new, 1)
	}
	return source, nil
}

// overlay writes the files of the mends with these switched off, and returns
// the file that tells the go command so.
func overlay(t *testing.T, off ...mend) string {
	t.Helper()
	root, dir := moduleRoot(t), t.TempDir()
	byFile := map[string][]mend{}
	for _, m := range off {
		byFile[m.file] = append(byFile[m.file], m)
	}
	replace := map[string]string{}
	for file, off := range byFile {
		source, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		text, err := switchOff(string(source), off...)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, file)] = path
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// buildWithout builds the program without these mends.
func buildWithout(t *testing.T, off ...mend) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "belfry")
	programtest.Heavily(t, "go", "build", "-overlay", overlay(t, off...), "-o", binary, belfryPackage)
	return binary
}

// Each mend can still be switched off, alone, and what is left is Go.
func TestMendsCanBeSwitchedOff(t *testing.T) {
	scenes, names := chaosScenes(), map[string]bool{}
	for _, m := range mends() {
		t.Run(m.name, func(t *testing.T) {
			if names[m.name] {
				t.Error("two have this name")
			}
			names[m.name] = true
			if _, ok := scenes[m.scene]; !ok {
				t.Errorf("no scene %q", m.scene)
			}
			source, err := os.ReadFile(filepath.Join(moduleRoot(t), m.file))
			if err != nil {
				t.Fatal(err)
			}
			text, err := switchOff(string(source), m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), m.file, text, parser.SkipObjectResolution); err != nil {
				t.Error(err)
			}
		})
	}
}

// The program compiles with its mends switched off. One build serves all of them, but
// for those that switch off the same text in another way.
func TestMendsSwitchedOffCompile(t *testing.T) {
	parts.Need(t, "lab")
	if testing.Short() {
		t.Skip("builds the program")
	}
	var off []mend
	texts := map[string]bool{}
	for _, m := range mends() {
		if !texts[m.file+m.old] {
			off = append(off, m)
		}
		texts[m.file+m.old] = true
	}
	// Of two packages go build makes no program, which takes longest.
	programtest.Heavily(t, "go", "build", "-overlay", overlay(t, off...), belfryPackage, "../../engine")
}
