package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/internal/pushtest"
	"github.com/belfry/belfry/webpush/browser"
)

// pushScene is a scene of Web Push, with a service on this machine.
type pushScene struct {
	*sendScene
	service  *pushtest.Service
	vapid    string
	browsers map[string]*browser.Browser // by user
}

func newPushScene(t *testing.T, brokers []string) *pushScene {
	t.Helper()
	s := &pushScene{service: pushtest.NewService(), vapid: filepath.Join(t.TempDir(), "vapid.pem"), browsers: map[string]*browser.Browser{}}
	t.Cleanup(s.service.Close)
	programtest.Run(t, buildBinary(t), "vapid", "--vapid-key-file", s.vapid)
	s.sendScene = newSendScene(t, brokers, "channels:\n  browser: {kind: webpush, tell: [{if_unseen_after: 1s}]}\n",
		"--send", "webpush", "--vapid-key-file", s.vapid, "--vapid-subject", "mailto:ops@example.com", "--push-hosts", s.service.URL)
	return s
}

// subscribe has each of so many users subscribe a browser.
func (s *pushScene) subscribe(users int) {
	s.t.Helper()
	var records []inbox.Addressed
	for i := range users {
		user, b := fmt.Sprint("사용자-", i), s.service.Subscribe()
		point, err := base64.RawURLEncoding.DecodeString(b.P256dh)
		auth, err2 := base64.RawURLEncoding.DecodeString(b.Auth)
		if err := errors.Join(err, err2); err != nil {
			s.t.Fatal(err)
		}
		s.browsers[user] = b
		records = append(records, inbox.Addressed{Recipients: []string{user}, Record: inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{
			Kind: inbox.EndpointWebPush, Target: b.Endpoint, P256dh: point, Auth: auth, AddedAt: time.Now(),
		}}})
	}
	s.append(records...)
}

// pushed is what a message shows.
type pushed struct {
	AppBadge     int `json:"app_badge"`
	Notification struct {
		Title, Tag string
		Data       struct {
			Seqs []uint64
			Read string
		}
	}
}

// received are the messages of each browser.
func (s *pushScene) received() map[*browser.Browser][]pushed {
	out := map[*browser.Browser][]pushed{}
	for _, m := range s.service.Messages() {
		var p pushed
		if err := json.Unmarshal(m.Payload, &p); err != nil || m.Topic != p.Notification.Tag {
			s.t.Errorf("message %s with topic %q: %v", m.Payload, m.Topic, err)
		}
		out[m.Browser] = append(out[m.Browser], p)
	}
	return out
}

// missing is how many of the titles have not reached their user.
func (s *pushScene) missing(want map[string][]string) int {
	n, got := 0, s.received()
	for user, titles := range want {
		for _, title := range titles {
			has := false
			for _, p := range got[s.browsers[user]] {
				has = has || p.Notification.Title == title
			}
			if !has {
				n++
			}
		}
	}
	return n
}

// TestPushThroughKills kills the owner of the rows and those who send while they do:
// nothing is lost, and what comes twice has one tag. BELFRY_TEST_PUSHES says how many
// users there are, of whom 1,000 a second are told, and has more rounds of it.
func TestPushThroughKills(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts four processes")
	}
	t.Parallel()
	users, rounds := numberOf(t, "BELFRY_TEST_PUSHES", 300), 1
	if users != 300 {
		rounds = 4
	}
	s := newPushScene(t, kafkatest.Embedded(t))
	s.subscribe(users)
	want := map[string][]string{}
	kills := 0
	const rate = 1000
	for round := range rounds {
		var all errgroup.Group
		all.SetLimit(16)
		title := fmt.Sprint("round ", round)
		tick := time.NewTicker(time.Second / rate)
		for user := range s.browsers {
			want[user] = append(want[user], title)
			<-tick.C // the load
			all.Go(func() error {
				_, err := s.journal.Append(t.Context(), inbox.Addressed{Recipients: []string{user}, Record: inbox.Record{
					Kind: inbox.KindNotify, Notification: belfry.Notification{Title: belfry.PlainText(title), ID: title},
				}})
				return err
			})
		}
		tick.Stop()
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
		// Some are told by now: the fault meets what is under way.
		asked := s.service.Asked()
		await.Eventually(t, programtest.Patience, func() string { return "nothing is sent" }, func() bool { return s.service.Asked() >= asked+users/10 })
		s.kill(round % 2)
		kills += 2
		await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("round %d: %d messages are missing", round, s.missing(want)) }, func() bool { return s.missing(want) == 0 })
		// Seen: the next round's messages are of one item again.
		var seen []inbox.Addressed
		for user := range s.browsers {
			seen = append(seen, inbox.Addressed{Recipients: []string{user}, Record: inbox.Record{Kind: inbox.KindSeen, UpTo: 1 << 62}})
		}
		s.append(seen...)
	}
	if problems := s.service.Problems(); len(problems) > 0 {
		t.Errorf("a service would refuse: %.10q", problems)
	}
	repeats := 0
	for user, b := range s.browsers {
		tags := map[string]string{}
		for _, p := range s.received()[b] {
			n := p.Notification
			if tag, again := tags[n.Title]; again {
				repeats++
				if tag != n.Tag {
					t.Errorf("%s is told of %s by tags %s and %s", user, n.Title, tag, n.Tag)
				}
			}
			tags[n.Title] = n.Tag
			if n.Data.Read == "" || len(n.Data.Seqs) != 1 || p.AppBadge < 1 {
				t.Errorf("%s got %+v", user, p)
			}
		}
	}
	t.Logf("%d messages through %d kills, %d of them repeats", len(s.service.Messages()), kills, repeats)
	// Of two servers each has at most 200 of a partition on their way.
	if most := kills * 6 * 200; repeats > most {
		t.Errorf("%d repeats, want those under way at most, %d", repeats, most)
	}
	s.testCommand()
	s.wantNowhere("a-secret-of-browser", "사용자-0", `belfry_outbound_decisions_total{channel="browser",result="sent"}`)
}

// testCommand sends a test message to one user.
func (s *pushScene) testCommand() {
	s.t.Helper()
	out := programtest.Run(s.t, buildBinary(s.t), "push", "test", "사용자-0", "--title", "try", "--brokers", s.brokers, "--vapid-key-file", s.vapid, "--vapid-subject", "mailto:ops@example.com", "--push-hosts", s.service.URL)
	found := false
	for _, p := range s.received()[s.browsers["사용자-0"]] {
		found = found || p.Notification.Title == "try"
	}
	if !found || !strings.Contains(out, "accepted") || strings.Contains(out, "a-secret-of-browser") {
		s.t.Errorf("belfry push test printed %s", out)
	}
}
