package rules

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
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

// parsed is the value that is written in a text as JSON. A text that is none, or a value
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

func execute(i interpreter.Interpretable, frame *interpreter.ExecutionFrame) ref.Val {
	if v2, ok := i.(interpreter.InterpretableV2); ok {
		return v2.Exec(frame)
	}
	return i.Eval(frame)
}
