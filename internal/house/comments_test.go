package house

import (
	"go/parser"
	"go/token"
	"regexp"
	"testing"
)

var headless = regexp.MustCompile(`^(What|Whatever|Who|Whoever|How|Where) `)

// TestCommentsNameTheirSubject holds that a comment begins with what it is about.
func TestCommentsNameTheirSubject(t *testing.T) {
	goFiles(t, func(path string) {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range file.Comments {
			if word := headless.FindString(c.Text()); word != "" {
				t.Errorf("%s: a comment begins with %sin place of its subject", files.Position(c.Pos()), word)
			}
		}
	})
}
