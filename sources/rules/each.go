package rules

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"github.com/belfry/belfry"
)

const (
	// MaxItems is how many elements the list of a rule's each may have.
	MaxItems = 10_000
	// maxRecordItems is how many elements all rules take of one record: a list of
	// events may have a list in each.
	maxRecordItems = 100_000
)

// itemName is what the element is called in a rule with each.
const itemName = "item"

// begin returns how often the rule is to be applied to v's event: once for each
// element of its list, once without each. An event that lacks the list is not for
// the rule.
func (r *rule) begin(v *variables, seen *Outcome) (int, error) {
	v.items, v.item, v.place = nil, nil, 0
	if r.each == nil {
		return 1, nil
	}
	// Before the list is looked for: an event of another type has none, or another.
	if r.when != nil && !r.whenOfItem {
		if ok, err := r.matches(v, seen); err != nil || !ok {
			return 0, err
		}
	} else if r.when != nil && r.when.guard.refuses(v) {
		seen.because("when is false")
		return 0, nil
	}
	value, err := r.each.value(v)
	if missing, ok := errors.AsType[*missingError](err); ok {
		seen.because("each: there is no field %.80q", missing.field)
		return 0, nil
	}
	if err != nil {
		return 0, r.wrong("each", err)
	}
	if o, ok := value.(*types.Optional); ok && o.HasValue() {
		value = o.GetValue()
	}
	list, isList := value.(traits.Lister)
	switch {
	case value == types.NullValue || isAbsent(value):
		seen.because("each names no list")
		return 0, nil
	case !isList:
		return 0, r.wrong("each", fmt.Errorf("must be a list, not a value of type %s; name the field that holds the list, or write [x] for a list of one", value.Type().TypeName()))
	}
	size, _ := list.Size().(types.Int)
	v.taken += int(size)
	switch {
	case size > MaxItems:
		return 0, r.wrong("each", &belfry.FieldError{Problem: fmt.Sprintf("must be a list of at most %d elements, has %d", MaxItems, size), TooLarge: true})
	case v.taken > maxRecordItems:
		return 0, r.wrong("each", &belfry.FieldError{Problem: fmt.Sprintf("must not take more than %d elements of one record, for all rules together", maxRecordItems), TooLarge: true})
	case size == 0:
		seen.because("each is an empty list")
		return 0, nil
	}
	plain, _, err := native(list)
	if err != nil {
		return 0, r.wrong("each", err)
	}
	v.items, _ = plain.([]any)
	return len(v.items), nil
}

// names reports whether an expression uses a name.
func names(e ast.Expr, name string) bool {
	found := false
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		found = found || e.Kind() == ast.IdentKind && e.AsIdent() == name
	}))
	return found
}
