package js_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/parts"
)

// runNode runs test files of the folder test with node, against the sources in a
// folder, and returns what it printed.
func runNode(t *testing.T, source string, files ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), parts.Path(t, "node"), append([]string{"--test"}, files...)...)
	cmd.Dir = "test"
	cmd.Env = append(os.Environ(), "BELFRY_SOURCE="+source)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestMain(m *testing.M) { parts.Main(m) }

// TestClient runs the client's own tests: the store under any interleaving, on
// traces of the design's model, and in the races that other inboxes document.
func TestClient(t *testing.T) {
	files, err := filepath.Glob("test/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files, %v", len(files), err)
	}
	for i, f := range files {
		files[i] = filepath.Base(f)
	}
	if out, err := runNode(t, "../src", files...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// mutations are changes of the client that its tests must catch.
var mutations = []struct{ name, file, from, to string }{
	{"an older batch is taken", "store.js", "const stale = store.order(badge) < 0;", "const stale = false;"},
	{"an older list is taken", "store.js", "if (!verdict && store.order(page) < 0) return STALE;", ""},
	{"an older page is taken", "store.js", "if (store.order(page) < 0) return STALE;", ""},
	{"x does not order", "store.js", "const stampOf = ({ version, x = 0 }) => [version, x];", "const stampOf = ({ version }) => [version, 0];"},
	{"an unread object alone moves the order of batches", "store.js", "      store.counts = countsOf(badge);\n", "      store.counts = countsOf(badge);\n      store.stamp = compare(stamp, store.stamp) > 0 ? stamp : store.stamp;\n"},
	{"counts come back", "store.js", "|| compare(stamp, counted) < 0) return;", ") return;"},
	{"a batch of another log is taken", "store.js", "if (verdict) return verdict;\n      const stale", "const stale"},
	{"a lower log is never believed", "store.js", "if (verdict === DECIDE && !bare) return DECIDE;", "if (verdict === DECIDE) return STALE;"},
	{"an archived item leaves no list", "query.js", "!item.archived === (status !== 'archived')", "true"},
	{"removed items stay", "store.js", "for (const seq of removed) remove(seq, version);", ""},
	{"an item that is not held is not missed", "store.js", "if (!item) missed(flags.archived ? 'archived' : flags.read === false && 'unread');\n        else if (item", "if (item && item"},
	{"late content is not taken", "store.js", "was?.pending ? !item.pending || item.version > was.version :", ""},
	{"a tab takes batches over a gap", "sync.js", "const follows = cursor &&", "const follows = true ||"},
	{"a stream goes on over another log", "sync.js", "return epochOf(store.cursor) === epochOf(to) &&", "return true ||"},
	{"a page of before a reset moves the list", "store.js", "if (query.generation === generation) query.loaded(page);", "query.loaded(page);"},
	{"a refused action stays", "sync.js", "actions.delete(action);\n        changed();", ""},
	{"an action counts twice", "optimist.js", "add(counts, item, -1);", "add(counts, { ...item, read: false, archived: false }, -1);"},
	{"actions overtake each other", "sync.js", "leaving.unless(sent)", "Promise.resolve()"},
	{"what waits is lost with its page", "leaving.js", "if (left) for (const leave of waiting) leave();", ""},
	{"the server's time to come back is not kept", "link.js", "retry = parser.retry ?? retry;", ""},
	{"who may have no stream does not poll", "link.js", "polls = reason === 'limit';", ""},
	{"streams that bring nothing are asked for at once", "link.js", "if (!reason && !proven && !slept) throw new Error('The stream was empty.');", ""},
	{"a machine's sleep is not noticed", "clock.js", "const looks = setInterval(() => Date.now() < end || done(true), look);", "const looks = 0;"},
	{"a machine that woke waits as all others", "link.js", "wait = slept ? 0 : reason", "wait = reason"},
	{"streams that were cut come back as one", "link.js", "wait = slept ? 0 : reason ? retry : backoff();", "wait = retry;"},
	{"those that are refused come back as one", "link.js", "* (1 + Math.random() / 2);\n\n", ";\n\n"},
	{"a refused token is the last", "request.js", "const again = await getToken({ refused: bearer });", "const again = '';"},
	{"what another device mutes is not asked for", "sync.js", "told(untold);", "told();"},
	{"any batch asks for what is muted", "sync.js", "!frames.some(({ data }) => data.seq || data.read + data.unread + data.seen + data.archived)", "true"},
	{"an answered action is not settled", "sync.js", "if (answer && (answer.version", "if (answer && false && (answer.version"},
}

// TestClientMutations has each of the mutations fail a test.
func TestClientMutations(t *testing.T) {
	parts.Need(t, "node")
	if testing.Short() {
		t.Skip("each mutation is a run of its own")
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			if err := os.CopyFS(folder, os.DirFS("src")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(folder, m.file)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(text, []byte(m.from)); n == 0 {
				t.Fatalf("%s has no %q: name the new text", m.file, m.from)
			}
			if err := os.WriteFile(path, bytes.Replace(text, []byte(m.from), []byte(m.to), 1), 0o600); err != nil {
				t.Fatal(err)
			}
			var out string
			for _, files := range [][]string{{"traces.test.js"}, {"link.test.js"}, {"races.test.js"}, {"property.test.js"}, {"storm.test.js"}} {
				if out, err = runNode(t, folder, files...); err != nil {
					break // the quick ones first: most are told by them
				}
			}
			if err == nil {
				t.Error("no test failed")
			} else if !strings.Contains(out, "not ok") && !strings.Contains(out, "✖") {
				t.Errorf("the tests did not run: %s", out)
			}
		})
	}
}

// TestPackage has the compiler check the types of the package, and the bindings run,
// in a project that has it installed.
func TestPackage(t *testing.T) {
	folder := project(t)
	run(t, folder, "npx", "--no-install", "tsc", "-p", ".")
	run(t, folder, "node", "--test", "run.test.js")
}

// project packs the package, and installs it in a project of its own with React and
// Vue, whose folder it returns.
func project(t *testing.T) string {
	t.Helper()
	parts.Need(t, "node")
	if testing.Short() {
		t.Skip("it installs packages")
	}
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("test/project")); err != nil {
		t.Fatal(err)
	}
	run(t, ".", "npm", "pack", "--silent", "--pack-destination", folder)
	packed, err := filepath.Glob(filepath.Join(folder, "*.tgz"))
	if err != nil || len(packed) != 1 {
		t.Fatalf("got %d packages, %v", len(packed), err)
	}
	run(t, folder, "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", packed[0])
	return folder
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
