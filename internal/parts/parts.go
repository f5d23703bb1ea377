package parts

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// RequireEnv names the environment variable with the comma-separated list of the
// parts that tests run against, such as "kafka,chromium". CI names all of them.
const RequireEnv = "BELFRY_TEST_REQUIRE"

// programs has the programs of each part. Of programs with a bar between them
// one is enough.
var programs = map[string][]string{
	"kafka":      {"java", "javac"}, // and mvn, for the first download
	"spring":     {"java", "javac"},
	"node":       {"node", "npm"},
	"python":     {"python3"},
	"chromium":   {"chromium|chromium-browser|google-chrome"},
	"kcat":       {"kcat"},
	"curl":       {"curl"},
	"protoc":     {"protoc"},
	"nginx":      {"nginx"},
	"prometheus": {"prometheus", "promtool"},
	"lab":        {"go"}, // benchmarks, attacks and mutations, which build and start many programs
}

// Need skips a test unless RequireEnv names all these parts; the reason holds
// the command that runs it. A test whose parts are named fails if one of their
// programs is not in the PATH. Need must be called on the test's goroutine, and
// before what the test would do in vain.
func Need(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if programs[name] == nil {
			t.Fatalf("no part is called %s", name)
		}
	}
	named := named()
	if !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(named, name) }) {
		for _, name := range names {
			for _, program := range programs[name] {
				if _, err := find(program); err != nil {
					t.Fatalf("%s is named by %s: %v", name, RequireEnv, err)
				}
			}
		}
		return
	}
	t.Skipf("needs %s: %s", strings.Join(names, " and "), command(t, append(named, names...)))
}

// Path returns the path of a part's first program, after [Need].
func Path(t testing.TB, name string) string {
	t.Helper()
	Need(t, name)
	path, err := find(programs[name][0])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Names are all parts, sorted.
func Names() []string { return slices.Sorted(maps.Keys(programs)) }

func named() []string {
	return strings.FieldsFunc(os.Getenv(RequireEnv), func(r rune) bool { return r == ',' || r == ' ' })
}

func find(program string) (string, error) {
	var failed error
	for name := range strings.SplitSeq(program, "|") {
		path, err := exec.LookPath(name)
		if err == nil {
			return path, nil
		}
		failed = err
	}
	return "", failed
}

// command is what runs the test with these parts, from the module's root.
func command(t testing.TB, names []string) string {
	slices.Sort(names)
	var pattern []string
	for name := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(name)+"$")
	}
	return fmt.Sprintf("%s=%s go test -run '%s' %s", RequireEnv, strings.Join(slices.Compact(names), ","), strings.Join(pattern, "/"), folder())
}

// folder is that of the package under test, from the module's root: tests begin
// in it.
func folder() string {
	dir, err := os.Getwd()
	if err != nil {
		return "./..."
	}
	for root := dir; root != filepath.Dir(root); root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			if rel, err := filepath.Rel(root, dir); err == nil && rel != "." {
				return "./" + filepath.ToSlash(rel)
			}
			return "."
		}
	}
	return "./..."
}
