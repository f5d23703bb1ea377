package rules

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/belfry/belfry"
)

// addressees returns whom the rule's record is for: recipients, as people does, or an
// audience, checked; neither if it is for nobody.
func (r *rule) addressees(v *variables, seen *Outcome) (people []string, audience string, refused, err error) {
	if r.audience == nil {
		people, refused, err = r.people(v, seen)
		return people, "", refused, err
	}
	audience, err = r.audience.render(v)
	if err == nil && audience != "" {
		err = unnamed(belfry.CheckAudience(audience))
	}
	if err != nil {
		return nil, "", nil, r.wrong("audience", err)
	}
	if audience == "" {
		seen.because("audience names nobody")
	}
	return nil, audience, nil, nil
}

// people returns the recipients, each checked and once, without the excluded
// ones. Refused is an error about those who can be nobody's, nil if there are none.
func (r *rule) people(v *variables, seen *Outcome) (out []string, refused, err error) {
	names, err := r.named(v, "recipients", r.recipients)
	if err != nil {
		return nil, nil, err
	}
	if names.size == 0 {
		seen.because("recipients names nobody")
		return nil, nil, nil
	}
	excluded, err := r.excluded(v)
	if err != nil {
		return nil, nil, err
	}
	had := newNameSet(names.size)
	out = make([]string, 0, names.size)
	bad := 0
	for i := range names.size {
		name, err := nameOf(names.at(i))
		wrong := func() error { return r.wrong(names.field(i), err) }
		if err == nil {
			if name == "" || !had.add(name) {
				continue
			}
			if excluded.has(name) {
				seen.exclude(name)
				continue
			}
			if err = belfry.CheckRecipient(name); err == nil {
				out = append(out, name)
				continue
			}
			wrong = func() error {
				return r.wrong("recipients", fmt.Errorf("recipient %d, %.40q: %w", i+1, name, unnamed(err)))
			}
		}
		if bad++; bad == 1 {
			refused = wrong()
		}
	}
	if bad > 1 {
		refused = r.wrong("recipients", fmt.Errorf("%w; %d more are not valid either", errors.Unwrap(refused), bad-1))
	}
	switch {
	case len(out) > 0:
	case refused != nil:
		seen.because("no recipient is valid")
	case had.empty():
		seen.because("recipients names nobody")
	default:
		seen.because("all recipients are excluded")
	}
	return out, refused, nil
}

// excluded returns those whom the rule leaves out.
func (r *rule) excluded(v *variables) (out nameSet, err error) {
	if r.exclude == nil {
		return nameSet{}, nil
	}
	listed, err := r.named(v, "exclude", r.exclude)
	if err != nil {
		return nameSet{}, err
	}
	out = newNameSet(listed.size)
	for i := range listed.size {
		name, err := nameOf(listed.at(i))
		if err != nil {
			return nameSet{}, r.wrong(listed.field(i), err)
		}
		out.add(name)
	}
	return out, nil
}

// named are the people whom a field names, not checked.
type named struct {
	name string // of the field
	one  ref.Val
	list traits.Lister // nil: only one
	size int
}

func (r *rule) named(v *variables, field string, e *expression) (named, error) {
	value, err := e.value(v)
	if err != nil {
		return named{}, r.wrong(field, err)
	}
	if o, ok := value.(*types.Optional); ok && o.HasValue() {
		value = o.GetValue()
	}
	list, isList := value.(traits.Lister)
	if !isList {
		return named{name: field, one: value, size: 1}, nil
	}
	size, _ := list.Size().(types.Int)
	if size > MaxRecipients {
		return named{}, r.wrong(field, &belfry.FieldError{
			Problem: fmt.Sprintf("must be at most %d for one event, are %d", MaxRecipients, size), TooLarge: true,
		})
	}
	if err := v.bill.Spend(8 * uint64(size)); err != nil {
		return named{}, r.wrong(field, err)
	}
	return named{name: field, list: list, size: int(size)}, nil
}

func (n *named) at(i int) ref.Val {
	if n.list == nil {
		return n.one
	}
	return n.list.Get(types.Int(i))
}

// field is where the i-th stands.
func (n *named) field(i int) string {
	if n.list == nil {
		return n.name
	}
	return fmt.Sprintf("%s[%d]", n.name, i)
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
