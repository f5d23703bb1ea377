package belfry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// MaxRecipients is how many recipients one call or one message may have.
const MaxRecipients = 1000

// Message is what stands in one value of the notifications topic or in one
// element of a call: a notification, or a retraction if Retract is set, for each
// of the recipients. The other of the two is zero, and both have no Recipient.
type Message struct {
	Recipients   []string // checked, each once, at least one
	Retract      bool
	Notification Notification
	Retraction   Retraction
}

// ParseMessage reads the JSON of a Notification, or of a Retraction if it has
// "retract": true. Unknown fields are ignored and kept nowhere. The result
// is checked. A field that the JSON lacks is taken from defaults; of a
// retraction those are Recipient and Source alone. Errors are a [*FieldError].
func ParseMessage(data []byte, defaults Notification) (Message, error) {
	o, err := parseObject(data)
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
		return o.retraction(Retraction{Recipient: defaults.Recipient, Source: defaults.Source})
	}
	return o.notification(defaults)
}

// ParseNotification reads the JSON of a Notification with "recipient" or
// "recipients". A field that the JSON lacks is taken from defaults;
// defaults.Recipient serves if there is neither "recipient" nor "recipients".
// Errors are a [*FieldError].
func ParseNotification(data []byte, defaults Notification) (Message, error) {
	o, err := parseObject(data)
	if err != nil {
		return Message{}, err
	}
	return o.notification(defaults)
}

// ParseRetraction reads the JSON of a Retraction as [ParseNotification] does.
func ParseRetraction(data []byte, defaults Retraction) (Message, error) {
	o, err := parseObject(data)
	if err != nil {
		return Message{}, err
	}
	return o.retraction(defaults)
}

func (o object) notification(n Notification) (Message, error) {
	var priority string
	if err := o.texts([]textField{
		{"id", &n.ID}, {"source", &n.Source}, {"type", &n.Type}, {"category", &n.Category},
		{"url", &n.URL}, {"collapse_key", &n.CollapseKey}, {"priority", &priority},
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
			if err != nil {
				return Message{}, err
			}
			*f.to = t
		}
	}
	if err := o.times(&n); err != nil {
		return Message{}, err
	}
	if err := o.actor(&n.Actor); err != nil {
		return Message{}, err
	}
	if raw, ok := o.get("data"); ok {
		n.Data = bytes.Clone(raw)
	}
	recipients, err := o.recipients(n.Recipient)
	if err != nil {
		return Message{}, err
	}
	n.Recipient = recipients[0] // o.recipients has checked them all
	if err := n.Check(); err != nil {
		return Message{}, err
	}
	n.Recipient = ""
	return Message{Recipients: recipients, Notification: n}, nil
}

func (o object) retraction(r Retraction) (Message, error) {
	if err := o.texts([]textField{{"source", &r.Source}, {"id", &r.ID}, {"collapse_key", &r.CollapseKey}}); err != nil {
		return Message{}, err
	}
	recipients, err := o.recipients(r.Recipient)
	if err != nil {
		return Message{}, err
	}
	r.Recipient = recipients[0]
	if err := r.Check(); err != nil {
		return Message{}, err
	}
	r.Recipient = ""
	return Message{Recipients: recipients, Retract: true, Retraction: r}, nil
}

func (o object) recipients(fallback string) ([]string, error) {
	one, hasOne := o.get("recipient")
	many, hasMany := o.get("recipients")
	switch {
	case hasOne && hasMany:
		return nil, Invalid("recipients", "give either recipient or recipients, not both")
	case hasMany:
		var raws []json.RawMessage
		if json.Unmarshal(many, &raws) != nil || len(raws) == 0 {
			return nil, Invalid("recipients", "must be a list of at least one recipient")
		}
		if len(raws) > MaxRecipients {
			return nil, &FieldError{Field: "recipients", TooLarge: true, Problem: fmt.Sprintf("must be at most %d, are %d", MaxRecipients, len(raws))}
		}
		out := make([]string, 0, len(raws))
		seen := make(map[string]bool, len(raws))
		for i, raw := range raws {
			field := fmt.Sprintf("recipients[%d]", i)
			s, err := parseString(field, raw)
			if err != nil {
				return nil, err
			}
			if err := CheckRecipient(s); err != nil {
				return nil, Invalid(field, "%s", err.(*FieldError).Problem)
			}
			if !seen[s] {
				seen[s] = true
				out = append(out, s)
			}
		}
		return out, nil
	case hasOne:
		s, err := parseString("recipient", one)
		if err != nil {
			return nil, err
		}
		return []string{s}, CheckRecipient(s)
	case fallback != "":
		return []string{fallback}, CheckRecipient(fallback)
	default:
		return nil, Invalid("recipient", "is required")
	}
}

func (o object) times(n *Notification) error {
	for _, f := range []struct {
		name string
		to   *time.Time
	}{{"time", &n.Time}, {"expires_at", &n.ExpiresAt}} {
		var s string
		if err := o.text(f.name, &s); err != nil {
			return err
		}
		if s == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return Invalid(f.name, "must be a time such as 2026-01-31T09:00:00Z (RFC 3339), not %.40q", s)
		}
		if NoTime(t) {
			continue
		}
		*f.to = t.UTC().Truncate(time.Millisecond)
	}
	return nil
}

func (o object) actor(a *Actor) error {
	raw, ok := o.get("actor")
	if !ok {
		return nil
	}
	fields, err := parseObject(raw)
	if err != nil {
		return Invalid("actor", "must be an object with id, name and avatar")
	}
	return In("actor", fields.texts([]textField{{"id", &a.ID}, {"name", &a.Name}, {"avatar", &a.Avatar}}))
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
func (o object) text(name string, to *string) error {
	raw, ok := o.get(name)
	if !ok {
		return nil
	}
	s, err := parseString(name, raw)
	if err == nil {
		*to = s
	}
	return err
}

func parseString(field string, raw json.RawMessage) (string, error) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", Invalid(field, "must be a text in quotes, not %.40q", raw)
	}
	// The decoder puts U+FFFD for what is not UTF-8: two recipients or ids that
	// differ would become one.
	if !utf8.Valid(raw) {
		return "", Invalid(field, "must be UTF-8")
	}
	return unquote(raw), nil
}

func tooLarge(size int) string {
	return fmt.Sprintf("an item must be at most %d bytes of texts and data, has %d", MaxItemBytes, size)
}
