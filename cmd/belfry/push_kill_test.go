package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/internal/pushtest"
	"github.com/belfry/belfry/webpush/browser"
)

// pushScene is an owner of rows and two servers that send, with a service on this
// machine.
type pushScene struct {
	t        *testing.T
	service  *pushtest.Service
	journal  *emitters.Journal
	owner    *programtest.Process
	servers  []*programtest.Process
	brokers  string
	vapid    string
	browsers map[string]*browser.Browser // by user
}

func newPushScene(t *testing.T, brokers []string) *pushScene {
	t.Helper()
	binary, dir := buildBinary(t), t.TempDir()
	s := &pushScene{t: t, service: pushtest.NewService(), brokers: strings.Join(brokers, ","), vapid: filepath.Join(dir, "vapid.pem"), browsers: map[string]*browser.Browser{}}
	t.Cleanup(s.service.Close)
	programtest.Run(t, binary, "topics", "--brokers", s.brokers, "--partitions", "6")
	programtest.Run(t, binary, "vapid", "--vapid-key-file", s.vapid)
	channels := programtest.WriteFile(t, "channels.yaml", "channels:\n  browser: {kind: webpush, tell: [{if_unseen_after: 1s}]}\n")
	secret := programtest.WriteFile(t, "link.secret", programtest.Secret)
	metrics := kafkatest.FreeAddr(t)
	s.owner = programtest.Start(t, "owner", binary, "processor", "--brokers", s.brokers, "--channels", channels, "--state-dir", filepath.Join(dir, "owner"), "--metrics-addr", metrics)
	s.owner.URL = "http://" + metrics
	for i := range 2 {
		addr, name := kafkatest.FreeAddr(t), fmt.Sprint("server-", i)
		p := programtest.Start(t, name, binary, "server", "--brokers", s.brokers, "--auth", "none", "--channels", channels, "--state-dir", filepath.Join(dir, name), "--addr", addr,
			"--send", "webpush", "--vapid-key-file", s.vapid, "--vapid-subject", "mailto:ops@example.com", "--push-hosts", s.service.URL, "--link-secret-file", secret)
		p.URL = "http://" + addr
		s.servers = append(s.servers, p)
	}
	s.owner.AwaitReady()
	for _, p := range s.servers {
		p.AwaitReady()
	}
	var err error
	if s.journal, err = emitters.OpenJournal(kafka.Config{Brokers: brokers, Logger: slog.New(slog.DiscardHandler)}, belfry.DefaultPrefix); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.journal.Close() })
	return s
}

func (s *pushScene) append(records ...inbox.Addressed) {
	s.t.Helper()
	if _, err := s.journal.Append(s.t.Context(), records...); err != nil {
		s.t.Fatal(err)
	}
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
	users, rounds := 300, 1
	if text := os.Getenv("BELFRY_TEST_PUSHES"); text != "" {
		var err error
		if users, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
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
		kafkatest.Eventually(t, programtest.Patience, func() string { return "nothing is sent" }, func() bool { return s.service.Asked() >= asked+users/10 })
		for _, victim := range []*programtest.Process{s.servers[round%2], s.owner} {
			victim.Kill()
			victim.Restart()
			kills++
		}
		kafkatest.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("round %d: %d messages are missing", round, s.missing(want)) }, func() bool { return s.missing(want) == 0 })
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
	s.wantNoEndpoints()
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

// wantNoEndpoints looks for endpoints where nothing of them may be but the host.
func (s *pushScene) wantNoEndpoints() {
	s.t.Helper()
	texts := map[string]string{
		"inspect":           programtest.Run(s.t, buildBinary(s.t), "inspect", "사용자-0", "--brokers", s.brokers),
		"inspect --journal": programtest.Run(s.t, buildBinary(s.t), "inspect", "사용자-0", "--journal", "--brokers", s.brokers),
	}
	for _, p := range append(s.servers, s.owner) {
		texts[p.Name+"'s log"] = p.Stdout.String() + p.Stderr.String()
		for _, path := range []string{"/metrics", "/readyz", "/v1/ops/overview"} {
			response, err := http.Get(p.URL + path)
			if err != nil {
				s.t.Fatal(err)
			}
			text, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil {
				s.t.Fatal(err)
			}
			texts[p.Name+path] = string(text)
		}
	}
	sent := false
	for name, text := range texts {
		if strings.Contains(text, "a-secret-of-browser") {
			s.t.Errorf("%s shows an endpoint", name)
		}
		sent = sent || strings.Contains(text, `belfry_outbound_decisions_total{channel="browser",result="sent"}`)
	}
	if !sent {
		s.t.Error("no server's metrics tell of what it has sent")
	}
}
