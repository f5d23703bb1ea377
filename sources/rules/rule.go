package rules

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/yamlfile"
)

// rule names the recipients of an event, or an audience, and what they get.
type rule struct {
	name string
	hash uint64 // of its text and the names it may use

	each       *expression // nil: the event as a whole
	when       *expression // nil: always
	whenOfItem bool        // the condition is about the element
	recipients *expression // nil: there is an audience
	exclude    *expression // nil: nobody
	audience   *template   // nil: there are recipients

	// base has what is the same for every event.
	base      belfry.Notification
	texts     []ruleText // the rest of its short texts
	title     []languageText
	body      []languageText
	time      *expression
	expiresAt *expression
	deliverAt *expression
	data      any // nil: none, or in base

	retract *ruleRetraction // nil: the rule takes nothing back
	member  *ruleMember     // nil: nor does it say who is told of what
}

// ruleMember is what a rule says of its recipients themselves: that they joined, or have
// subscribed to a topic or do so no longer.
type ruleMember struct {
	kind  inbox.Kind
	topic *template // nil for those who joined
}

// ruleText is a short text of a notification that depends on the event.
type ruleText struct {
	field    string
	template *template
}

// languageText is a text in one language.
type languageText struct {
	language string
	template *template
}

// ruleRetraction is what a rule takes back.
type ruleRetraction struct {
	rule                    string // whose notification has the id; "": one that no rule made
	id, source, collapseKey *template
}

// apply makes what the rule says of an event, or of an element that it holds, for
// which [rule.begin] has prepared v; a delivery without recipients is
// none, unless it refuses some. Errors are a [*Error]. Seen, if not nil, takes down
// how it came about.
func (r *rule) apply(v *variables, seen *Outcome) (sources.Delivery, error) {
	if r.each == nil || r.whenOfItem {
		if ok, err := r.matches(v, seen); err != nil || !ok {
			return sources.Delivery{}, err
		}
	}
	recipients, audience, refused, err := r.addressees(v, seen)
	if err != nil || len(recipients) == 0 && audience == "" {
		return sources.Delivery{Rule: r.name, Refused: refused}, err
	}
	d := sources.Delivery{Rule: r.name, Recipients: recipients, Refused: refused, Record: inbox.Record{Rule: r.name, Origin: v.record.Origin(r.hash)}}
	d.Record.Origin.Index = v.origin()
	switch {
	case r.member != nil:
		d.Record.Kind = r.member.kind
		d.Record.Topic, err = r.topic(v)
	case r.retract != nil:
		d.Record.Kind = inbox.KindRetract
		if r.retract.id != nil {
			d.Record.Rule = r.retract.rule // the fold looks for what that rule made
		}
		d.Record.Retraction, err = r.retraction(v, audience)
	default:
		d.Record.Kind = inbox.KindNotify
		d.Record.Notification, d.Omitted, err = r.notification(v, audience)
	}
	if err != nil {
		return sources.Delivery{}, err
	}
	return d, nil
}

// matches evaluates the condition. A rule is not for
// an event that lacks a field of its condition.
func (r *rule) matches(v *variables, seen *Outcome) (bool, error) {
	if r.when == nil {
		return true, nil
	}
	out, err := r.when.value(v)
	if missing, ok := errors.AsType[*missingError](err); ok {
		seen.because("when: there is no field %.80q", missing.field)
		return false, nil
	}
	if err != nil {
		return false, r.wrong("when", err)
	}
	ok, isBool := out.(types.Bool)
	if !isBool {
		return false, r.wrong("when", fmt.Errorf("must be true or false, is of type %s; compare the value with something", out.Type().TypeName()))
	}
	if !ok {
		seen.because("when is false")
	}
	return bool(ok), nil
}

func (r *rule) wrong(field string, err error) error {
	return &Error{Rule: r.name, Field: field, Err: err}
}

// refused is the error of a check of the domain, its field below path.
func (r *rule) refused(err error, path string) error {
	var fe *belfry.FieldError
	if !errors.As(err, &fe) {
		return r.wrong("", err)
	}
	return r.wrong(yamlfile.Join(path, fe.Field), unnamed(err))
}

// anybody stands for the recipients, who are checked one by one, in checks of
// what all of them get.
const anybody = "anybody"

func (r *rule) notification(v *variables, audience string) (belfry.Notification, []sources.Omission, error) {
	n := r.base
	left := omissions{rule: r}
	for _, t := range r.texts {
		text, err := t.template.render(v)
		if err == nil {
			err = setText(&n, t.field, text)
		}
		switch {
		case err != nil:
			if err = left.out(t.field, unnamed(err)); err != nil {
				return n, nil, err
			}
		case text == "":
			left.empty(t.field)
		}
	}
	var err error
	if r.title != nil {
		if n.Title, err = r.languages(v, "title", r.title, &left); err != nil {
			return n, nil, err
		}
	}
	if r.body != nil {
		if n.Body, err = r.languages(v, "body", r.body, &left); err != nil {
			return n, nil, err
		}
	}
	if err := r.moments(v, &n, &left); err != nil {
		return n, nil, err
	}
	if r.data != nil {
		if n.Data, err = encodeData(r.data, v); err != nil {
			if de, ok := errors.AsType[*dataError](err); ok {
				return n, nil, r.wrong(de.path, de.err)
			}
			return n, nil, r.wrong("data", err)
		}
	}
	if v.event.TimeErr != nil && n.Time.IsZero() {
		if err := left.out("time", unnamed(v.event.TimeErr)); err != nil {
			return n, nil, err
		}
	}
	if n.Audience = audience; audience == "" {
		n.Recipient = anybody
	}
	r.complete(v, &n)
	if err := v.bill.Spend(10 + uint64(n.Size())/12); err != nil { // it is held until all are written
		return n, nil, r.wrong("", err)
	}
	if err := left.check(&n); err != nil {
		return n, nil, err
	}
	n.Recipient = ""
	n.Settle(v.record.Timestamp)
	return n, left.all, nil
}

