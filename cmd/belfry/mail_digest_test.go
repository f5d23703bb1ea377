package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/reach"
)

// morningDigest has kim, who was told of an approval, get the rest in the morning, and lee,
// who has read all, get nothing. It is morning in a zone that is chosen for it, and of the
// minutes of that morning the digest's is one whose moment for kim, within the ten minutes
// that digests are spread over, comes next.
func (s *mailScene) morningDigest() {
	s.t.Helper()
	now := time.Now().UTC()
	// The sign is that of POSIX: Etc/GMT+3 is west.
	name := fmt.Sprintf("Etc/GMT%+d", (now.Hour()-8+11)%24-11)
	zone, err := time.LoadLocation(name)
	if err != nil || now.In(zone).Hour() != 8 {
		s.t.Fatalf("%s in %s, %v: want it to be past eight", now.In(zone), name, err)
	}
	for _, user := range []string{"kim", "lee"} {
		s.do(http.MethodPatch, user, "preferences", fmt.Sprintf(`{"zone":%q}`, name))
	}
	const comments, newest = 25, 20
	title := func(i int) string { return fmt.Sprintf("Comment %02d.", i) }
	for i := range comments {
		s.notify("comment", title(i), "kim", "lee")
	}
	s.readAll("lee", 1+comments)
	awaitBadge(s.t, s.r.url, "", "kim", hasUnread(2+comments))
	var listed struct {
		Items []struct {
			Seq   uint64
			Title string
		}
	}
	if status := callAPI(s.t, http.MethodGet, userURL(s.r.url, "kim", "inbox")+"?limit=1", "", "", &listed); status != http.StatusOK || len(listed.Items) != 1 || listed.Items[0].Title != title(comments-1) {
		s.t.Fatalf("inbox of kim: %d, %+v", status, listed)
	}
	s.do(http.MethodPost, "kim", "inbox/read", fmt.Sprintf(`{"seqs":[%d]}`, listed.Items[0].Seq))
	awaitBadge(s.t, s.r.url, "", "kim", hasUnread(1+comments))

	// due is when kim's digest of an hour comes, which is in force from now on.
	due := func(hour time.Time) time.Time {
		s.t.Helper()
		programtest.RewriteFile(s.t, s.channels, fmt.Sprintf(`channels: {mail: {kind: mail, tell: [{category: [approval], if_unread_after: 8s}, {digest: {at: "%s"}}]}}`, hour.In(zone).Format("15:04")))
		shown := s.preview("kim")
		_, at, _ := strings.Cut(shown, "kim gets a mail at ")
		at, _, _ = strings.Cut(at, ": to ")
		parsed, err := time.Parse(time.RFC3339, at)
		if err != nil {
			s.t.Fatalf("preview: %v in %s", err, shown)
		}
		return parsed
	}
	at := due(time.Now().Add(time.Minute + 5*time.Second - reach.Spread("kim")))
	if wait := time.Until(at); wait > 70*time.Second {
		s.t.Fatalf("kim's digest comes in %s", wait)
	}
	before := len(s.relay.Mails())
	m := s.await(before + 1)
	if m.To != "kim@mail.example" || m.At.Before(at) {
		s.t.Errorf("a mail to %s came at %s, due %s", m.To, m.At, at)
	}
	text := m.Part("text/plain")
	for i := range comments {
		if shows, want := strings.Contains(text, title(i)), i < comments-1 && i >= comments-1-newest; shows != want {
			s.t.Errorf("the digest shows %s: %t, want %t", title(i), shows, want)
		}
	}
	// Of 25 that are unread and not told one is of the board, and is the oldest.
	if !strings.Contains(text, "and 5 more") || strings.Contains(text, "Travel to Busan") || strings.Contains(text, "Only in the inbox") {
		s.t.Errorf("the digest says:\n%s", text)
	}
	s.t.Logf("at %s of %s: %s", m.At.In(zone).Format(time.TimeOnly), name, m.Header("Subject"))
	// The moment of lee comes minutes before that of kim.
	if got := s.preview("lee"); !strings.HasPrefix(got, "lee gets no mail: ") {
		s.t.Errorf("preview of lee: %s", got)
	}
	if n := len(s.relay.Mails()); n != before+1 {
		s.t.Errorf("%d mails came more than one", n-before-1)
	}
}
