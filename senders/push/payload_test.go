package push

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/webpush"
)

var now = time.UnixMilli(1_790_000_000_000)

func signer(t *testing.T) *links.Signer {
	t.Helper()
	s, err := links.NewSigner([]byte(strings.Repeat("s", 32)), "https://intranet.example")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// message is one of entries, with the content of the first.
func message(language string, n belfry.Notification, entries ...inbox.Entry) *senders.Message {
	m := &senders.Message{User: "kim", Channel: "browser", Decision: 99, Row: &inbox.State{Version: 99}, Prefs: reach.Prefs{Language: language}, Now: now}
	for i := range entries {
		m.Row.Items = append(m.Row.Items, entries[i])
		m.Entries = append(m.Entries, &entries[i])
	}
	m.Items = []inbox.Item{{Seq: entries[0].Seq, Notification: n}}
	return m
}

func parsed(t *testing.T, text []byte) payload {
	t.Helper()
	var p payload
	if err := json.Unmarshal(text, &p); err != nil || p.WebPush != 8030 || p.AppBadge != p.Notification.AppBadge || p.Notification.Title == "" || p.Notification.Navigate == "" {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func TestPayloadOfOne(t *testing.T) {
	m := message("ko-KR", belfry.Notification{
		Title: belfry.Text{"en": "Approval", "ko": "결재"}, Body: belfry.Text{"en": "Trip <1>", "ko": "출장 <1>"}, URL: "https://app.example/a?b=1&c=2", Time: now.Add(-time.Minute),
	}, inbox.Entry{Seq: 7, Count: 1}, inbox.Entry{Seq: 8, Count: 1, Read: true, Seen: true}, inbox.Entry{Seq: 9, Count: 1, Seen: true})
	m.Entries = m.Entries[:1] // those seen and read are not to be told
	text, err := newContent(m, signer(t), "https://intranet.example/").fit(webpush.MaxPayload)
	if err != nil {
		t.Fatal(err)
	}
	p := parsed(t, text)
	n := p.Notification
	if p.AppBadge != 2 || n.Title != "결재" || n.Body != "출장 <1>" || n.Lang != "ko" || n.Navigate != "https://app.example/a?b=1&c=2" || n.Timestamp != now.Add(-time.Minute).UnixMilli() || len(n.Data.Seqs) != 1 || n.Data.Seqs[0] != 7 {
		t.Errorf("got %s", text)
	}
	token, ok := strings.CutPrefix(n.Data.Read, "https://intranet.example/v1/links/")
	if l, err := signer(t).Parse(token, now); !ok || err != nil || l != (links.Link{Action: links.Read, User: "kim", Seq: 7, Until: now.Add(links.ReadLife)}) {
		t.Errorf("link %s is %+v, %v", n.Data.Read, l, err)
	}
	text, err = newContent(message("fr", belfry.Notification{Title: belfry.PlainText("t")}, inbox.Entry{Seq: 7}), nil, "/").fit(webpush.MaxPayload)
	if p := parsed(t, text); err != nil || p.Notification.Navigate != "/" || p.Notification.Lang != "" || strings.Contains(string(text), "read") {
		t.Errorf("got %s, %v", text, err)
	}
}

// An item that was hidden until a time came then, whenever it was written.
func TestPayloadOfWhatWasHidden(t *testing.T) {
	shown := now.Add(-time.Minute)
	for until, want := range map[int64]time.Time{0: now.Add(-time.Hour), shown.UnixMilli(): shown, now.Add(-2 * time.Hour).UnixMilli(): now.Add(-time.Hour)} {
		m := message("", belfry.Notification{Title: belfry.PlainText("t"), Time: now.Add(-time.Hour)}, inbox.Entry{Seq: 7, Until: until})
		text, err := newContent(m, nil, "/").fit(webpush.MaxPayload)
		if p := parsed(t, text); err != nil || p.Notification.Timestamp != want.UnixMilli() {
			t.Errorf("hidden until %d: got %s, %v", until, text, err)
		}
	}
}

func TestPayloadOfSeveral(t *testing.T) {
	for language, want := range map[string]string{"": "text\nand 2 more", "en-GB": "text\nand 2 more", "ko": "text\n외 2건", "fr": "text\nand 2 more", "not a language": "text\nand 2 more"} {
		m := message(language, belfry.Notification{Title: belfry.PlainText("newest"), Body: belfry.PlainText("text")}, inbox.Entry{Seq: 9}, inbox.Entry{Seq: 8, Collapse: 5}, inbox.Entry{Seq: 7})
		text, err := newContent(m, nil, "/").fit(webpush.MaxPayload)
		if p := parsed(t, text); err != nil || p.Notification.Body != want || p.Notification.Tag != "belfry" || len(p.Notification.Data.Seqs) != 3 || p.AppBadge != 3 {
			t.Errorf("%s: got %s, %v", language, text, err)
		}
	}
}

func TestTopic(t *testing.T) {
	seen := map[string]string{}
	for name, tag := range map[string]string{
		"kim 7": topic("kim", &inbox.Entry{Seq: 7}), "kim 8": topic("kim", &inbox.Entry{Seq: 8}), "lee 7": topic("lee", &inbox.Entry{Seq: 7}),
		"kim key 7": topic("kim", &inbox.Entry{Seq: 9, Collapse: 7}), "lee key 7": topic("lee", &inbox.Entry{Seq: 10, Collapse: 7}),
	} {
		if other, ok := seen[tag]; ok || !regexp.MustCompile(`^[A-Za-z0-9_-]{32}$`).MatchString(tag) {
			t.Errorf("%s has topic %s, as has %s", name, tag, other)
		}
		seen[tag] = name
	}
	if topic("kim", &inbox.Entry{Seq: 9, Collapse: 7}) != topic("kim", &inbox.Entry{Seq: 11, Collapse: 7}) {
		t.Error("the next item of a collapse key has another topic")
	}
}

// TestPayloadFits has texts of all sizes and alphabets within every budget, also those
// that JSON makes many times longer.
func TestPayloadFits(t *testing.T) {
	alphabets := []string{"x", "é", "결", "👩‍👩‍👧", "\"", "\\", "\n", "\u2028", "\x01", "\x7f", "<", "x\x1f\u2029\b\f\r\t"}
	for _, a := range alphabets {
		for _, n := range []int{1, 80, 100, 500, 3900, 64_000} {
			for _, budget := range budgets() {
				text := belfry.Text{"language-of-the-longest-name-that-is": "T" + strings.Repeat(a, max(n/len(a), 1))}
				var entries []inbox.Entry
				for i := range uint64(150) {
					entries = append(entries, inbox.Entry{Seq: 1<<60 + i})
				}
				for _, most := range []int{1, 2, 100, 101} {
					m := message("ko", belfry.Notification{Title: text, Body: text, URL: "https://app.example/" + strings.Repeat("u", min(n, 2000))}, entries[:most]...)
					got, err := newContent(m, signer(t), "/").fit(budget)
					if err != nil || len(got) > budget || !utf8.Valid(got) {
						t.Fatalf("%d bytes of %q in %d: %d bytes, %v", n, a, budget, len(got), err)
					}
					p := parsed(t, got)
					if strings.ContainsRune(p.Notification.Body+p.Notification.Title, utf8.RuneError) || most > 1 && !strings.HasSuffix(p.Notification.Body, fmt.Sprintf("외 %d건", most-1)) {
						t.Fatalf("%d bytes of %q in %d: %s", n, a, budget, got)
					}
				}
			}
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{{"hello world", 5, "hel…"}, {"결재가 왔습니다", 7, "결재가…"}, {"abc", 3, ""}, {"ab…", 1, "a…"}, {"abcdefgh…", 1, "abcdefg…"}, {"aé", 1, ""}, {"\x01\x01\x01", 6, "\x01…"}, {"\n\"\\x", 2, ""}} {
		if got := cut(tt.text, tt.n); got != tt.want || jsonBytes(got) > jsonBytes(tt.text)-tt.n || !utf8.ValidString(got) {
			t.Errorf("%q less %d is %q, want %q", tt.text, tt.n, got, tt.want)
		}
	}
}

// A title of which nothing fits is not empty: Safari shows nothing without one.
func TestTitleIsNeverEmpty(t *testing.T) {
	m := message("", belfry.Notification{Title: belfry.PlainText(strings.Repeat("\n", 600) + "x"), URL: "https://app.example/" + strings.Repeat("u", 400)}, inbox.Entry{Seq: 9})
	got, err := newContent(m, nil, "/").fit(512)
	if err != nil {
		t.Fatal(err)
	}
	parsed(t, got)
}

func TestUrgencyAndTTL(t *testing.T) {
	entry := func(p belfry.Priority, expires time.Duration) *inbox.Entry {
		e := &inbox.Entry{Priority: p}
		if expires > 0 {
			e.ExpiresAt = now.Add(expires).UnixMilli()
		}
		return e
	}
	for _, tt := range []struct {
		entries []*inbox.Entry
		urgency webpush.Urgency
		ttl     time.Duration
	}{
		{[]*inbox.Entry{entry(belfry.PriorityLow, 0)}, webpush.UrgencyLow, ttlLow},
		{[]*inbox.Entry{entry(belfry.PriorityNormal, 0)}, webpush.UrgencyNormal, ttlNormal},
		{[]*inbox.Entry{entry(belfry.PriorityLow, 0), entry(belfry.PriorityUrgent, time.Hour)}, webpush.UrgencyHigh, ttlPressing},
		{[]*inbox.Entry{entry(belfry.PriorityLow, time.Minute), entry(belfry.PriorityHigh, time.Hour)}, webpush.UrgencyHigh, time.Hour},
		{[]*inbox.Entry{entry(belfry.PriorityNormal, 300*time.Hour)}, webpush.UrgencyNormal, ttlNormal},
	} {
		if u, d := urgency(tt.entries), ttl(tt.entries, now); u != tt.urgency || d != tt.ttl {
			t.Errorf("got %s for %s, want %s for %s", u, d, tt.urgency, tt.ttl)
		}
	}
}
