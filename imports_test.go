package belfry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/belfry/belfry"

// pkg is what go list tells of a package. Imports leaves those of its tests out.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string // Imports and all that they import in turn
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	// -e: a package that does not compile yet still has imports.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,Deps", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatalf("decode the output of go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}

// within reports whether path is that of a tree's root or below it.
func within(path, tree string) bool { return path == tree || strings.HasPrefix(path, tree+"/") }

// TestImportsGoOneWay holds the layers: cmd, then server, processors, views, upkeep and
// emitters, which do not know each other, then what those stand on, then the
// domain.
func TestImportsGoOneWay(t *testing.T) {
	roles := []string{"processors", "views", "emitters", "server", "upkeep", "deadletter/replay"}
	rules := []struct {
		from string   // folders of the module
		not  []string // trees that its packages must not depend on, even through others
		why  string
	}{
		{"server", []string{"github.com/lovoo/goka", "github.com/IBM/sarama", module + "/engine"},
			"HTTP reads tables through interfaces of its own and never knows goka"},
		{"codec", ours(roles...), "the lower layers know nothing of those above"},
		{"engine", ours(roles...), "the lower layers know nothing of those above"},
		{"sources", ours(roles...), "the lower layers know nothing of those above"},
		{"broker", ours(roles...), "the lower layers know nothing of those above"},
		{"web", ours(roles...), "the lower layers know nothing of those above"},
		{"internal/chaos", []string{module + "/internal/kafkatest", module + "/internal/browsertest"}, "it is part of the program"},
	}
	for _, role := range roles {
		others := slices.DeleteFunc(slices.Clone(roles), func(r string) bool { return r == role })
		rules = append(rules, struct {
			from string
			not  []string
			why  string
		}{role, ours(others...), "the roles meet in cmd alone"})
	}
	for _, p := range listPackages(t) {
		for _, rule := range rules {
			if !within(p.ImportPath, module+"/"+rule.from) {
				continue
			}
			for _, dep := range p.Deps {
				if slices.ContainsFunc(rule.not, func(tree string) bool { return within(dep, tree) }) {
					t.Errorf("%s depends on %s: %s", p.ImportPath, dep, rule.why)
				}
			}
		}
		for _, imported := range p.Imports {
			if within(imported, module+"/cmd") {
				t.Errorf("%s imports %s: nothing imports a program", p.ImportPath, imported)
			}
			if within(imported, module+"/internal") && !within(p.ImportPath, module+"/internal") && !within(p.ImportPath, module+"/cmd") {
				t.Errorf("%s imports %s: internal is for tests and for what the program measures itself with", p.ImportPath, imported)
			}
		}
	}
}

func ours(folders ...string) []string {
	var trees []string
	for _, f := range folders {
		trees = append(trees, module+"/"+f)
	}
	return trees
}

func TestDomainImportsStandardLibraryOnly(t *testing.T) {
	found := false
	for _, p := range listPackages(t) {
		if p.ImportPath != module {
			continue
		}
		found = true
		for _, imported := range p.Imports {
			// Only paths outside the standard library begin with a host.
			if host, _, _ := strings.Cut(imported, "/"); strings.Contains(host, ".") {
				t.Errorf("the domain imports %s", imported)
			}
		}
	}
	if !found {
		t.Errorf("go list does not know %s", module)
	}
}

func TestFilesAreShort(t *testing.T) {
	const most = 500
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, ".pb.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // an editor's file, gone since the folder was read
		}
		if err != nil {
			return err
		}
		seen++
		if lines := bytes.Count(text, []byte("\n")); lines > most {
			t.Errorf("%s has %d lines, want at most %d: split it by nouns", path, lines, most)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("no files found")
	}
}
