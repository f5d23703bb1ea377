package letter_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/mail/letter"
)

var update = flag.Bool("update", false, "write the golden mails again")

// mail is a letter and what it is of.
type mail struct {
	name    string
	dir     string // of templates
	content letter.Content
	m       *senders.Message
}

// mails are letters of all shapes.
func mails() []mail {
	var digest []belfry.Notification
	for i := range 26 {
		switch {
		case i%5 == 0:
			digest = append(digest, approval(i))
		case i == 7:
			digest = append(digest, belfry.Notification{
				Category: "hr.vote", Priority: belfry.PriorityUrgent, Title: belfry.Text{"en": "The vote ends tonight", "ko": "투표가 오늘 밤 마감됩니다"},
			})
		case i == 9:
			digest = append(digest, belfry.Notification{Title: belfry.PlainText("Maintenance on Saturday"), Time: now.AddDate(0, 0, -2)})
		default:
			digest = append(digest, comment(i))
		}
	}
	return []mail{
		{"one.en", "", letter.Full, message("en", approval(1))},
		{"one.ko", "", letter.Full, message("ko-KR", approval(1))},
		{"three.en", "", letter.Titles, message("", approval(3), approval(2), approval(1))},
		{"digest.en", "", letter.Full, message("en-GB", digest...)},
		{"digest.ko", "", letter.Full, message("ko", digest...)},
		{"counts.en", "", letter.None, message("en", digest...)},
		{"rtl.ar", "testdata/arabic", letter.Full, message("ar", approval(4), comment(3), approval(2))},
		{"hostile.en", "", letter.Full, message("en", hostile(`"><script>alert(1)</script>`), hostile("a\r\nBcc: x@evil.example\r\n\r\n<h1>"), hostile("\u202egnp.exe\u202c {{.Home}} \x00 =?utf-8?q?x?="))},
	}
}

func TestGoldenMails(t *testing.T) {
	for _, tt := range mails() {
		t.Run(tt.name, func(t *testing.T) {
			c := config(t)
			c.Content = tt.content
			l := write(t, load(t, tt.dir), c, tt.m)
			var text strings.Builder
			for _, h := range append([]letter.Header{{"Subject", l.Subject}, {"Message-ID", "<" + l.MessageID + ">"}, {"References", l.References}}, l.Headers...) {
				if h.Value != "" {
					text.WriteString(h.Name + ": " + h.Value + "\n")
				}
			}
			for ext, got := range map[string]string{".txt": text.String() + "\n" + l.Text, ".html": l.HTML} {
				path := filepath.Join("testdata", "golden", tt.name+ext)
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("%s is another now; look at it, and write it with -update:\n%s", path, got)
				}
			}
		})
	}
}
