package letter

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestDocumentedFields holds that docs/letters.md names each field that layouts have, and that
// its words are taken.
func TestDocumentedFields(t *testing.T) {
	text, err := os.ReadFile("../../../docs/letters.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []any{view{}, group{}, item{}, leave{}, Words{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(of)) {
			if f.IsExported() && !strings.Contains(string(text), "`."+f.Name+"`") {
				t.Errorf("docs/letters.md does not name .%s of %T", f.Name, of)
			}
		}
	}
	_, words, found := strings.Cut(string(text), "```yaml en.yaml\n")
	words, _, _ = strings.Cut(words, "```")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "en.yaml"), []byte(words), 0o600); err != nil || !found {
		t.Fatal(err, found)
	}
	templates, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := templates.words["en"].name("hr.vote"); got != "Votes" {
		t.Errorf("the category is named %q", got)
	}
}
