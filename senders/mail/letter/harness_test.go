package letter_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/mail/letter"
)

var now = time.Date(2026, 3, 4, 23, 30, 0, 0, time.UTC)

// config is that of a whole installation.
func config(t testing.TB) letter.Config {
	t.Helper()
	signer, err := links.NewSigner([]byte(strings.Repeat("s", 32)), "https://inbox.example.com")
	if err != nil {
		t.Fatal(err)
	}
	return letter.Config{
		Content: letter.Full, Name: "Example Groupware", Domain: "example.com", PublicURL: "https://inbox.example.com/", Links: signer,
		Policy: func() *reach.Policy { return &reach.Policy{Zone: "Asia/Seoul"} },
	}
}

func load(t testing.TB, dir string) *letter.Templates {
	t.Helper()
	templates, err := letter.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return templates
}

// message is one of those notifications, the newest first.
func message(language string, ns ...belfry.Notification) *senders.Message {
	m := &senders.Message{User: "kim", Channel: "mail", Decision: 900, Row: &inbox.State{Version: 900}, Prefs: reach.Prefs{Language: language}, Now: now}
	for i, n := range ns {
		seq := uint64(800 - i)
		if n.Time.IsZero() {
			n.Time = now.Add(-time.Duration(i) * time.Hour)
		}
		e := &inbox.Entry{Seq: seq, Version: seq, Category: n.Category, Priority: n.Priority}
		if n.CollapseKey != "" {
			e.Collapse = 77
		}
		m.Entries = append(m.Entries, e)
		if i < letter.Newest {
			m.Items = append(m.Items, inbox.Item{Seq: seq, Notification: n})
		}
	}
	return m
}

func approval(i int) belfry.Notification {
	return belfry.Notification{
		Category: "approval", Priority: belfry.PriorityHigh, URL: fmt.Sprintf("/approval/documents/%d", 4100+i),
		Title: belfry.Text{"en": fmt.Sprintf("Expense report %d: 1,240,000 KRW", i), "ko": fmt.Sprintf("지출 결의서 %d호: 1,240,000원", i), "ar": fmt.Sprintf("تقرير مصاريف %d (KRW)", i)},
		Body:  belfry.Text{"en": "Travel to Busan, 3 days. Please decide by Friday.", "ko": "부산 출장 3일. 금요일까지 결재 바랍니다.", "ar": "سفر إلى بوسان، ثلاثة أيام."},
		Actor: belfry.Actor{ID: "lee", Name: "Lee Ji-woo"},
	}
}

func comment(i int) belfry.Notification {
	return belfry.Notification{
		Category: "comment", URL: fmt.Sprintf("https://board.example.com/posts/%d?page=2&sort=new", i), CollapseKey: "post",
		Title: belfry.Text{"en": fmt.Sprintf("Park commented on “Quarterly plan %d”", i), "ko": fmt.Sprintf("박서준 님이 ‘분기 계획 %d’에 댓글을 남겼습니다", i)},
		Body:  belfry.PlainText("I moved the dates by a week.\nCan you have a look at the second table?"),
		Actor: belfry.Actor{Name: "Park Seo-jun"},
	}
}

func write(t testing.TB, templates *letter.Templates, c letter.Config, m *senders.Message) *letter.Letter {
	t.Helper()
	l, err := letter.New(templates, c).Write(m)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func header(l *letter.Letter, name string) string {
	for _, h := range l.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}
