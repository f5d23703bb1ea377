package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// dataNode is a part of a rule's data: a text, an object, a list, or a constant.
type dataNode struct {
	template *template
	fields   []dataField // of an object
	elements []*dataNode // of a list
	kind     dataKind
	constant any
}

type dataKind int

const (
	dataConstant dataKind = iota
	dataText
	dataObject
	dataList
)

type dataField struct {
	name string
	node *dataNode
}

// dataError says where in the data something is wrong.
type dataError struct {
	path string
	err  error
}

func (e *dataError) Error() string { return e.path + ": " + e.err.Error() }
func (e *dataError) Unwrap() error { return e.err }

// fixed reports whether the node is the same for every event.
func (d *dataNode) fixed() bool {
	switch d.kind {
	case dataText:
		_, ok := d.template.constant()
		return ok
	case dataObject:
		for _, f := range d.fields {
			if !f.node.fixed() {
				return false
			}
		}
	case dataList:
		for _, e := range d.elements {
			if !e.fixed() {
				return false
			}
		}
	}
	return true
}

// encode returns the JSON, in which names are in order. A text that is nothing
// but an optional that is absent is left out. V may be nil for a fixed node.
func (d *dataNode) encode(v *variables) (json.RawMessage, error) {
	value, _, err := d.value(v, "data")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("write it as JSON: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func (d *dataNode) value(v *variables, path string) (value any, ok bool, err error) {
	switch d.kind {
	case dataConstant:
		return d.constant, true, nil
	case dataText:
		return d.text(v, path)
	case dataObject:
		out := make(map[string]any, len(d.fields))
		for _, f := range d.fields {
			value, ok, err := f.node.value(v, join(path, f.name))
			if err != nil {
				return nil, false, err
			}
			if ok {
				out[f.name] = value
			}
		}
		return out, true, nil
	}
	out := make([]any, 0, len(d.elements))
	for i, e := range d.elements {
		value, ok, err := e.value(v, fmt.Sprintf("%s[%d]", path, i))
		if err != nil {
			return nil, false, err
		}
		if ok {
			out = append(out, value)
		}
	}
	return out, true, nil
}

func (d *dataNode) text(v *variables, path string) (any, bool, error) {
	e := d.template.whole()
	if e == nil {
		text, err := d.template.render(v)
		if err != nil {
			return nil, false, &dataError{path, err}
		}
		return text, true, nil
	}
	out, err := e.value(v)
	if err != nil {
		return nil, false, &dataError{path, err}
	}
	value, ok, err := native(out)
	if err != nil {
		return nil, false, &dataError{path, err}
	}
	return value, ok, nil
}
