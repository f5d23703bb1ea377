package envelope

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a text in quotes, as a part of the document if it has no escapes.
func (p *parser) string() (string, error) {
	start, plain := p.at, true
	p.at++
	for p.at += plainLength(p.text[p.at:]); p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			if plain {
				return p.text[start+1 : p.at-1], nil
			}
			return p.unquote(start)
		case c == '\\':
			plain = false
			if p.at++; p.at == len(p.text) {
				return "", p.unexpected("an escape")
			}
			p.at += plainLength(p.text[p.at+1:])
		case c < ' ':
			return "", p.unexpected("a character of a text")
		}
	}
	return "", p.unexpected("the end of a text")
}

// plainLength is how many bytes text begins with, in eights, that need no look each: no
// quote, no backslash and no control character (S. E. Anderson, Bit Twiddling Hacks,
// "Determine if a word has a byte less than n").
func plainLength(text string) (n int) {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; n+8 <= len(text); n += 8 {
		t := text[n : n+8]
		word := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 | uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		quotes, slashes := word^each*'"', word^each*'\\'
		if ((word-each*' ')&^word|(quotes-each)&^quotes|(slashes-each)&^slashes)&high != 0 {
			break
		}
	}
	return n
}

// unquote reads the text in quotes between start and p.at, which has escapes.
func (p *parser) unquote(start int) (string, error) {
	end := p.at - 1
	out := make([]byte, 0, end-start)
	for p.at = start + 1; p.at < end; {
		c := p.text[p.at]
		if c != '\\' {
			out = append(out, c)
			p.at++
			continue
		}
		p.at++ // string has seen to it that something follows
		if p.text[p.at] == 'u' {
			r, n := escapedRune(p.text[p.at+1 : end])
			if n == 0 {
				return "", p.unexpected("an escape of four digits")
			}
			out = appendRune(out, r)
			p.at += 1 + n
			continue
		}
		const names, values = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
		i := strings.IndexByte(names, p.text[p.at])
		if i < 0 {
			return "", p.unexpected("an escape")
		}
		out = append(out, values[i])
		p.at++
	}
	p.at = end + 1
	return string(out), nil
}

// escapedRune reads the digits of an escape, and those of a second one if the two
// are a surrogate pair. It returns the length of what it has read, 0 if the digits
// are none, and half of a pair as it stands.
func escapedRune(text string) (r rune, length int) {
	first, ok := hexDigits(text)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(first) && len(text) > 6 && text[4:6] == `\u` {
		if second, ok := hexDigits(text[6:]); ok {
			if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
				return pair, 10
			}
		}
	}
	return first, 4
}

func hexDigits(text string) (rune, bool) {
	if len(text) < 4 || strings.Trim(text[:4], "0123456789abcdefABCDEF") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:4], 16, 16)
	return rune(n), err == nil
}

// appendRune appends half of a surrogate pair as three bytes, and any other rune
// in UTF-8.
func appendRune(b []byte, r rune) []byte {
	if utf16.IsSurrogate(r) {
		return append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
	}
	return utf8.AppendRune(b, r)
}
