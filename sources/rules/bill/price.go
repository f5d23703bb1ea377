package bill

import (
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// price is what a call with those arguments costs. It may take work itself as long as that
// is less than left.
type price func(args []ref.Val, left uint64) uint64

// priceOf returns the price of a call; nil if its work does not depend on the record.
func priceOf(c ast.CallExpr) price {
	args := c.Args()
	if c.IsMemberFunction() {
		args = append([]ast.Expr{c.Target()}, args...)
	}
	constants := 0
	for _, a := range args {
		if constant(a) {
			constants++
		}
	}
	if constants == len(args) && c.FunctionName() != "json" {
		return nil
	}
	switch function := c.FunctionName(); function {
	case "!_", "-_", "_&&_", "_||_", "_?_:_", "@not_strictly_false", "_-_", "_*_", "_/_", "_%_", "_[_]", "_?._", "_[?_]",
		"or", "orValue", "value", "hasValue", "optional.of", "optional.none", "optional.ofNonZeroValue", "dyn", "type", "bool":
		return nil
	case "_==_", "_!=_":
		if constants > 0 {
			return nil
		}
		return equal
	case "_<_", "_<=_", "_>_", "_>=_":
		if constants > 0 {
			return nil
		}
		return both(64)
	case "startsWith", "endsWith":
		if constant(args[1]) {
			return nil
		}
		return both(64)
	case "@in":
		if constant(args[1]) {
			return nil
		}
		return member
	case "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds":
		if len(args) < 2 {
			return nil
		}
		return zoned
	case "size":
		return func(args []ref.Val, _ uint64) uint64 {
			if aggregate(args[0]) {
				return 0
			}
			return length(args[0]) / 8
		}
	case "string", "contains":
		return both(16)
	case "_+_":
		return sum
	case "indexOf", "lastIndexOf":
		return found
	case "join":
		return joined
	case "split":
		return split
	case "replace":
		return replaced
	case "format":
		return func(args []ref.Val, left uint64) uint64 {
			return length(args[0])/4 + 8*Weight(args[1], left/8)
		}
	case "flatten":
		return flattened
	case "json":
		return func(args []ref.Val, _ uint64) uint64 { return 2 * length(args[0]) }
	case "sets.contains", "sets.intersects", "sets.equivalent":
		return pairs
	default: // one way through, with a few bytes for each
		return both(3)
	}
}

// constant reports whether an expression is the same for every record.
func constant(e ast.Expr) bool {
	switch e.Kind() {
	case ast.LiteralKind:
		return true
	case ast.ListKind:
		return !slices.ContainsFunc(e.AsList().Elements(), func(element ast.Expr) bool { return element.Kind() != ast.LiteralKind })
	}
	return false
}

// both is a price by the lengths of all arguments.
func both(divisor uint64) price {
	return func(args []ref.Val, _ uint64) uint64 {
		var n uint64
		for _, a := range args {
			n += length(a)
		}
		return n / divisor
	}
}

func equal(args []ref.Val, left uint64) uint64 {
	x, y := length(args[0]), length(args[1])
	if x != y || !aggregate(args[0]) || !aggregate(args[1]) {
		return min(x, y) / 64
	}
	return 4 * Weight(args[0], left/4)
}

func aggregate(v ref.Val) bool {
	switch v.(type) {
	case traits.Lister, traits.Mapper, *types.Optional:
		return true
	}
	return false
}

func member(args []ref.Val, left uint64) uint64 {
	if _, isMap := args[1].(traits.Mapper); isMap {
		return length(args[0]) / 16
	}
	if aggregate(args[0]) {
		return 4 * Weight(args[1], left/4)
	}
	return length(args[1]) * (2 + length(args[0])/512)
}

func sum(args []ref.Val, _ uint64) uint64 {
	x, y := length(args[0]), length(args[1])
	if aggregate(args[1]) {
		if y == 1 {
			return 2 // an element more for the list that map and filter make
		}
		return (x + y) / 4
	}
	return (x + y) / 12
}

// zoned looks a time zone up in files.
func zoned([]ref.Val, uint64) uint64 { return 1000 }

// found compares at each place.
func found(args []ref.Val, _ uint64) uint64 {
	n := length(args[0])
	return n/3 + n*length(args[1])/20
}

func joined(args []ref.Val, left uint64) uint64 {
	l, ok := args[0].(traits.Lister)
	n := length(args[0])
	if !ok || 6*n > left {
		return 6 * n
	}
	var bytes uint64
	for i := range n {
		bytes += length(l.Get(types.Int(i)))
	}
	if len(args) > 1 {
		bytes += n * length(args[1])
	}
	return 6*n + bytes/4
}

func split(args []ref.Val, _ uint64) uint64 {
	s, sep := text(args[0]), text(args[1])
	return uint64(len(s))/16 + 3*pieces(s, sep)
}

// pieces is how often a text stands in another, beside once.
func pieces(s, part string) uint64 {
	if part == "" {
		return uint64(utf8.RuneCountInString(s)) + 1
	}
	return uint64(strings.Count(s, part)) + 1
}

func replaced(args []ref.Val, _ uint64) uint64 {
	s, n := text(args[0]), pieces(text(args[0]), text(args[1]))
	return n + (uint64(len(s))+n*length(args[2]))/4
}

// flattened copies each level into the one above it.
func flattened(args []ref.Val, left uint64) uint64 {
	depth := uint64(1)
	if len(args) > 1 {
		n, _ := args[1].(types.Int)
		depth = uint64(max(n, 1))
	}
	return 2 * Weight(args[0], left/2) * min(depth, 1000)
}

// pairs compares each with each.
func pairs(args []ref.Val, left uint64) uint64 {
	return 4 * (length(args[0]) + 1) * (Weight(args[1], left) + 1)
}

func text(v ref.Val) string {
	s, _ := v.(types.String)
	return string(s)
}
