package bill

import (
	"fmt"
	"regexp"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// Charge is a decorator that has an expression charge calls whose work depends on the sizes
// of their arguments. Counted: it has such calls or goes through lists, so that it has to be
// run by [Bill.Eval]; the work of any other one depends on its own length alone, and
// counting costs more than most expressions do.
func Charge(env *cel.Env, root ast.Expr) (decorate interpreter.InterpretableDecoratorV2, counted bool) {
	prices, ranges := map[int64]price{}, map[int64]bool{}
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.ComprehensionKind:
			counted = true
			MarkPath(e.AsComprehension().IterRange(), ranges)
		case ast.CallKind:
			if p := priceOf(e.AsCall()); p != nil {
				prices[e.ID()] = p
			}
		}
	}))
	return func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		switch i := i.(type) {
		case *call, *matching, *rangeValue:
			return i, nil
		case interpreter.InterpretableAttribute:
			if !ranges[i.ID()] {
				return i, nil
			}
			delete(ranges, i.ID()) // it comes again when its path is one step longer
			return &rangeAttribute{i}, nil
		case interpreter.InterpretableCall:
			if p := prices[i.ID()]; p != nil {
				return charged(env, i, p, ranges[i.ID()])
			}
		}
		if ranges[i.ID()] {
			return &rangeValue{i}, nil
		}
		return i, nil
	}, counted || len(prices) > 0
}

// MarkPath notes the nodes of a path of fields down to the name that it begins with: CEL
// gives the whole path the id of that.
func MarkPath(e ast.Expr, noted map[int64]bool) {
	noted[e.ID()] = true
	switch e.Kind() {
	case ast.SelectKind:
		MarkPath(e.AsSelect().Operand(), noted)
	case ast.CallKind:
		switch e.AsCall().FunctionName() {
		case "_[_]", "_?._", "_[?_]":
			MarkPath(e.AsCall().Args()[0], noted)
		}
	}
}

func charged(env *cel.Env, c interpreter.InterpretableCall, p price, isRange bool) (interpreter.InterpretableV2, error) {
	if c.Function() == "matches" {
		return newMatching(c)
	}
	out := &call{InterpretableCall: c, args: c.Args(), price: p, isRange: isRange}
	declared, ok := env.Functions()[c.Function()]
	if !ok {
		return out, nil // a method of its first argument
	}
	bindings, err := declared.Bindings()
	if err != nil {
		return nil, err
	}
	for _, b := range bindings {
		if b.Operator == c.OverloadID() || b.Operator == c.Function() && out.bound == nil {
			out.bound = b
		}
	}
	return out, nil
}

// call is one that is charged before it runs. All functions that have a price are strict: an
// argument that is an error is their result.
type call struct {
	interpreter.InterpretableCall
	args    []interpreter.InterpretableV2
	bound   *functions.Overload // nil: none
	price   price
	isRange bool // a comprehension goes through the result
}

// Exec implements interpreter.InterpretableV2.
func (c *call) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	b := of(frame)
	if b == nil {
		return c.InterpretableCall.Exec(frame)
	}
	var few [4]ref.Val
	args := few[:0]
	for _, a := range c.args {
		v := a.Exec(frame)
		if types.IsUnknownOrError(v) {
			return v
		}
		args = append(args, v)
	}
	b.charge(1 + c.price(args, b.left()))
	out := types.LabelErrNode(c.ID(), c.run(args))
	if c.isRange {
		goneThrough(frame, out)
	}
	return out
}

// run does as CEL's interpreter does.
func (c *call) run(args []ref.Val) ref.Val {
	switch c.Function() {
	case "_==_":
		return types.Equal(args[0], args[1])
	case "_!=_":
		return types.Bool(types.Equal(args[0], args[1]) != types.True)
	}
	if o := c.bound; o != nil && (o.OperandTrait == 0 || args[0].Type().HasTrait(o.OperandTrait)) {
		switch {
		case len(args) == 1 && o.Unary != nil:
			return o.Unary(args[0])
		case len(args) == 2 && o.Binary != nil:
			return o.Binary(args[0], args[1])
		case o.Function != nil:
			return o.Function(args...)
		}
	}
	if receiver, ok := args[0].(traits.Receiver); ok && args[0].Type().HasTrait(traits.ReceiverType) {
		return receiver.Receive(c.Function(), c.OverloadID(), args[1:])
	}
	return types.NewErr("no such overload: %s", c.Function())
}

