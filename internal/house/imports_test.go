package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
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

// pkg is what go list tells of a package. Imports and Deps leave those of its tests out.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string // Imports and all that they import in turn
	// TestImports and XTestImports are those of its tests, in the package and beside it.
	TestImports, XTestImports []string
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	// -e: a package that does not compile yet still has imports.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,Deps,TestImports,XTestImports", "./...")
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

// TestImportsGoOneWay holds the walls between the rooms, over all that a package
// links and not only what it names: cmd, then internal/node, then the roles,
// which do not know each other, then what those stand on, then the domain.
func TestImportsGoOneWay(t *testing.T) {
	roles := []string{"server", "processors", "views", "emitters", "upkeep", "deadletter/replay", "senders", "responder"}
	drivers := []string{
		"github.com/lovoo/goka", "github.com/IBM/sarama", "github.com/twmb", "cel.dev/cel-go",
		"github.com/bufbuild/protocompile", "github.com/cockroachdb/pebble",
	}
	type wall struct {
		room string   // a folder of the module, with all below it
		not  []string // trees that its packages must not link
		why  string
	}
	walls := []wall{
		{"server", append(ours("engine", "codec", "sources/rules", "sources/schema"), drivers...),
			"HTTP reads tables through interfaces of its own and never knows Kafka, nor the languages of rules and schemas"},
		{"cmd/belfry", ours("internal/bench", "internal/chaos", "internal/attack"), "benchmarks, chaos and attacks are another program"},
		{"internal/node", ours("internal/options", "internal/cli"), "a process does not know how it was told what to do"},
		{"internal/chaos", ours("internal/kafkatest", "internal/browsertest"), "it is part of a program"},
	}
	for _, below := range []string{"engine", "codec", "sources", "broker", "web", "lag", "inbox", "reach"} {
		walls = append(walls, wall{below, ours(roles...), "the lower rooms know nothing of those above"})
	}
	for _, role := range roles {
		others := slices.DeleteFunc(slices.Clone(roles), func(r string) bool { return r == role })
		walls = append(walls, wall{role, ours(others...), "the roles meet in internal/node alone"})
	}
	pkgs := listPackages(t)
	for _, w := range walls {
		inside := 0
		for _, p := range pkgs {
			if !within(p.ImportPath, module+"/"+w.room) {
				continue
			}
			inside++
			for _, tree := range w.not {
				if i := slices.IndexFunc(p.Deps, func(dep string) bool { return within(dep, tree) }); i >= 0 {
					t.Errorf("%s links %s: %s", p.ImportPath, p.Deps[i], w.why)
				}
			}
		}
		if inside == 0 {
			t.Errorf("there is no room %s: its wall holds nothing", w.room)
		}
	}
	shared := []string{"recent", "breath", "cpus"}
	for _, p := range pkgs {
		// Programs alone start a node, and no test but theirs and its own.
		const node = module + "/internal/node"
		if all := slices.Concat(p.Imports, p.TestImports, p.XTestImports); slices.Contains(all, node) && p.ImportPath != node && !within(p.ImportPath, module+"/cmd") {
			t.Errorf("%s imports %s: wiring is for programs", p.ImportPath, node)
		}
		for _, imported := range p.Imports {
			if within(imported, module+"/cmd") && !within(p.ImportPath, module+"/cmd") {
				t.Errorf("%s imports %s: nothing imports a program", p.ImportPath, imported)
			}
			for _, room := range []string{"options", "cli"} {
				if room := module + "/internal/" + room; within(imported, room) && !within(p.ImportPath, module+"/cmd") && !within(p.ImportPath, module+"/internal") {
					t.Errorf("%s imports %s: flags are for programs", p.ImportPath, imported)
				}
			}
			if within(imported, module+"/internal") && !slices.Contains(shared, strings.TrimPrefix(imported, module+"/internal/")) &&
				!within(p.ImportPath, module+"/internal") && !within(p.ImportPath, module+"/cmd") {
				t.Errorf("%s imports %s: internal is for programs and tests, but for what rooms share", p.ImportPath, imported)
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

// TestDomainLinksStandardLibraryOnly holds what keeps the rules of an inbox
// testable without anything else: the root package and lag stand on the standard
// library, inbox and deadletter on that and the root.
func TestDomainLinksStandardLibraryOnly(t *testing.T) {
	allowed := map[string][]string{
		module:                  nil,
		module + "/lag":         nil,
		module + "/inbox":       {module},
		module + "/inbox/board": {module, module + "/inbox"},
		module + "/deadletter":  {module, module + "/inbox"},
		module + "/reach":       {module, module + "/inbox"},
		module + "/webpush":     {module},
	}
	for _, p := range listPackages(t) {
		may, ok := allowed[p.ImportPath]
		if !ok {
			continue
		}
		delete(allowed, p.ImportPath)
		for _, dep := range p.Deps {
			// Only paths outside the standard library begin with a host; what
			// the standard library brings of others begins with vendor.
			host, _, _ := strings.Cut(dep, "/")
			if strings.Contains(host, ".") && !slices.Contains(may, dep) {
				t.Errorf("%s links %s", p.ImportPath, dep)
			}
		}
	}
	for missing := range allowed {
		t.Errorf("go list does not know %s", missing)
	}
}

// goFiles calls each with the path of every Go file that people write.
func goFiles(t *testing.T, each func(path string)) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, ".pb.go"):
			return nil
		}
		seen++
		each(path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("no files found")
	}
}

// TestRoomsAreSmall holds that a folder can be read by its list of files.
func TestRoomsAreSmall(t *testing.T) {
	const most = 25
	sources := map[string]int{}
	goFiles(t, func(path string) {
		if !strings.HasSuffix(path, "_test.go") {
			sources[filepath.Dir(path)]++
		}
	})
	for folder, n := range sources {
		if n > most {
			t.Errorf("%s has %d source files, want at most %d: a prefix that three files share is a package", folder, n, most)
		}
	}
}

// TestRoomsSayWhatTheyAre holds that go doc tells of each package what it is,
// what it may import and where to begin reading.
func TestRoomsSayWhatTheyAre(t *testing.T) {
	docs := map[string]string{}
	goFiles(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		docs[filepath.Dir(path)] += file.Doc.Text()
	})
	for folder, doc := range docs {
		if lines := strings.Count(doc, "\n"); lines < 3 {
			t.Errorf("%s: the package comment has %d lines, want what it is, what it may import and where to begin reading", folder, lines)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	const most = 500
	goFiles(t, func(path string) {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return // an editor's file, gone since the folder was read
		}
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(text, []byte("\n")); lines > most {
			t.Errorf("%s has %d lines, want at most %d: split it by nouns", path, lines, most)
		}
	})
}
