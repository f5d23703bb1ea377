package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/belfry/belfry/sources/yamlfile"
)

// A part of a rule's data is a *template, a dataObject, a dataList, or a constant:
// nil, a bool or a json.Number.
type (
	dataObject []dataField
	dataList   []any
)

type dataField struct {
	name  string
	value any
}

// dataError says where in the data something is wrong.
type dataError struct {
	path string
	err  error
}

func (e *dataError) Error() string { return e.path + ": " + e.err.Error() }
func (e *dataError) Unwrap() error { return e.err }

// fixedData reports whether a part of data is the same for every event.
func fixedData(part any) bool {
	switch d := part.(type) {
	case *template:
		_, ok := d.constant()
		return ok
	case dataObject:
		return !slices.ContainsFunc(d, func(f dataField) bool { return !fixedData(f.value) })
	case dataList:
		return !slices.ContainsFunc(d, func(e any) bool { return !fixedData(e) })
	}
	return true
}

// encodeData returns the JSON, in which names are in order. A text that is nothing
// but an optional that is absent is left out. V may be nil for fixed data.
func encodeData(data any, v *variables) (json.RawMessage, error) {
	value, _, err := dataValue(data, v, "data")
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

func dataValue(part any, v *variables, path string) (value any, ok bool, err error) {
	switch d := part.(type) {
	case *template:
		if value, ok, err = d.native(v); err != nil {
			err = &dataError{path, err}
		}
		return value, ok, err
	case dataObject:
		out := make(map[string]any, len(d))
		for _, f := range d {
			value, ok, err := dataValue(f.value, v, yamlfile.Join(path, f.name))
			if err != nil {
				return nil, false, err
			}
			if ok {
				out[f.name] = value
			}
		}
		return out, true, nil
	case dataList:
		out := make([]any, 0, len(d))
		for i, e := range d {
			value, ok, err := dataValue(e, v, fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, false, err
			}
			if ok {
				out = append(out, value)
			}
		}
		return out, true, nil
	}
	return part, true, nil
}

// native is the value of a template, which is a text unless the template is one
// value and nothing else.
func (t *template) native(v *variables) (any, bool, error) {
	e := t.whole()
	if e == nil {
		text, err := t.render(v)
		return text, true, err
	}
	out, err := e.value(v)
	if err == nil {
		err = v.bill.Write(out)
	}
	if err != nil {
		return nil, false, err
	}
	return native(out)
}
