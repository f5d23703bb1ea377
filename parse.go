package belfry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// MaxRecipients is how many recipients one call or one message may have.
const MaxRecipients = 1000

// Message is what stands in one value of the notifications topic or in one
// element of a call: a notification, or a retraction if Retract is set, for each
// of the recipients or for its Audience. The other of the two is zero, and both have no
// Recipient.
type Message struct {
	Recipients   []string // checked, each once, at least one; none if there is an Audience
	Retract      bool
	Notification Notification
	Retraction   Retraction

	// Omitted and Refused are what [ParseRecord] has left out: optional fields, and
	// recipients who can be nobody's, nil if there are none.
	Omitted []*FieldError
	Refused *FieldError
}

// Audience is whom the notice, or the retraction of one, is for; "" for what is for
// Recipients.
func (m *Message) Audience() string {
	if m.Retract {
		return m.Retraction.Audience
	}
	return m.Notification.Audience
}

// ParseMessage reads the JSON of a Notification, or of a Retraction if it has
// "retract": true. Unknown fields are ignored and kept nowhere. The result
// is checked. A field that the JSON lacks is taken from defaults; of a
// retraction those are Recipient, Audience and Source alone. Errors are a [*FieldError].
func ParseMessage(data []byte, defaults Notification) (Message, error) {
	return parseMessage(data, defaults, false)
}

// ParseRecord is [ParseMessage] for the value of a record, whose sender hears of no
// error. An optional field (see [Omissible]) that cannot be read is left out, and
// keeps its default; a recipient of several who cannot be one is left out too. The
// message says so.
func ParseRecord(data []byte, defaults Notification) (Message, error) {
	return parseMessage(data, defaults, true)
}

func parseMessage(data []byte, defaults Notification, lenient bool) (Message, error) {
	var room [usualMembers]member
	o, err := parseOnce(room[:0], data, messageFields)
	if err != nil {
		return Message{}, err
	}
	retract := false
	if raw, ok := o.get("retract"); ok {
		if json.Unmarshal(raw, &retract) != nil {
			return Message{}, Invalid("retract", "must be true or false")
		}
	}
	if retract {
		return o.retraction(Retraction{Recipient: defaults.Recipient, Audience: defaults.Audience, Source: defaults.Source}, lenient)
	}
	return o.notification(defaults, lenient)
}

// ParseNotification reads the JSON of a Notification with "recipient",
// "recipients" or "audience". A field that the JSON lacks is taken from defaults;
// defaults.Recipient or defaults.Audience serves if there is none of the three.
// A notice that is over already, or was meant to take one back, is refused: nobody can take
// back what everybody has read. Errors are a [*FieldError].
func ParseNotification(data []byte, defaults Notification) (Message, error) {
	var room [usualMembers]member
	o, err := parseOnce(room[:0], data, messageFields)
	if err != nil {
		return Message{}, err
	}
	m, err := o.notification(defaults, false)
	if err != nil || m.Notification.Audience == "" {
		return m, err
	}
	if raw, ok := o.get("retract"); ok && string(raw) != "false" {
		return Message{}, Invalid("retract", "does not belong here, where the notice would be announced: take it back with POST /v1/retractions or belfry broadcast retract")
	}
	if at := m.Notification.ExpiresAt; !at.IsZero() && !at.After(time.Now()) {
		return Message{}, Invalid("expires_at", "must be ahead: nobody would see the notice")
	}
	return m, nil
}

// ParseRetraction reads the JSON of a Retraction as [ParseNotification] does.
func ParseRetraction(data []byte, defaults Retraction) (Message, error) {
	var room [usualMembers]member
	o, err := parseOnce(room[:0], data, messageFields)
	if err != nil {
		return Message{}, err
	}
	return o.retraction(defaults, false)
}

