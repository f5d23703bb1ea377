package envelope

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a text in quotes, as a part of the document if it has no escapes.
func (p *parser) string() (string, error) {
	p.at++
	start := p.at
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return p.text[start : p.at-1], nil
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return "", p.unexpected("a character of a text")
		}
		p.at++
	}
	return "", p.unexpected("the end of a text")
}

// escaped reads the rest of a text that began at start and has escapes from
// p.at on.
func (p *parser) escaped(start int) (string, error) {
	var b strings.Builder
	b.Grow(p.at - start + 32)
	b.WriteString(p.text[start:p.at])
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return b.String(), nil
		case c == '\\':
			p.at++
			if err := p.escape(&b); err != nil {
				return "", err
			}
		case c < ' ':
			return "", p.unexpected("a character of a text")
		default:
			from := p.at
			for p.at < len(p.text) && p.text[p.at] >= ' ' && p.text[p.at] != '"' && p.text[p.at] != '\\' {
				p.at++
			}
			b.WriteString(p.text[from:p.at])
		}
	}
	return "", p.unexpected("the end of a text")
}

// escape reads what stands after a backslash.
func (p *parser) escape(b *strings.Builder) error {
	if p.at == len(p.text) {
		return p.unexpected("an escape")
	}
	const names, bytes = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	c := p.text[p.at]
	if i := strings.IndexByte(names, c); i >= 0 {
		p.at++
		b.WriteByte(bytes[i])
		return nil
	}
	r, ok := p.unit()
	if !ok {
		return p.unexpected("an escape")
	}
	if utf16.IsSurrogate(r) {
		first := r
		r = utf8.RuneError
		before := p.at
		if p.skip('\\') {
			second, ok := p.unit()
			if pair := utf16.DecodeRune(first, second); ok && pair != utf8.RuneError {
				r = pair
			} else {
				p.at = before // an escape of its own
			}
		}
	}
	b.WriteRune(r)
	return nil
}

// unit reads u and four hexadecimal digits; p.at stays where it is if that is
// not what stands there.
func (p *parser) unit() (rune, bool) {
	if len(p.text)-p.at < 5 || p.text[p.at] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(p.text[p.at+1 : p.at+5]) {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	p.at += 5
	return r, true
}
