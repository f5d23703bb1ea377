package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	logMessage = regexp.MustCompile(`^[a-z]`)
	logKey     = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// logMethods is where the message of each is among its arguments; -1 for none.
var logMethods = map[string]int{
	"Debug": 0, "Info": 0, "Warn": 0, "Error": 0, "With": -1,
	"DebugContext": 1, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1,
}

// TestLogsHaveConstantKeys holds that lines can be found and counted by what
// they say: messages are constant and lower case, keys are constant, and one
// thing has one name. It goes by names: a logger is called log or logger.
func TestLogsHaveConstantKeys(t *testing.T) {
	files, calls := token.NewFileSet(), 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && isLog(call) {
				calls++
				for _, fault := range logFaults(call) {
					t.Errorf("%s: %s", files.Position(call.Pos()), fault)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if calls < 40 {
		t.Errorf("got %d calls, want those of the program: are loggers called otherwise?", calls)
	}
}

func TestLogFaults(t *testing.T) {
	for _, tt := range []struct{ call, want string }{
		{`log.Info("begun", "count", 1)`, ""},
		{`s.sup.log.Warn("begun", "err", err)`, ""},
		{`s.log().With("component", name)`, ""},
		{`log.Info("begun", attrs...)`, ""},
		{`log.Info("Begun")`, `message "Begun"`},
		{`log.Info("begun " + name)`, "message is not constant"},
		{`log.Warn("begun", name, 1)`, "key is not constant"},
		{`log.Warn("begun", "userID", 1)`, `key "userID"`},
		{`log.Warn("begun", "error", err)`, `key "error"`},
		{`log.Warn("begun", "count")`, "key without a value"},
		{`logger.ErrorContext(ctx, "Begun")`, `message "Begun"`},
	} {
		parsed, err := parser.ParseExpr(tt.call)
		if err != nil {
			t.Fatal(err)
		}
		call := parsed.(*ast.CallExpr)
		if !isLog(call) {
			t.Errorf("%s is not taken for a line of the log", tt.call)
		}
		if got := strings.Join(logFaults(call), "; "); got != tt.want && (tt.want == "" || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: got %q, want %q", tt.call, got, tt.want)
		}
	}
}

func isLog(call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if _, is := logMethods[selected(method, ok)]; !is {
		return false
	}
	of := method.X
	if c, ok := of.(*ast.CallExpr); ok {
		of = c.Fun
	}
	name := ""
	switch x := of.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	}
	return slices.Contains([]string{"log", "logger"}, strings.ToLower(name))
}

func selected(s *ast.SelectorExpr, ok bool) string {
	if !ok {
		return ""
	}
	return s.Sel.Name
}

// logFaults returns what is wrong with a line.
func logFaults(call *ast.CallExpr) (faults []string) {
	at := logMethods[call.Fun.(*ast.SelectorExpr).Sel.Name]
	if at >= 0 && at < len(call.Args) {
		if text, ok := constant(call.Args[at]); !ok {
			faults = append(faults, "message is not constant")
		} else if !logMessage.MatchString(text) {
			faults = append(faults, fmt.Sprintf("message %q is not lower case", text))
		}
	}
	if call.Ellipsis.IsValid() {
		return faults // they have been put together elsewhere
	}
	pairs := call.Args[at+1:]
	for i := 0; i < len(pairs); i += 2 {
		key, ok := constant(pairs[i])
		switch {
		case !ok:
			faults = append(faults, "key is not constant")
		case key == "error":
			faults = append(faults, `key "error" is called "err"`)
		case !logKey.MatchString(key):
			faults = append(faults, fmt.Sprintf("key %q is no lower-case name", key))
		case i+1 == len(pairs):
			faults = append(faults, "key without a value")
		}
	}
	return faults
}

// constant returns the value of a text literal.
func constant(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}