// complete fills in what the rule leaves open.
func (r *rule) complete(v *variables, n *belfry.Notification) {
	if n.ID == "" {
		n.ID = v.event.ID
		if n.ID != "" && v.items != nil {
			n.ID += "/" + strconv.Itoa(v.place)
		}
	}
	if n.ID == "" {
		n.ID = v.record.ID() + "/" + r.name + "/" + strconv.Itoa(int(v.origin()))
	}
	n.Source = cmp.Or(n.Source, v.event.Source, v.record.Topic)
	n.Type = cmp.Or(n.Type, v.event.Type)
	if n.Time.IsZero() && storable(v.time) {
		n.Time = v.time.Truncate(time.Millisecond)
	}
}

func (r *rule) languages(v *variables, field string, texts []languageText, left *omissions) (belfry.Text, error) {
	out := make(belfry.Text, len(texts))
	for _, t := range texts {
		text, err := t.template.render(v)
		if err != nil {
			if err = left.out(yamlfile.Join(field, t.language), err); err != nil {
				return nil, err
			}
			continue
		}
		if text == "" {
			left.empty(yamlfile.Join(field, t.language))
			continue
		}
		out[t.language] = readable(text)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

func (r *rule) moments(v *variables, n *belfry.Notification, left *omissions) error {
	for _, f := range []struct {
		field      string
		expression *expression
		to         *time.Time
	}{{"time", r.time, &n.Time}, {"expires_at", r.expiresAt, &n.ExpiresAt}, {"deliver_at", r.deliverAt, &n.DeliverAt}} {
		if f.expression == nil {
			continue
		}
		value, err := f.expression.value(v)
		var t time.Time
		if err == nil {
			t, err = momentOf(f.field, value, v.source.Location)
		}
		if err == nil && !t.IsZero() && !storable(t) {
			err = errors.New("must be a time from 1970 on")
		}
		switch {
		case err != nil:
			if err := left.out(f.field, err); err != nil {
				return err
			}
		case !t.IsZero():
			*f.to = t.UTC().Truncate(time.Millisecond)
		case value.Type() == types.NullType && belfry.Omissible(f.field):
			if err := left.out(f.field, errNull); err != nil {
				return err
			}
		default:
			left.empty(f.field)
		}
	}
	return nil
}

func (r *rule) retraction(v *variables, audience string) (belfry.Retraction, error) {
	t := belfry.Retraction{Audience: audience}
	if audience == "" {
		t.Recipient = anybody
	}
	for _, f := range []struct {
		field    string
		template *template
		to       *string
	}{{"id", r.retract.id, &t.ID}, {"source", r.retract.source, &t.Source}, {"collapse_key", r.retract.collapseKey, &t.CollapseKey}} {
		if f.template == nil {
			continue
		}
		text, err := f.template.render(v)
		if err != nil {
			return t, r.wrong("retract."+f.field, err)
		}
		if text == "" && f.field != "source" {
			return t, r.wrong("retract."+f.field, errors.New("is an empty text, which names nothing; let the condition of the rule leave such events out"))
		}
		*f.to = text
	}
	if t.ID != "" {
		t.Source = cmp.Or(t.Source, v.event.Source, v.record.Topic)
	}
	if err := t.Check(); err != nil {
		return t, r.refused(err, "retract")
	}
	t.Recipient = ""
	return t, nil
}

// whom says which field names those whom the rule is for.
func (r *rule) whom() string {
	if r.audience != nil {
		return "an audience"
	}
	return "recipients"
}

// topic is the name of the topic that the rule's recipients subscribe to, or no longer;
// "" for those who joined.
func (r *rule) topic(v *variables) (string, error) {
	if r.member.topic == nil {
		return "", nil
	}
	name, err := r.member.topic.render(v)
	if err == nil {
		err = unnamed(belfry.CheckTopic(name))
	}
	if err != nil {
		return "", r.wrong(r.member.kind.String(), err)
	}
	return name, nil
}

// shortTexts are the fields that are one text each.
func shortTexts() []string {
	return []string{"id", "source", "type", "category", "priority", "url", "collapse_key"}
}

func setText(n *belfry.Notification, field, text string) (err error) {
	switch field {
	case "id":
		n.ID = text
	case "source":
		n.Source = text
	case "type":
		n.Type = text
	case "category":
		n.Category = text
	case "priority":
		n.Priority, err = belfry.ParsePriority(text)
	case "url":
		n.URL = text
	case "collapse_key":
		n.CollapseKey = text
	case "actor.id":
		n.Actor.ID = text
	case "actor.name":
		n.Actor.Name = readable(text)
	case "actor.avatar":
		n.Actor.Avatar = text
	}
	return err
}

// readable is a text that people read, which no half of a character may cost them.
// A name by which things are told apart is not changed so, but refused.
func readable(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// unnamed is a field's error without its field.
func unnamed(err error) error {
	if fe, ok := errors.AsType[*belfry.FieldError](err); ok {
		return &belfry.FieldError{Problem: fe.Problem, TooLarge: fe.TooLarge}
	}
	return err
}
