package bill

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Weight is what going through a value once costs: a unit for each value in it and each 16
// bytes of text. It stops counting
// beyond most.
func Weight(v any, most uint64) uint64 {
	w := weigher{most: most}
	w.add(v)
	return w.units
}

// Write charges a value that is written out.
func (b *Bill) Write(v any) error {
	const each = 4 // to copy it and to write it as JSON
	return b.Spend(each * Weight(v, b.left()/each))
}

// Look charges what a rule does with a value that one of its fields is: to compare, to
// check or to refuse it takes as long as the value is, and a rule may do so for each of
// thousands of elements.
func (b *Bill) Look(v ref.Val) error {
	switch v.(type) {
	case types.String, types.Bytes:
		return b.Spend(length(v) / 32)
	}
	return b.Spend(length(v) / 8)
}

type weigher struct{ units, most uint64 }

func (w *weigher) add(v any) {
	w.units++
	if w.units > w.most {
		return
	}
	switch v := v.(type) {
	case string:
		w.bytes(len(v))
	case types.String:
		w.bytes(len(v))
	case types.Bytes:
		w.bytes(len(v))
	case []any:
		for _, e := range v {
			if w.add(e); w.units > w.most {
				return
			}
		}
	case map[string]any:
		for name, e := range v {
			w.bytes(len(name))
			if w.add(e); w.units > w.most {
				return
			}
		}
	case map[string]string:
		for name, e := range v {
			w.bytes(len(name) + len(e))
			w.units += 2
		}
	case *types.Optional:
		if v.HasValue() {
			w.add(v.GetValue())
		}
	case traits.Mapper:
		switch plain := v.Value().(type) {
		case map[string]any, map[string]string:
			w.add(plain)
		default:
			for it := v.Iterator(); it.HasNext() == types.True && w.units <= w.most; {
				key := it.Next()
				w.add(key)
				w.add(v.Get(key))
			}
		}
	case traits.Lister:
		w.list(v)
	}
}

// list does not ask for the value of lists that would be made for it.
func (w *weigher) list(l traits.Lister) {
	n := length(l)
	if w.units+n > w.most {
		w.units += n
		return
	}
	for i := range n {
		if w.add(l.Get(types.Int(i))); w.units > w.most {
			return
		}
	}
}

func (w *weigher) bytes(n int) { w.units += uint64(n) / 16 }

// length is that of a list or map in elements, of a text or of bytes in bytes, else 0.
func length(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v))
	case types.Bytes:
		return uint64(len(v))
	case traits.Sizer:
		if n, ok := v.Size().(types.Int); ok {
			return uint64(n)
		}
	case *types.Optional:
		if v.HasValue() {
			return length(v.GetValue())
		}
	}
	return 0
}