func (o object) notification(n Notification, lenient bool) (Message, error) {
	var m Message
	omit := func(err error) error {
		var fe *FieldError
		if !lenient || !errors.As(err, &fe) || fe.TooLarge || !Omissible(fe.Field) {
			return err
		}
		m.Omitted = append(m.Omitted, fe)
		return nil
	}
	var priority string
	if err := o.texts([]textField{
		{"id", &n.ID}, {"source", &n.Source}, {"type", &n.Type}, {"category", &n.Category},
		{"collapse_key", &n.CollapseKey}, {"priority", &priority},
	}); err != nil {
		return Message{}, err
	}
	if priority != "" {
		p, err := ParsePriority(priority)
		if err != nil {
			return Message{}, err
		}
		n.Priority = p
	}
	for _, f := range []struct {
		name string
		to   *Text
	}{{"title", &n.Title}, {"body", &n.Body}} {
		if raw, ok := o.get(f.name); ok {
			t, err := parseText(f.name, raw)
			if err == nil {
				*f.to = t
			} else if err = omit(err); err != nil {
				return Message{}, err
			}
		}
	}
	for _, err := range []error{o.text("url", &n.URL), o.time("time", &n.Time), o.time("expires_at", &n.ExpiresAt)} {
		if err := omit(err); err != nil {
			return Message{}, err
		}
	}
	if err := o.time("deliver_at", &n.DeliverAt); err != nil {
		return Message{}, err
	}
	if err := o.actor(&n.Actor, omit); err != nil {
		return Message{}, err
	}
	if raw, ok := o.get("data"); ok {
		n.Data = bytes.Clone(raw)
	}
	var err error
	if m.Recipients, m.Refused, err = o.addressees(&n.Recipient, &n.Audience, lenient); err != nil {
		return Message{}, err
	}
	if lenient {
		err = n.CheckOmitting(func(fe *FieldError) { m.Omitted = append(m.Omitted, fe) })
	} else {
		err = n.Check()
	}
	if err != nil {
		return Message{}, err
	}
	n.Recipient = ""
	m.Notification = n
	return m, nil
}

func (o object) retraction(r Retraction, lenient bool) (Message, error) {
	if err := o.texts([]textField{{"source", &r.Source}, {"id", &r.ID}, {"collapse_key", &r.CollapseKey}}); err != nil {
		return Message{}, err
	}
	recipients, refused, err := o.addressees(&r.Recipient, &r.Audience, lenient)
	if err != nil {
		return Message{}, err
	}
	if err := r.Check(); err != nil {
		return Message{}, err
	}
	r.Recipient = ""
	return Message{Recipients: recipients, Retract: true, Retraction: r, Refused: refused}, nil
}

// addressees returns the recipients, as recipients does, and sets one to the first of them,
// or audience and none. What they held serves if nobody is named.
func (o object) addressees(one, audience *string, lenient bool) (out []string, refused *FieldError, err error) {
	raw, named := o.get("audience")
	for _, field := range []string{"recipient", "recipients"} {
		if _, also := o.get(field); also && named {
			return nil, nil, Invalid("audience", "give either audience or %s, not both", field)
		} else if also {
			*audience = "" // that of an envelope
		}
	}
	if named {
		if *audience, err = parseString("audience", raw); err != nil {
			return nil, nil, err
		}
		if err := CheckAudience(*audience); err != nil {
			return nil, nil, err
		}
	}
	if *audience != "" {
		*one = "" // that of an envelope
		return nil, nil, nil
	}
	if out, refused, err = o.recipients(*one, lenient); err == nil {
		*one = out[0] // all were checked
	}
	return out, refused, err
}

// recipients returns those who are named, each once. Lenient: of several those who
// cannot be one are refused, and no error unless it is all of them.
func (o object) recipients(fallback string, lenient bool) (out []string, refused *FieldError, err error) {
	one, hasOne := o.get("recipient")
	many, hasMany := o.get("recipients")
	switch {
	case hasOne && hasMany:
		return nil, nil, Invalid("recipients", "give either recipient or recipients, not both")
	case hasMany:
		return manyRecipients(many, lenient)
	case hasOne:
		s, err := parseString("recipient", one)
		if err != nil {
			return nil, nil, err
		}
		return []string{s}, nil, CheckRecipient(s)
	case fallback != "":
		return []string{fallback}, nil, CheckRecipient(fallback)
	default:
		return nil, nil, Invalid("recipient", "is required, or recipients, or audience for a notice to everybody or to a topic")
	}
}

