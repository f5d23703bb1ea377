package rules

import (
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"github.com/belfry/belfry/sources/envelope"
)

// ownFunctions are those that rules have beside CEL's own and its extensions, but for
// time, which depends on the source.
func ownFunctions(a adapter) []cel.EnvOption {
	dyn := cel.DynType
	return []cel.EnvOption{
		cel.Function("json", cel.Overload("json_dyn", []*cel.Type{dyn}, dyn, cel.UnaryBinding(func(v ref.Val) ref.Val { return parsed(v, a) }))),
		cel.Function("or",
			cel.Overload("or_dyn_dyn", []*cel.Type{dyn, dyn}, dyn, cel.OverloadIsNonStrict(), cel.BinaryBinding(func(x, y ref.Val) ref.Val { return firstOf(x, y) })),
			cel.Overload("or_dyn_dyn_dyn", []*cel.Type{dyn, dyn, dyn}, dyn, cel.OverloadIsNonStrict(), cel.FunctionBinding(firstOf)),
			cel.Overload("or_dyn_dyn_dyn_dyn", []*cel.Type{dyn, dyn, dyn, dyn}, dyn, cel.OverloadIsNonStrict(), cel.FunctionBinding(firstOf)),
		),
	}
}

// parsed is the value that is written in a text as JSON. What is none, or is a value
// already, is itself: the same field is a text from one program and an object from
// another.
func parsed(v ref.Val, a adapter) ref.Val {
	var text string
	switch v := v.(type) {
	case types.String:
		text = string(v)
	case types.Bytes:
		text = string(v)
	case *types.Optional:
		if v.HasValue() {
			return parsed(v.GetValue(), a)
		}
		return types.NullValue
	default:
		return v
	}
	value, err := envelope.ParseJSON([]byte(text))
	if err != nil {
		return types.NewErr("json(): the text %v", err)
	}
	return a.NativeToValue(value)
}

// firstOf is the first value that is there and not null, else the last as it is. An
// error that is no missing field's stands.
func firstOf(values ...ref.Val) ref.Val {
	last := len(values) - 1
	for _, v := range values[:last] {
		if failed, ok := v.(*types.Err); ok {
			if !isMissing(failed) {
				return v
			}
			continue
		}
		if o, ok := v.(*types.Optional); ok {
			if !o.HasValue() {
				continue
			}
			v = o.GetValue()
		}
		if v != types.NullValue {
			return v
		}
	}
	return values[last]
}

// isMissing reports whether an error is that of a field or element that the event
// lacks, or of a field of null.
func isMissing(err *types.Err) bool {
	return strings.HasPrefix(err.Error(), noSuchKey) || strings.HasPrefix(err.Error(), "index out of bounds")
}

// ownCost says what json costs, in CEL's units: memory comes with every byte.
type ownCost struct{}

// CallCost implements cost.ActualCostEstimator; nil leaves the cost to CEL.
func (ownCost) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	if function != "json" {
		return nil
	}
	cost := uint64(1)
	if sized, ok := args[0].(traits.Sizer); ok {
		if n, ok := sized.Size().(types.Int); ok {
			cost += 2 * uint64(n)
		}
	}
	return &cost
}

// maxReplacedBytes is the longest text that replace may make.
const maxReplacedBytes = 1 << 20

// boundReplace is a decorator that has replace look at the length of its result
// before it makes it: the product of two long texts of one event would be more
// memory than there is. The cost limit comes too late for that.
func boundReplace(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || call.Function() != "replace" {
		return i, nil
	}
	return &boundedReplace{InterpretableCall: call}, nil
}

type boundedReplace struct{ interpreter.InterpretableCall }

// Exec implements interpreter.InterpretableV2.
func (b *boundedReplace) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	var parts [3]string
	args := b.Args()
	for n := range min(len(parts), len(args)) {
		// Arguments have no effects, so that they can be evaluated twice.
		s, ok := execute(args[n], frame).(types.String)
		if !ok {
			return b.InterpretableCall.Exec(frame)
		}
		parts[n] = string(s)
	}
	s, old, replacement := parts[0], parts[1], parts[2]
	count := strings.Count(s, old)
	if old == "" {
		count = utf8.RuneCountInString(s) + 1
	}
	if len(s)+count*len(replacement) > maxReplacedBytes && len(replacement) > len(old) {
		return types.NewErr("replace: the result would be over %d bytes", maxReplacedBytes)
	}
	return b.InterpretableCall.Exec(frame)
}

// Eval implements interpreter.Interpretable.
func (b *boundedReplace) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, b.Exec)
}

func execute(i interpreter.Interpretable, frame *interpreter.ExecutionFrame) ref.Val {
	if v2, ok := i.(interpreter.InterpretableV2); ok {
		return v2.Exec(frame)
	}
	return i.Eval(frame)
}
