package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testName     = regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w*`)
	testDeclared = regexp.MustCompile(`(?m)^func ((Test|Fuzz)\w+)\(`)
)

// TestDocumentedTestsExist holds that each test which a document names as proof is
// there, so that no claim outlives what shows it. A name that ends in … stands for
// all that begin so.
func TestDocumentedTestsExist(t *testing.T) {
	var declared []string
	documents := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir():
			return err
		case strings.HasPrefix(path, "docs") && strings.HasSuffix(path, ".md"):
			documents = append(documents, path)
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range testDeclared.FindAllStringSubmatch(string(text), -1) {
				declared = append(declared, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range testName.FindAllStringIndex(string(text), -1) {
			name := string(text[at[0]:at[1]])
			begins := strings.HasPrefix(string(text[at[1]:]), "…")
			found := false
			for _, d := range declared {
				found = found || d == name || begins && strings.HasPrefix(d, name)
			}
			if named++; !found {
				t.Errorf("%s names %s, which no file declares", document, name)
			}
		}
	}
	if named < 20 {
		t.Errorf("the documents name %d tests: the pattern finds too few", named)
	}
}
