package door_test

import (
	"errors"
	"net/mail"
	"strings"
	"testing"
	"unicode"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach/door"
)

// addresses are texts and what they are kept as; "" for those that are refused.
var addresses = map[string]string{
	"kim@example.com":            "kim@example.com",
	"Kim.Lee+belfry@Example.":    "",
	"Kim.Lee+belfry@EXAMPLE.Com": "Kim.Lee+belfry@example.com",
	"kim@intranet":               "kim@intranet",
	"kim@bücher.example":         "kim@xn--bcher-kva.example",
	"kim@xn--bcher-kva.example":  "kim@xn--bcher-kva.example",
	"김하나@예시.한국":                  "김하나@xn--vv4b11d.xn--3e0b707e",

	"": "", "kim": "", "@example.com": "", "kim@": "", "kim@@example.com": "", "Kim <kim@example.com>": "", "<kim@example.com>": "", " kim@example.com": "",
	"kim@example.com ": "", "kim@example.com, lee@example.com": "", "kim@example.com\r\nRCPT TO:<lee@example.com>": "", "kim@example.com\nBcc: lee@example.com": "",
	"kim@example.com\x00": "", "=?utf-8?q?kim?=@example.com": "=?utf-8?q?kim?=@example.com", `"kim lee"@example.com`: "", `"kim\"@example.com`: "",
	"kim@[127.0.0.1]": "", "kim@[IPv6:::1]": "", "kim@-example.com": "", "kim@exa mple.com": "", "kim@xn--a.example": "", "kim@example..com": "",
	"k\u202eim@example.com": "", "k\u200bim@example.com": "", "kim@exa\u202emple.com": "", "kim(comment)@example.com": "", "kim@example.com(comment)": "",
	string([]byte{0xff}) + "@example.com": "", strings.Repeat("x", 65) + "@example.com": "", "kim@" + strings.Repeat("x", 64) + ".example": "",
	strings.Repeat("x", 64) + "@" + strings.Repeat("y.", 120) + "com": "", "kim@" + strings.Repeat("ü", 100) + ".example": "",
}

func TestMailAddresses(t *testing.T) {
	for text, want := range addresses {
		got, err := door.ParseAddress(inbox.EndpointMail, text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v, want %q", text, got, err, want)
		}
	}
}

func FuzzMailAddress(f *testing.F) {
	for text := range addresses {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := door.ParseAddress(inbox.EndpointMail, text)
		if err != nil {
			if !errors.Is(err, belfry.ErrInvalid) || len(text) > 20 && strings.Contains(err.Error(), text) {
				t.Errorf("%q: %v, which must be of its field and not quote it", text, err)
			}
			return
		}
		again, err := door.ParseAddress(inbox.EndpointMail, got)
		if err != nil || again != got {
			t.Errorf("%q is kept as %q, and that as %q, %v", text, got, again, err)
		}
		if a, err := mail.ParseAddress("<" + got + ">"); err != nil || a.Address != got || len(got) > 254 || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '<' || r == '>' }) {
			t.Errorf("%q is kept as %q, %v", text, got, err)
		}
	})
}