// Eval implements interpreter.Interpretable.
func (c *call) Eval(a interpreter.Activation) ref.Val { return interpreter.EvalActivation(a, c.Exec) }

// maxProgram is how large a regular expression may be, in instructions.
const maxProgram = 1000

// matching is a call of matches. It is none to CEL, whose own way to compile constants
// would take the charge away.
type matching struct {
	node     interpreter.InterpretableV2
	text     interpreter.InterpretableV2
	pattern  interpreter.InterpretableV2
	constant *program // nil: the pattern depends on the record
}

type program struct {
	*regexp.Regexp
	size uint64
}

func newMatching(c interpreter.InterpretableCall) (interpreter.InterpretableV2, error) {
	args := c.Args()
	m := &matching{node: c, text: args[0], pattern: args[1]}
	if constant, ok := m.pattern.(interpreter.InterpretableConst); ok {
		if text, ok := constant.Value().(types.String); ok {
			p, err := newProgram(string(text))
			if err != nil {
				return nil, err
			}
			m.constant = p
		}
	}
	return m, nil
}

func newProgram(pattern string) (*program, error) {
	size, err := types.RegexProgramSize(pattern)
	if err != nil {
		return nil, err
	}
	if size > maxProgram {
		return nil, fmt.Errorf("the regular expression has %d instructions, over %d", size, maxProgram)
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return &program{compiled, uint64(size)}, nil
}

// ID implements interpreter.Interpretable.
func (m *matching) ID() int64 { return m.node.ID() }

// Eval implements interpreter.Interpretable.
func (m *matching) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, m.Exec)
}

// Exec implements interpreter.InterpretableV2.
func (m *matching) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	v := m.text.Exec(frame)
	if types.IsUnknownOrError(v) {
		return v
	}
	text, isText := v.(types.String)
	b, p := of(frame), m.constant
	if p == nil {
		v := m.pattern.Exec(frame)
		if types.IsUnknownOrError(v) {
			return v
		}
		pattern, ok := v.(types.String)
		if !ok {
			return types.NewErrWithNodeID(m.ID(), "no such overload: matches")
		}
		if b != nil {
			b.charge(500 + 20*uint64(len(pattern))) // to compile it
		}
		if len(pattern) > maxProgram {
			return types.NewErrWithNodeID(m.ID(), "matches: the regular expression is over %d bytes", maxProgram)
		}
		var err error
		if p, err = newProgram(string(pattern)); err != nil {
			return types.WrapErr(err)
		}
	}
	if !isText {
		return types.NewErrWithNodeID(m.ID(), "no such overload: matches")
	}
	if b != nil {
		b.charge(5 + uint64(len(text))*(4+p.size)/4)
	}
	return types.Bool(p.MatchString(string(text)))
}

// rangeAttribute is a path to what a comprehension goes through.
type rangeAttribute struct {
	interpreter.InterpretableAttribute
}

// Exec implements interpreter.InterpretableV2.
func (r *rangeAttribute) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return goneThrough(frame, r.InterpretableAttribute.Exec(frame))
}

// Eval implements interpreter.Interpretable.
func (r *rangeAttribute) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, r.Exec)
}

// rangeValue is any other.
type rangeValue struct{ interpreter.InterpretableV2 }

// Exec implements interpreter.InterpretableV2.
func (r *rangeValue) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return goneThrough(frame, r.InterpretableV2.Exec(frame))
}

// Eval implements interpreter.Interpretable.
func (r *rangeValue) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, r.Exec)
}

// goneThrough charges for an object whose names have to be put in order, even if the first
// ends it.
func goneThrough(frame *interpreter.ExecutionFrame, v ref.Val) ref.Val {
	if _, isMap := v.(traits.Mapper); isMap {
		if b := of(frame); b != nil {
			b.charge(10 * length(v))
		}
	}
	return v
}
