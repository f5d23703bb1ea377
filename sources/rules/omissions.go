package rules

import (
	"errors"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
)

// omissions are the optional fields of one notification that are absent though the
// rule has them: one field that cannot be read does not cost everybody the rest.
type omissions struct {
	rule *rule
	all  []sources.Omission
}

// out leaves a field out for an error, which may be nil, if notifications can be
// without it and it is no name by which they are told apart. Otherwise it returns
// the error of the rule.
func (o *omissions) out(field string, err error) error {
	if err == nil {
		return nil
	}
	if !belfry.Omissible(field) || errors.Is(err, belfry.ErrTooLarge) {
		return o.rule.wrong(field, err)
	}
	cause := sources.CauseUnreadable
	var missing *missingError
	switch {
	case errors.Is(err, errNull):
		cause = sources.CauseNull
	case errors.Is(err, errAbsent), errors.As(err, &missing):
		cause = sources.CauseMissing
	}
	o.all = append(o.all, sources.Omission{Rule: o.rule.name, Field: field, Cause: cause, Err: err})
	return nil
}

// empty notes that a field is empty.
func (o *omissions) empty(field string) {
	if belfry.Omissible(field) {
		o.all = append(o.all, sources.Omission{Rule: o.rule.name, Field: field, Cause: sources.CauseEmpty})
	}
}

// check checks the notification, and leaves out what it may be without.
func (o *omissions) check(n *belfry.Notification) error {
	err := n.CheckOmitting(func(fe *belfry.FieldError) {
		o.all = append(o.all, sources.Omission{Rule: o.rule.name, Field: fe.Field, Cause: sources.CauseUnreadable, Err: unnamed(fe)})
	})
	if err != nil {
		return o.rule.refused(err, "")
	}
	return nil
}
