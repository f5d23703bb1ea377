package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

var place = regexp.MustCompile("`([a-z_/]+\\.go)` `([A-Za-z]+\\.)?([A-Za-z]+)`")

// TestWalkIsThere holds that each place which the architecture names on the way
// of an event and of a command is in the code.
func TestWalkIsThere(t *testing.T) {
	text, err := os.ReadFile("docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for heading, least := range map[string]int{"## The way of an event": 20, "## The way of a command": 10} {
		_, section, ok := strings.Cut(string(text), heading+"\n")
		if !ok {
			t.Errorf("there is no %q", heading)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		places := place.FindAllStringSubmatch(section, -1)
		if len(places) < least {
			t.Errorf("%s names %d places, want at least %d", heading, len(places), least)
		}
		for _, p := range places {
			if err := declares(p[1], strings.TrimSuffix(p[2], "."), p[3]); err != nil {
				t.Errorf("%s: %v", heading, err)
			}
		}
	}
}

// declares returns an error unless the file declares that function, or that
// method of the type.
func declares(path, typeName, name string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != name {
			continue
		}
		of := ""
		if f.Recv != nil {
			of = strings.TrimPrefix(typeText(f.Recv.List[0].Type), "*")
		}
		if of == typeName {
			return nil
		}
	}
	return fmt.Errorf("%s declares no %s", path, strings.TrimPrefix(typeName+"."+name, "."))
}

func typeText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return "*" + typeText(e.X)
	case *ast.IndexExpr: // of a generic type
		return typeText(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
