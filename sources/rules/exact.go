package rules

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/belfry/belfry/sources/rules/bill"
)

// exactOnly is a decorator by which a number keeps its text where the value of
// the whole expression comes from, and is CEL's own double everywhere else.
func exactOnly(root ast.Expr) interpreter.InterpretableDecoratorV2 {
	keep := map[int64]bool{}
	wrapped := map[int64]bool{}
	markExact(root, keep)
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "string" {
			markAll(e.AsCall().Args(), keep)
		}
	}))
	return func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		switch a := i.(type) {
		case *inexactCall:
			return i, nil
		case interpreter.InterpretableAttribute:
			if !keep[a.ID()] && !wrapped[a.ID()] {
				wrapped[a.ID()] = true // it comes again when its path is one step longer
				return &inexact{a}, nil
			}
		case interpreter.InterpretableCall:
			if a.Function() == "json" && !keep[a.ID()] {
				return &inexactCall{a}, nil
			}
		}
		return i, nil
	}
}

// inexact is an attribute whose numbers are computed with.
type inexact struct {
	interpreter.InterpretableAttribute
}

// Exec implements interpreter.InterpretableV2.
func (i *inexact) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return withoutText(i.InterpretableAttribute.Exec(frame))
}

// Eval implements interpreter.Interpretable.
func (i *inexact) Eval(a interpreter.Activation) ref.Val {
	return withoutText(i.InterpretableAttribute.Eval(a))
}

// inexactCall is a call whose result is computed with.
type inexactCall struct {
	interpreter.InterpretableCall
}

// Exec implements interpreter.InterpretableV2.
func (i *inexactCall) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return withoutText(execute(i.InterpretableCall, frame))
}

// Eval implements interpreter.Interpretable.
func (i *inexactCall) Eval(a interpreter.Activation) ref.Val {
	return withoutText(i.InterpretableCall.Eval(a))
}

// markExact collects the attributes that an expression passes on unchanged, by
// the ids of their nodes.
func markExact(e ast.Expr, keep map[int64]bool) {
	keep[e.ID()] = true
	switch e.Kind() {
	case ast.SelectKind:
		bill.MarkPath(e.AsSelect().Operand(), keep)
	case ast.CallKind:
		call := e.AsCall()
		args := call.Args()
		switch call.FunctionName() {
		case "_[_]", "_?._", "_[?_]":
			bill.MarkPath(args[0], keep)
		case "_?_:_":
			markAll(args[1:], keep)
		case "optional.of":
			markAll(args, keep)
		case "or", "orValue", "value":
			markAll(args, keep)
			if call.IsMemberFunction() {
				markExact(call.Target(), keep)
			}
		}
	case ast.ListKind:
		markAll(e.AsList().Elements(), keep)
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			markExact(entry.AsMapEntry().Value(), keep)
		}
	case ast.ComprehensionKind:
		markStep(e.AsComprehension().LoopStep(), keep)
		markExact(e.AsComprehension().Result(), keep)
	}
}

// markStep marks the elements that a step of map or filter adds to its list.
func markStep(e ast.Expr, keep map[int64]bool) {
	if e.Kind() != ast.CallKind {
		return
	}
	for _, arg := range e.AsCall().Args() {
		switch arg.Kind() {
		case ast.ListKind:
			markExact(arg, keep)
		case ast.CallKind:
			markStep(arg, keep)
		}
	}
}

func markAll(es []ast.Expr, keep map[int64]bool) {
	for _, e := range es {
		markExact(e, keep)
	}
}
