package snippets_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/snippets"
)

func document(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "'''", "```")), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	path := document(t, "# A\n\n'''\nunnamed\n'''\n'''python a/notify.py\nif x:\n    y\n\n'''\n\n- item\n\n  '''sh b.sh more\n  one\n    two\n  '''\n'''json\n{}\n'''\n")
	got, err := snippets.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a/notify.py": "if x:\n    y\n\n", "b.sh": "one\n  two\n"}
	if !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"second block": "'''sh a\n'''\n'''sh a\n'''\n",
		"no end":       "'''sh a\necho\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := snippets.Read(document(t, text)); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %q, %v, want an error about a %s", got, err, name)
			}
		})
	}
	if _, err := snippets.Read(filepath.Join(t.TempDir(), "absent.md")); err == nil {
		t.Error("an absent file is no error")
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := snippets.Write(dir, map[string]string{"a/b.txt": "x\n"}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "a", "b.txt")); err != nil || string(got) != "x\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := snippets.Write(dir, map[string]string{"../b.txt": "x"}); err == nil {
		t.Error("a name outside the folder is taken")
	}
}
