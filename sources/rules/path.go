package rules

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// path is an expression that only names a field, such as event.actor.id. Most
// expressions of rules do, and following it takes no CEL.
// Everything unusual on the way is left to CEL, so that both always agree.
type path []string

// pathOf returns the path that an expression is, nil if it is none.
func pathOf(e ast.Expr) path {
	switch e.Kind() {
	case ast.IdentKind:
		return path{e.AsIdent()}
	case ast.SelectKind:
		s := e.AsSelect()
		if before := pathOf(s.Operand()); before != nil && !s.IsTestOnly() {
			return append(before, s.FieldName())
		}
	}
	return nil
}

// follow returns the value at the end, false if CEL has to say what is there.
func (p path) follow(v *variables) (any, bool) {
	if len(p) == 0 {
		return nil, false
	}
	value, ok := v.ResolveName(p[0])
	for _, name := range p[1:] {
		if !ok {
			return nil, false
		}
		fields, isObject := value.(map[string]any)
		if !isObject {
			return nil, false
		}
		value, ok = fields[name]
	}
	if _, failed := value.(*types.Err); failed {
		return nil, false
	}
	return value, ok
}

// guard is a comparison of a path with a text, event.type == "X", without which
// a condition is false: it is all of it, or the first of what && joins. A rule
// is for one type of event of many as a rule.
type guard struct {
	path path
	text string
}

func guardOf(e ast.Expr) *guard {
	if e.Kind() != ast.CallKind {
		return nil
	}
	args := e.AsCall().Args()
	switch e.AsCall().FunctionName() {
	case "_&&_":
		return guardOf(args[0])
	case "_==_":
		if p := pathOf(args[0]); p != nil && args[1].Kind() == ast.LiteralKind {
			if text, ok := args[1].AsLiteral().(types.String); ok {
				return &guard{p, string(text)}
			}
		}
	}
	return nil
}

// refuses reports whether the condition is false for sure: in CEL false && x is
// false whatever x is, an error too.
func (g *guard) refuses(v *variables) bool {
	if g == nil {
		return false
	}
	value, ok := g.path.follow(v)
	if !ok {
		return false
	}
	text, isText := value.(string)
	return isText && text != g.text
}
