package rules

import (
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

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