func manyRecipients(many json.RawMessage, lenient bool) (out []string, refused *FieldError, err error) {
	var raws []json.RawMessage
	if json.Unmarshal(many, &raws) != nil || len(raws) == 0 {
		return nil, nil, Invalid("recipients", "must be a list of at least one recipient")
	}
	if len(raws) > MaxRecipients {
		return nil, nil, &FieldError{Field: "recipients", TooLarge: true, Problem: fmt.Sprintf("must be at most %d, are %d", MaxRecipients, len(raws))}
	}
	out = make([]string, 0, len(raws))
	seen := make(map[string]bool, len(raws))
	bad := 0
	for i, raw := range raws {
		field := fmt.Sprintf("recipients[%d]", i)
		s, err := parseString(field, raw)
		if err == nil {
			if err = CheckRecipient(s); err != nil {
				err = Invalid(field, "%s", err.(*FieldError).Problem)
			}
		}
		switch {
		case err != nil && !lenient:
			return nil, nil, err
		case err != nil:
			if bad++; bad == 1 {
				refused = err.(*FieldError)
			}
		case !seen[s]:
			seen[s] = true
			out = append(out, s)
		}
	}
	if bad > 1 {
		refused.Problem += fmt.Sprintf("; %d more are not valid either", bad-1)
	}
	if len(out) == 0 {
		return nil, nil, refused
	}
	return out, refused, nil
}

func (o object) time(name string, to *time.Time) error {
	var s string
	if err := o.text(name, &s); err != nil || s == "" {
		return err
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return Invalid(name, "must be a time such as 2026-01-31T09:00:00Z (RFC 3339), not %.40q", s)
	}
	// A delivery in the year 9999 is meant for never, and may not come at once.
	if !NoTime(t) || name == "deliver_at" && t.UTC().Year() >= 9999 {
		*to = t.UTC().Truncate(time.Millisecond)
	}
	return nil
}

// actor sets what the object says of who caused it. Errors go through omit, which
// returns those that stand.
func (o object) actor(a *Actor, omit func(error) error) error {
	raw, ok := o.get("actor")
	if !ok {
		return nil
	}
	var room [usualMembers]member
	fields, err := parseInto(room[:0], raw)
	if err != nil {
		return omit(Invalid("actor", "must be an object with id, name and avatar"))
	}
	if err := fields.once(actorFields); err != nil {
		return omit(In("actor", err))
	}
	for _, f := range []textField{{"id", &a.ID}, {"name", &a.Name}, {"avatar", &a.Avatar}} {
		parse := parseString
		if f.name == "name" {
			parse = parseReadable
		}
		if err := omit(In("actor", fields.textBy(parse, f.name, f.to))); err != nil {
			return err
		}
	}
	return nil
}

// textField is where the text of a field goes.
type textField struct {
	name string
	to   *string
}

// texts sets those of the fields that the object has, up to the first error.
func (o object) texts(fields []textField) error {
	for _, f := range fields {
		if err := o.text(f.name, f.to); err != nil {
			return err
		}
	}
	return nil
}

// text sets *to if the object has the field.
func (o object) text(name string, to *string) error { return o.textBy(parseString, name, to) }

func (o object) textBy(parse func(string, json.RawMessage) (string, error), name string, to *string) error {
	raw, ok := o.get(name)
	if !ok {
		return nil
	}
	s, err := parse(name, raw)
	if err == nil {
		*to = s
	}
	return err
}

// parseString reads a text by which things are told apart.
func parseString(field string, raw json.RawMessage) (string, error) {
	s, err := parseReadable(field, raw)
	// The decoder puts U+FFFD for half of a surrogate pair: two recipients or ids
	// that differ would become one.
	if err == nil && hasHalf(raw) {
		return "", Invalid(field, "must not have half of a surrogate pair, \\ud800 to \\udfff")
	}
	return s, err
}

// parseReadable reads a text that people read: half of a surrogate pair, which a
// program leaves that cuts texts off, becomes U+FFFD.
func parseReadable(field string, raw json.RawMessage) (string, error) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", Invalid(field, "must be a text in quotes, not %.40q", raw)
	}
	if !utf8.Valid(raw) {
		return "", Invalid(field, "must be UTF-8")
	}
	return unquote(raw), nil
}

func tooLarge(size int) string {
	return fmt.Sprintf("an item must be at most %d bytes of texts and data, has %d", MaxItemBytes, size)
}
