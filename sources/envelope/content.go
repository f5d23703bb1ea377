package envelope

import "strings"

// content is a decoded value and, if texts are kept, the JSON that it was read
// from: what a notification takes over as it stands, its data, must not pass
// through a decoder.
type content struct {
	value any
	text  string // "": not kept, or it was no JSON
}

// json reads a JSON text, and keeps it if asked to.
func (d *decoding) json(text string) (content, error) {
	if err := d.turn.Take(len(text)); err != nil {
		return content{}, err
	}
	// An event that came by a schema has no text, and what is within it is taken from here.
	v, err := parse(&d.room, text, reading{whole: d.whole, envelope: d.texts && d.schemas == nil})
	c := content{value: v}
	if d.texts {
		c.text = strings.TrimPrefix(text, "\ufeff")
	}
	return c, err
}

// member returns a member of an object.
func (c content) member(name string) content {
	out := content{value: c.value.(map[string]any)[name]}
	for _, m := range children(c.text) {
		if m.name == name { // of several the last counts
			out.text = m.text
		}
	}
	return out
}

// elements returns the elements of a list.
func (c content) elements() []content {
	list := c.value.([]any)
	out := make([]content, len(list))
	for i := range list {
		out[i].value = list[i]
	}
	for i, e := range children(c.text) {
		out[i].text = e.text
	}
	return out
}

// child is a member of an object or, without a name, an element of a list.
type child struct{ name, text string }

// children returns the texts within an object or list, given as JSON that was
// read before.
func children(text string) []child {
	p := parser{text: text, room: new(Room), passing: true}
	open := p.peek()
	if open != '{' && open != '[' {
		return nil
	}
	var out []child
	for p.at++; p.peek() != '}' && p.peek() != ']'; {
		var c child
		if open == '{' {
			c.name, _ = p.string()
			p.peek()
			p.at++ // the colon
		}
		p.peek()
		start := p.at
		if _, err := p.value(0); err != nil {
			return nil // it was read before
		}
		c.text = p.text[start:p.at]
		out = append(out, c)
		if p.peek() == ',' {
			p.at++
		}
	}
	return out
}

// unwrap takes a value out of Debezium's and Kafka Connect's {"schema",
// "payload"} and out of a JSON text, one in a text too.
func (d *decoding) unwrap(c content) content {
	c = d.unwrapText(c)
	if _, ok := connectPayload(c.value); ok {
		return d.unwrapText(c.member("payload"))
	}
	return c
}

// unwrapText returns the object or list that is written in a text as JSON, or in
// a text in that text. Any other text is itself.
func (d *decoding) unwrapText(c content) content {
	inner := c
	for range 2 {
		text, ok := inner.value.(string)
		text = strings.TrimLeft(text, " \t\r\n\ufeff")
		if !ok || text == "" || !strings.ContainsRune(`{["`, rune(text[0])) {
			break
		}
		parsed, err := d.json(text)
		if err != nil {
			return c
		}
		inner = parsed
	}
	if _, ok := inner.value.(string); ok {
		return c
	}
	return inner
}
