package letter_test

import (
	"io"
	"mime"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/senders/mail/letter"
)

// hostile is a notification with a text in every field, as long as that may be.
func hostile(text string) belfry.Notification {
	at := func(most int) string { return text[:min(len(text), most)] }
	return belfry.Notification{
		Category: at(belfry.MaxCategoryBytes), Title: belfry.PlainText(text), Body: belfry.PlainText(text), URL: at(belfry.MaxURLBytes),
		Actor: belfry.Actor{Name: at(belfry.MaxNameBytes)}, CollapseKey: at(belfry.MaxNameBytes),
	}
}

// attacks are texts that are made to leave their place.
var attacks = []string{
	"a\r\nBcc: victim@example.com", "a\nSubject: other", "\r\n\r\n<html>", "a\x00b", "\x1b[31mred", "\u2028Bcc: x\u2029", "a\u0085b",
	"=?utf-8?Q?=0D=0ABcc:_x@y?=", "\u202egnp.exe", "\u2066x\u2069", "\ufeffx", string([]byte{0xff, 0xfe, 'a'}), "\U000e0041\U000e0042",
	`"><script>alert(1)</script>`, "<img src=x onerror=alert(1)>", "</title><script>", "<!--", "-->", "]]>", "<style>*{display:none}</style>",
	"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<script>", "vbscript:x", "file:///etc/passwd", "//evil.example/x", `\\evil.example\x`,
	"https://user@evil.example/", "https:evil.example", "https://", "https://a b/", "https://x/\"onmouseover=alert(1)", "https://x/\r\nSet-Cookie: a",
	"http://[::1", "https://xn--a.example/", "https://bücher.example/ü", "{{.Home}}", "{{template \"x\"}}", "' or 1=1", "`${x}`", strings.Repeat("x", 64<<10), strings.Repeat("\u0301", 5000),
	strings.Repeat("line\n", 9000), strings.Repeat("&\"'<>", 9000), "",
}

func FuzzLetter(f *testing.F) {
	for _, text := range attacks {
		f.Add(text)
	}
	c := config(f)
	templates := load(f, "")
	f.Fuzz(func(t *testing.T, text string) {
		c.Name = text
		for _, content := range []letter.Content{letter.None, letter.Titles, letter.Full} {
			c.Content = content
			one := message(text, hostile(text))
			many := message(text, hostile(text), approval(1), hostile("x"+text))
			one.User, many.User = "kim", "kim"
			check(t, write(t, templates, c, one))
			check(t, write(t, templates, c, many))
		}
	})
}

// check holds what is true of every letter.
func check(t *testing.T, l *letter.Letter) {
	t.Helper()
	for _, h := range append(l.Headers, letter.Header{Name: "Message-ID", Value: l.MessageID}, letter.Header{Name: "References", Value: l.References}) {
		if strings.ContainsFunc(h.Name+h.Value, func(r rune) bool { return r < ' ' || r > '~' }) || len(h.Value) > 900 {
			t.Errorf("header %s: %.200q", h.Name, h.Value)
		}
	}
	if l.Subject == "" || strings.ContainsFunc(l.Subject, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) && r > '\u2000' && r != '\u200e' && r != '\u200f'
	}) {
		t.Errorf("subject %.200q", l.Subject)
	}
	if decoded, err := new(mime.WordDecoder).DecodeHeader(l.Subject); err != nil || decoded != l.Subject {
		t.Errorf("subject %.200q is read as %.200q, %v", l.Subject, decoded, err)
	}
	for name, body := range map[string]string{"text": l.Text, "HTML": l.HTML} {
		if strings.ContainsAny(body, "\r\x00\x1b\u202e\u2066") {
			t.Errorf("the %s has a character that it must not have", name)
		}
	}
	if len(l.HTML) > 102<<10 {
		t.Errorf("%d bytes of HTML", len(l.HTML))
	}
	z := html.NewTokenizer(strings.NewReader(l.HTML))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			if z.Err() != io.EOF {
				t.Errorf("parse the HTML: %v", z.Err())
			}
			return
		}
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		token := z.Token()
		if !strings.Contains(" html head meta title style body div table tr td p h1 h2 a br strong bdi ", " "+token.Data+" ") {
			t.Errorf("the HTML has <%s>", token.Data)
		}
		for _, a := range token.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "background" {
				t.Errorf("the HTML has <%s %s=%q>", token.Data, a.Key, a.Val)
			}
			if a.Key == "href" && !strings.HasPrefix(a.Val, "https://") && !strings.HasPrefix(a.Val, "http://") || a.Key == "href" && strings.Contains(a.Val, "@evil") {
				t.Errorf("the HTML leads to %q", a.Val)
			}
		}
	}
}

func TestLinksOfItems(t *testing.T) {
	c := config(t)
	templates := load(t, "")
	for url, want := range map[string]string{
		"https://board.example/posts/1?a=b&c=d#e": "https://board.example/posts/1?a=b&c=d#e",
		"http://intranet:8080/x":                  "http://intranet:8080/x",
		"/approval/4711":                          "https://inbox.example.com/approval/4711",
		"?doc=1":                                  "https://inbox.example.com/?doc=1",
		"https://bücher.example/ü":                "https://xn--bcher-kva.example/%C3%BC",
		"https://[::1]:8443/x":                    "https://[::1]:8443/x",
		"HTTPS://Example.com/":                    "https://Example.com/",
		"javascript:alert(1)":                     "", "JAVASCRIPT:alert(1)": "", "data:text/html,x": "", "mailto:a@b.example": "",
		"//evil.example/": "", `\\evil.example`: "", `/\evil.example`: "", "https://user:pw@evil.example/": "", "https:///x": "", "https:x": "", "ftp://x/": "",
	} {
		m := message("en", belfry.Notification{Title: belfry.PlainText("x"), URL: url})
		got := ""
		l := write(t, templates, c, m)
		if before, _, ok := strings.Cut(l.Text, "\n  Mark as read"); ok {
			if _, after, ok := strings.Cut(before, "\n  "); ok {
				_, got, _ = strings.Cut(after, "\n  ")
			}
		}
		if got != want {
			t.Errorf("%q leads to %q, want %q", url, got, want)
		}
	}
}
