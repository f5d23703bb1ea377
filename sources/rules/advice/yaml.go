package advice

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	// maxYAML is how long a text may be for its lines to be tried.
	maxYAML = 256 << 10
	// maxOpen is how many lines a list or text in quotes may go on that is complete.
	maxOpen = 64
)

// YAML says where a text stops to be YAML and what to do there; broken reports
// whether a text is not valid. Parsers name the line where the construct began that
// they were in, which may be far above. Line and column count from 1; line 0: the text
// is too long to tell.
func YAML(text string, broken func(string) bool) (line, column int, say string) {
	if len(text) > maxYAML {
		return 0, 0, general
	}
	lines := strings.SplitAfter(text, "\n")
	line = firstBroken(lines, broken)
	column, say = fault(strings.TrimRight(lines[line-1], "\r\n"))
	return line, column, say
}

// firstBroken is the line up to which the text is broken however far it is read on.
func firstBroken(lines []string, broken func(string) bool) int {
	upTo := func(n int) bool { return broken(strings.Join(lines[:n], "")) }
	good, bad := 0, len(lines)
	for {
		for bad-good > 1 {
			if middle := (good + bad) / 2; upTo(middle) {
				bad = middle
			} else {
				good = middle
			}
		}
		// A bracket that is open here may be closed below.
		closed := 0
		for n := bad + 1; n < len(lines) && n <= bad+maxOpen; n++ {
			if !upTo(n) {
				closed = n
			}
		}
		if closed == 0 {
			return bad
		}
		good, bad = closed, len(lines)
	}
}

const general = "look at the indent: fields of one mapping begin in the same column, and a text with ': ', '#' or brackets needs quotes"

var (
	// before is what stands before a value: blanks, dashes and the field's name.
	before   = regexp.MustCompile(`^[ ]*(?:- +)*(?:[\w.-]+:(?: +|$))?`)
	escape   = regexp.MustCompile(`\\[^0abtnvfre "/\\N_LPxuU]`)
	noColon  = regexp.MustCompile(`^[ ]*(?:- +)?\w+(?: +|:)[^ :]`)
	unquoted = "quote the whole value, as in '...'"
)

// fault says what is wrong with a line, as far as it shows, and in which column.
func fault(line string) (column int, say string) {
	at := func(bytes int) int { return utf8.RuneCountInString(line[:bytes]) + 1 }
	start := len(line) - len(strings.TrimLeft(line, " \t-"))
	if tab := strings.IndexByte(line[:start], '\t'); tab >= 0 {
		return at(tab), "a tab stands in the indent; write blanks"
	}
	if i := strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }); i >= 0 {
		return at(i), "a control character stands here; remove it"
	}
	begin := len(before.FindString(line))
	value := strings.TrimRight(line[begin:], " ")
	column = at(begin)
	if value == "" {
		return at(start), general
	}
	switch c := value[0]; c {
	case '[', '{':
		end, open := closing(value)
		switch {
		case end < 0 && c == '[':
			return at(begin + open), fmt.Sprintf("this %c is not closed; if it begins an expression, %s", value[open], unquoted)
		case end < 0:
			return at(begin + open), fmt.Sprintf("this %c is not closed on its line; within {...} quote all that has '?', ',', ': ' or brackets", value[open])
		case end < len(value)-1:
			return column, fmt.Sprintf("the value begins with %c and goes on behind its end, so that YAML takes it for a list or mapping; %s", c, unquoted)
		}
		return column, "within brackets quote all that has '?', ',', ': ' or brackets"
	case '"', '\'':
		end := closingQuote(value)
		switch {
		case end < 0:
			return column, fmt.Sprintf("this %c has no other at its end", c)
		case end < len(value)-1:
			return at(begin + end), fmt.Sprintf("the text ends at this %c; put all of it into the other kind of quotes, or write '' for ' within '...'", c)
		}
		if m := escape.FindStringIndex(value); m != nil && c == '"' {
			return at(begin + m[0]), `in "..." a \ begins an escape; write \\, or '...' around the text`
		}
	case '@', '`', '%', '*', '&', '!', '|', '>', ',', ']', '}', '?':
		return column, fmt.Sprintf("a value cannot begin with %c; %s", c, unquoted)
	}
	if i := strings.Index(value, ": "); i >= 0 && begin > start {
		return at(begin + i), "a value with ': ' needs quotes"
	}
	if begin <= start && noColon.MatchString(line) {
		return column, "there is no ': ' between a field and its value"
	}
	return at(start), general
}

// closing is where the bracket that a value begins with is closed; -1 if it is not,
// and then open is the innermost that is open.
func closing(value string) (end, open int) {
	var stack []int
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '[', '{':
			stack = append(stack, i)
		case ']', '}':
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				return i, 0
			}
		case '"', '\'':
			if n := closingQuote(value[i:]); n > 0 {
				i += n
			}
		}
	}
	return -1, stack[len(stack)-1]
}

// closingQuote is where the text in quotes ends that s begins with; -1 if it does not.
func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[0] == '"' && s[i] == '\\':
			i++
		case s[i] == s[0] && s[0] == '\'' && i+1 < len(s) && s[i+1] == '\'':
			i++
		case s[i] == s[0]:
			return i
		}
	}
	return -1
}
