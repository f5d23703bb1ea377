package rules

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/belfry/belfry"
)

// people returns the recipients, each checked and once, without the excluded
// ones.
func (r *rule) people(v *variables, seen *Outcome) ([]string, error) {
	names, err := r.names(v, "recipients", r.recipients)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		seen.because("recipients names nobody")
		return nil, nil
	}
	var others []string
	if r.exclude != nil {
		if others, err = r.names(v, "exclude", r.exclude); err != nil {
			return nil, err
		}
	}
	had, excluded := make(map[string]bool, len(names)), make(map[string]bool, len(others))
	for _, name := range others {
		excluded[name] = true
	}
	out := names[:0]
	for i, name := range names {
		if had[name] {
			continue
		}
		had[name] = true
		if excluded[name] {
			seen.exclude(name)
			continue
		}
		if err := belfry.CheckRecipient(name); err != nil {
			return nil, r.wrong("recipients", fmt.Errorf("recipient %d, %.40q: %w", i+1, name, unnamed(err)))
		}
		out = append(out, name)
	}
	if len(out) == 0 {
		seen.because("all recipients are excluded")
	}
	return out, nil
}

// names returns what an expression names, not checked.
func (r *rule) names(v *variables, field string, e *expression) ([]string, error) {
	value, err := e.value(v)
	if err != nil {
		return nil, r.wrong(field, err)
	}
	if o, ok := value.(*types.Optional); ok && o.HasValue() {
		value = o.GetValue()
	}
	list, isList := value.(traits.Lister)
	if !isList {
		name, err := nameOf(value)
		if err != nil {
			return nil, r.wrong(field, err)
		}
		if name == "" {
			return nil, nil
		}
		return []string{name}, nil
	}
	size, _ := list.Size().(types.Int)
	if size > MaxRecipients {
		return nil, r.wrong(field, &belfry.FieldError{
			Problem: fmt.Sprintf("must be at most %d for one event, are %d", MaxRecipients, size), TooLarge: true,
		})
	}
	names := make([]string, 0, int(size))
	for i := types.Int(0); i < size; i++ {
		name, err := nameOf(list.Get(i))
		if err != nil {
			return nil, r.wrong(fmt.Sprintf("%s[%d]", field, i), err)
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

// nameOf is a person's id; "" stands for nobody.
func nameOf(v ref.Val) (string, error) {
	switch v := v.(type) {
	case types.String:
		return string(v), nil
	case types.Null:
		return "", nil
	case *types.Optional:
		if !v.HasValue() {
			return "", nil
		}
		return nameOf(v.GetValue())
	case types.Int, types.Uint, types.Double, writtenNumber:
		return textOf(v)
	case *types.Err:
		return "", evaluationError(v)
	case traits.Lister:
		return "", errors.New("must be a text or a number, not a list; write .flatten() after the outer one")
	}
	return "", fmt.Errorf("must be a text, a number or a list of those, not a value of type %s; name the field that holds the id", v.Type().TypeName())
}

func isAbsent(v ref.Val) bool {
	o, ok := v.(*types.Optional)
	return ok && !o.HasValue()
}
