package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/belfry/belfry/sources/rules/advice"
)

// explain turns a message of CEL's checker into one that names the fix.
func (l *language) explain(text, message string) string {
	if rest, ok := strings.CutPrefix(message, "undeclared reference to '"); ok {
		name, _, _ := strings.Cut(rest, "'")
		if regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\s*\(`).MatchString(text) {
			if say := advice.Function(name); say != "" {
				return fmt.Sprintf("unknown function %.80q; %s", name, say)
			}
			if near, distance := advice.Nearest(name, l.functions()); distance <= max(2, len(name)/3) {
				return fmt.Sprintf("unknown function %.80q; the nearest known one is %q", name, near)
			}
			return fmt.Sprintf("unknown function %.80q; docs/rules.md says under Expressions which there are", name)
		}
		if say := advice.Name(name); say != "" && !slices.Contains(l.names, name) {
			return fmt.Sprintf("unknown name %.80q; %s", name, say)
		}
		if near, distance := advice.Nearest(name, l.names); distance <= max(1, len(name)/3) {
			return fmt.Sprintf("unknown name %.80q; the nearest known one is %q (a text needs quotes of its own within the expression: '%.80[1]s')", name, near)
		}
		return fmt.Sprintf("unknown name %.80q; a text needs quotes of its own within the expression: '%.80[1]s'; the names there are: %s", name, strings.Join(l.names, ", "))
	}
	if rest, ok := strings.CutPrefix(message, "found no matching overload for '"); ok {
		name, operands, _ := strings.Cut(rest, "' applied to '")
		name, operands = strings.Trim(name, "_@"), strings.TrimSuffix(operands, "'")
		return fmt.Sprintf("type error: %s does not take %s; %s", name, operands, advice.Operands(name, operands))
	}
	if rest, ok := strings.CutPrefix(message, "Syntax error: "); ok {
		return "syntax error: " + advice.Plain(rest) + "; " + advice.Syntax(text, rest)
	}
	if strings.HasPrefix(message, "reserved identifier: ") || strings.Contains(message, "argument to has()") {
		return "syntax error: " + message + "; " + advice.Syntax(text, message)
	}
	return message
}

func (l *language) functions() []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(l.computed.Functions())), func(name string) bool {
		return !identifier.MatchString(strings.ReplaceAll(name, ".", "_")) || strings.HasPrefix(name, "_")
	})
	names = append(names, "or", "has", "all", "exists", "exists_one", "map", "filter")
	slices.Sort(names)
	return names
}

// shape is what the value of an expression must be.
type shape int

const (
	anything shape = iota
	condition
	people   // a text, a number, or a list of those
	elements // a list
	moment
	writable // what a text can hold
)

// mismatch says what is wrong with an expression that yields t, "" if nothing
// is or that shows only when it runs.
func (s shape) mismatch(t *cel.Type) string {
	if isOptional(t) && s != condition {
		t = t.Parameters()[0]
	}
	kind := t.Kind()
	if kind == types.DynKind || s == anything {
		return ""
	}
	switch s {
	case condition:
		if kind != types.BoolKind {
			return fmt.Sprintf("type error: must be a condition, true or false, but is of type %s; compare it with something, such as event.type == \"X\"", t)
		}
	case people:
		if kind == types.ListKind {
			kind = t.Parameters()[0].Kind()
		}
		if !slices.Contains([]types.Kind{types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.NullTypeKind, types.DynKind, types.OpaqueKind, types.TypeParamKind}, kind) {
			return fmt.Sprintf("type error: must be a text, a number or a list of those, but is of type %s; name the field that holds the recipients' ids", t)
		}
	case elements:
		if !slices.Contains([]types.Kind{types.ListKind, types.NullTypeKind, types.OpaqueKind, types.TypeParamKind}, kind) {
			return fmt.Sprintf("type error: must be a list, but is of type %s; name the field that holds the list, or write [x] for a list of one", t)
		}
	case moment:
		if !slices.Contains([]types.Kind{types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.NullTypeKind, types.TimestampKind, types.ListKind, types.MapKind}, kind) {
			return fmt.Sprintf("type error: must be a time, but is of type %s; write for example event.createdAt or timestamp + duration(\"72h\")", t)
		}
	case writable:
		if slices.Contains([]types.Kind{types.ListKind, types.MapKind, types.NullTypeKind, types.TypeKind}, kind) {
			return fmt.Sprintf("type error: a text cannot hold a value of type %s; take one element or field of it", t)
		}
	}
	return ""
}

func isOptional(t *cel.Type) bool {
	return t.Kind() == types.OpaqueKind && t.TypeName() == "optional_type" && len(t.Parameters()) == 1
}
