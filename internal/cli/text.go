package cli

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns a text without what moves a terminal's cursor or hides what
// stands beside it.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
}

// Readable returns a value as JSON with a line for each field, as text, or in hex
// with its text beside.
func Readable(b []byte) string {
	var indented bytes.Buffer
	switch {
	case json.Indent(&indented, b, "", "  ") == nil && utf8.Valid(b):
		return PrintableLines(indented.String())
	case utf8.Valid(b) && !bytes.ContainsRune(b, 0):
		return PrintableLines(string(b))
	}
	return hex.Dump(b)
}

// PrintableLines is [Printable] for a text of several lines.
func PrintableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// Counted is a number of things, in words.
func Counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// OrDash returns s, or a dash for an empty one, which a table would not show.
func OrDash(s string) string { return cmp.Or(s, "-") }

// shownNames is how many names a line shows.
const shownNames = 10

// FirstOf returns the first of a list of names, and how many more there are.
func FirstOf(names []string) string {
	text := strings.Join(names[:min(len(names), shownNames)], ", ")
	if more := len(names) - shownNames; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
