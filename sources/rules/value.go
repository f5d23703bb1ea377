package rules

import (
	"encoding/json"
	"maps"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// adapter gives the values of an event to CEL as they are, without copying.
type adapter struct {
	exact bool // numbers that are no integers keep their text
}

// NativeToValue implements types.Adapter.
func (a adapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case nil:
		return types.NullValue
	case ref.Val:
		return v
	case string:
		return types.String(v)
	case bool:
		return types.Bool(v)
	case int64:
		return types.Int(v)
	case uint64:
		return types.Uint(v)
	case json.Number:
		return a.number(v)
	case map[string]any:
		return ordered{types.NewStringInterfaceMap(a, v), a}
	case map[string]string:
		return ordered{types.NewStringStringMap(a, v), a}
	case []any:
		return types.NewDynamicList(a, v)
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}

func (a adapter) number(text json.Number) ref.Val {
	f, err := text.Float64()
	if err != nil {
		return types.NewErr("%.40q is not a number that can be computed with", text)
	}
	if a.exact {
		return writtenNumber{types.Double(f), text}
	}
	return types.Double(f)
}

// writtenNumber is a double that knows how it was written. Only what is written out
// becomes one, see exactOnly: CEL's own doubles know nothing of it when it is on
// their right-hand side.
type writtenNumber struct {
	types.Double
	text json.Number
}

// ConvertToType implements ref.Val.
func (n writtenNumber) ConvertToType(t ref.Type) ref.Val {
	if t == types.StringType {
		return types.String(n.text)
	}
	return n.Double.ConvertToType(t)
}

// Equal implements ref.Val.
func (n writtenNumber) Equal(other ref.Val) ref.Val { return n.Double.Equal(withoutText(other)) }

// Compare implements traits.Comparer.
func (n writtenNumber) Compare(other ref.Val) ref.Val { return n.Double.Compare(withoutText(other)) }

// withoutText is a value whose numbers are CEL's own doubles.
func withoutText(v ref.Val) ref.Val {
	switch v := v.(type) {
	case writtenNumber:
		return v.Double
	case *types.Optional:
		if v.HasValue() {
			return types.OptionalOf(withoutText(v.GetValue()))
		}
	case ordered, traits.Lister:
		switch v.Value().(type) {
		case map[string]any, []any:
			return adapter{}.NativeToValue(v.Value())
		}
	}
	return v
}

// ordered is a map whose keys come in order: what is made of an event must be
// the same each time, and Go's maps have no order.
type ordered struct {
	traits.Mapper
	adapter adapter
}

// Iterator implements traits.Iterable.
func (o ordered) Iterator() traits.Iterator {
	var keys []string
	switch m := o.Value().(type) {
	case map[string]any:
		keys = slices.Sorted(maps.Keys(m))
	case map[string]string:
		keys = slices.Sorted(maps.Keys(m))
	}
	return types.NewStringList(o.adapter, keys).Iterator()
}

// native is a value as sources.Event has it, for JSON; what CEL alone knows becomes
// text, and an optional that is absent is not ok.
func native(v ref.Val) (value any, ok bool, err error) {
	switch v := v.(type) {
	case types.Null:
		return nil, true, nil
	case types.Bool:
		return bool(v), true, nil
	case types.Int:
		return int64(v), true, nil
	case types.Uint:
		return uint64(v), true, nil
	case types.String:
		return string(v), true, nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, false, nil
		}
		return native(v.GetValue())
	case traits.Mapper:
		if m, isNative := v.Value().(map[string]any); isNative {
			return m, true, nil
		}
		return nativeMap(v)
	case traits.Lister:
		if l, isNative := v.Value().([]any); isNative {
			return l, true, nil
		}
		return nativeList(v)
	}
	text, err := textOf(v)
	if err != nil {
		return nil, false, err
	}
	if v.Type() == types.DoubleType {
		return json.Number(text), true, nil
	}
	return text, true, nil
}

func nativeMap(m traits.Mapper) (any, bool, error) {
	out := map[string]any{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, err := textOf(key)
		if err != nil {
			return nil, false, err
		}
		value, ok, err := native(m.Get(key))
		if err != nil {
			return nil, false, err
		}
		if ok {
			out[name] = value
		}
	}
	return out, true, nil
}

func nativeList(l traits.Lister) (any, bool, error) {
	out := []any{}
	for it := l.Iterator(); it.HasNext() == types.True; {
		value, ok, err := native(it.Next())
		if err != nil {
			return nil, false, err
		}
		if ok {
			out = append(out, value)
		}
	}
	return out, true, nil
}
