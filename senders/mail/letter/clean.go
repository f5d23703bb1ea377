package letter

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// A letter shows so much of a text, in characters.
const (
	maxSubject = 150
	maxTitle   = 200
	maxName    = 80
	maxWord    = 400 // bytes of a text of ours
)

// harmless drops what a text may hold that is no text: controls, and characters that turn
// the order of what follows around or are not to be seen (Unicode TR 36). What separates
// words becomes a blank; with keep line ends stay.
func harmless(text string, keep bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && keep:
			return r
		case r == utf8.RuneError, r == '\ufeff', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r >= 0xe0000 && r <= 0xe0fff:
			return -1
		case unicode.IsSpace(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// line is a text in one line of that many characters at most. It may stand in a header, where
// a reader would take what looks like an encoded word (RFC 2047) for one.
func line(text string, most int) string {
	return shorten(strings.ReplaceAll(strings.Join(strings.Fields(harmless(text, false)), " "), "=?", "= ?"), most)
}

// lines is a text of several lines, of that many characters at most, without more than one
// empty line in a row.
func lines(text string, most int) []string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text)
	var out []string
	for row := range strings.SplitSeq(strings.TrimSpace(harmless(text, true)), "\n") {
		row = strings.TrimRightFunc(row, unicode.IsSpace)
		if row == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		if most <= 0 {
			out[len(out)-1] = strings.TrimRight(out[len(out)-1], "…") + "…"
			break
		}
		row = shorten(row, most)
		most -= utf8.RuneCountInString(row) + 1
		out = append(out, row)
	}
	return out
}

// shorten cuts a text to that many characters, at a blank if there is one not far before.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	cut := []rune(text)[:most-1]
	if at := strings.LastIndexByte(string(cut), ' '); at > len(string(cut))*2/3 {
		return strings.TrimRight(string(cut)[:at], " ,;:.") + "…"
	}
	return strings.TrimRightFunc(string(cut), func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Mn, r) || r == '\u200d' }) + "…"
}

// link returns what an item's URL is in a mail, where nothing is relative; "" for one that
// is no http(s) URL then.
func link(item, base string) string {
	if item == "" {
		return ""
	}
	u, err := url.Parse(item)
	if err != nil {
		return ""
	}
	if !u.IsAbs() {
		home, err := url.Parse(base + "/")
		if err != nil || base == "" || u.Host != "" || strings.ContainsAny(item, "\\") {
			return ""
		}
		u = home.ResolveReference(u)
	}
	if s := strings.ToLower(u.Scheme); s != "http" && s != "https" || u.Host == "" || u.User != nil || u.Opaque != "" {
		return ""
	}
	if !isASCII(u.Host) {
		host, err := idna.Lookup.ToASCII(u.Hostname())
		if err != nil {
			return ""
		}
		u.Host = strings.Replace(u.Host, u.Hostname(), host, 1)
	}
	text := u.String()
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"'<>\\`", r) }) {
		return ""
	}
	return text
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}
