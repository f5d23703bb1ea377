package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/server/auth"
)

// installation is Belfry as it is run for real: processes of the built program
// on a real broker.
type installation struct {
	t       *testing.T
	binary  string
	dir     string
	brokers string
	service string // a token that may send and read
	admin   string // a token that may act for anybody
	secret  string // path
}

func install(t *testing.T, brokers []string) *installation {
	t.Helper()
	in := &installation{t: t, binary: buildBinary(t), dir: t.TempDir(), brokers: strings.Join(brokers, ",")}
	secret := bytes.Repeat([]byte("s"), 40)
	in.secret = filepath.Join(in.dir, "jwt.secret")
	if err := os.WriteFile(in.secret, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	mint := func(subject, scope string) string {
		token, err := auth.Token{Subject: subject, Scopes: []string{scope}, TTL: time.Hour}.Sign(secret)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	in.service, in.admin = mint("billing", "belfry:notify"), mint("root", "belfry:admin")
	programtest.Run(t, in.binary, "topics", "--brokers", in.brokers, "--partitions", "6")
	return in
}

func (in *installation) processor(name string) *programtest.Process {
	in.t.Helper()
	metrics := parts.FreeAddr(in.t)
	p := programtest.Start(in.t, name, in.binary, "processor", "--brokers", in.brokers, "--inbox-cap", "200", "--state-dir", filepath.Join(in.dir, name), "--metrics-addr", metrics)
	p.URL = "http://" + metrics
	return p
}

func (in *installation) server(name string) *programtest.Process {
	in.t.Helper()
	addr := parts.FreeAddr(in.t)
	p := programtest.Start(in.t, name, in.binary, "server", "--brokers", in.brokers, "--state-dir", filepath.Join(in.dir, name), "--addr", addr, "--jwt-secret-file", in.secret)
	p.URL = "http://" + addr
	return p
}

// call makes a request and decodes a JSON answer into out, if that is not nil.
func (in *installation) call(method, url, token string, body, out any) (int, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(in.t.Context(), method, url, reader)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil && out != nil && response.StatusCode < 300 {
		err = json.Unmarshal(data, out)
	}
	return response.StatusCode, err
}

const (
	acceptanceUsers  = 500
	acceptanceEvents = 20_000 // 1 in 20 of the ids twice
)

// ledger knows what was sent to whom.
type ledger struct {
	mu   sync.Mutex
	sent map[string]map[string]bool // recipient to ids
}

func (l *ledger) add(recipient, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent[recipient] == nil {
		l.sent[recipient] = map[string]bool{}
	}
	l.sent[recipient][id] = true
}

func acceptanceUser(i int) string {
	if i%2 == 0 {
		return fmt.Sprintf("사용자-%d", i)
	}
	return fmt.Sprintf("user-%d", i)
}

// send has a foreign producer write most events, keyed by order, and posts the
// rest to the servers at the same time. faults is called when half of the posts
// are done, and goes on beside the rest.
func (in *installation) send(l *ledger, round int, servers []*programtest.Process, faults func()) {
	in.t.Helper()
	var records [][2]string
	var posts []belfry.Notification
	for i := range acceptanceEvents {
		n := belfry.Notification{
			ID: fmt.Sprintf("r%d-%d", round, i), Recipient: acceptanceUser(i % acceptanceUsers), Source: "/orders",
			Category: "order", Title: belfry.Text{"en": "Order shipped", "ko": "주문이 발송되었습니다"},
		}
		l.add(n.Recipient, n.ID)
		if i%10 == 9 {
			posts = append(posts, n)
			continue
		}
		value, err := json.Marshal(n)
		if err != nil {
			in.t.Fatal(err)
		}
		record := [2]string{fmt.Sprintf("order-%d", i/3), string(value)}
		records = append(records, record)
		if i%20 == 0 {
			records = append(records, record)
		}
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	half := make(chan struct{})
	sending.Go(func() {
		const batch = 50
		for i := 0; i < len(posts); i += batch {
			if i == len(posts)/2 {
				close(half)
			}
			in.post(servers, i/batch, posts[i:min(i+batch, len(posts))])
		}
	})
	sending.Go(func() {
		if err := kafkatest.JavaProduce(in.t, strings.Split(in.brokers, ","), belfry.Prefix(belfry.DefaultPrefix).Notifications(), records); err != nil {
			in.t.Errorf("foreign producer: %v", err)
		}
	})
	<-half
	if faults != nil {
		faults()
	}
}

// post repeats a call, at one server and the other, until it is accepted: a
// call that was not acknowledged may or may not have been written, and its ids
// keep it from counting twice.
func (in *installation) post(servers []*programtest.Process, first int, batch []belfry.Notification) {
	deadline := time.Now().Add(await.Patience)
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for i := first; ; i++ {
		status, err := in.call(http.MethodPost, servers[i%len(servers)].URL+"/v1/notifications", in.service, batch, nil)
		if err == nil && status == http.StatusAccepted {
			return
		}
		if time.Now().After(deadline) {
			in.t.Errorf("post notifications: status %d, %v", status, err)
			return
		}
		<-pause.C
	}
}

// verify waits until every user's count on the server is what was sent, and
// then holds it against the user's listed unread items.
func (in *installation) verify(l *ledger, s *programtest.Process) {
	in.t.Helper()
	type badge struct {
		User   string `json:"user"`
		Unread int    `json:"unread"`
	}
	wrong := ""
	await.Eventually(in.t, await.Patience, func() string { return s.Name + ": " + wrong }, func() bool {
		for first := 0; first < acceptanceUsers; first += 100 {
			query := url.Values{}
			for i := first; i < first+100; i++ {
				query.Add("user", acceptanceUser(i))
			}
			var got struct {
				Users []badge `json:"users"`
			}
			status, err := in.call(http.MethodGet, s.URL+"/v1/unread?"+query.Encode(), in.service, nil, &got)
			if err != nil || status != http.StatusOK {
				wrong = fmt.Sprintf("status %d, %v", status, err)
				return false
			}
			for _, b := range got.Users {
				if want := len(l.sent[b.User]); b.Unread != want {
					wrong = fmt.Sprintf("%s has %d unread, want %d", b.User, b.Unread, want)
					return false
				}
			}
		}
		return true
	})
	for i := range acceptanceUsers {
		user := acceptanceUser(i)
		var got map[string]bool
		// Contents may come after the row, by what a rebalance of their group
		// takes; the count and the list agree all the while.
		await.Eventually(in.t, await.Patience, func() string { return s.Name + " still lacks contents of " + user }, func() bool {
			var pending int
			got, pending = in.list(s, user)
			return pending == 0
		})
		if !sameIDs(got, l.sent[user]) {
			in.t.Errorf("%s lists %d unread items of %s, want exactly the %d sent", s.Name, len(got), user, len(l.sent[user]))
		}
	}
}

// list returns the ids of all unread items and how many have no content yet. It
// fails if the count is not that of the items, or if one is listed twice.
func (in *installation) list(s *programtest.Process, user string) (ids map[string]bool, pending int) {
	in.t.Helper()
	ids = map[string]bool{}
	unread := 0
	for before := ""; ; {
		var page struct {
			Unread int `json:"unread"`
			Items  []struct {
				ID      string `json:"id"`
				Pending bool   `json:"pending"`
			} `json:"items"`
			Next string `json:"next"`
		}
		path := fmt.Sprintf("%s/v1/users/%s/inbox?status=unread&limit=100", s.URL, url.PathEscape(user))
		if before != "" {
			path += "&before=" + url.QueryEscape(before)
		}
		status, err := in.call(http.MethodGet, path, in.admin, nil, &page)
		if err != nil || status != http.StatusOK {
			in.t.Fatalf("list %s on %s: status %d, %v", user, s.Name, status, err)
		}
		for _, item := range page.Items {
			if item.Pending {
				pending++
				continue
			}
			if ids[item.ID] {
				in.t.Errorf("%s lists %q of %s twice", s.Name, item.ID, user)
			}
			ids[item.ID] = true
		}
		unread = page.Unread
		if before = page.Next; before == "" {
			break
		}
	}
	if unread != len(ids)+pending {
		in.t.Errorf("%s counts %d unread of %s and lists %d", s.Name, unread, user, len(ids)+pending)
	}
	return ids, pending
}

func sameIDs(a, b map[string]bool) bool {
	if len(a) != len(b) {
		return false
	}
	for id := range a {
		if !b[id] {
			return false
		}
	}
	return true
}

func TestExactOnRealKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache Kafka and five processes")
	}
	cluster := kafkatest.Start(t, kafkatest.Config{Nodes: 1})
	kafkatest.Jars(t) // or skip, here rather than while sending
	in := install(t, cluster.Brokers())
	processors := []*programtest.Process{in.processor("processor-1"), in.processor("processor-2")}
	servers := []*programtest.Process{in.server("server-1"), in.server("server-2")}
	for _, p := range append(processors, servers...) {
		p.AwaitReady()
	}
	l := &ledger{sent: map[string]map[string]bool{}}

	in.send(l, 1, servers, nil)
	for _, s := range servers {
		in.verify(l, s)
	}

	// A processor and a server go and come back in the middle of it, and then
	// the broker does.
	in.send(l, 2, servers, func() {
		for _, p := range []*programtest.Process{processors[0], servers[0]} {
			p.Signal(syscall.SIGTERM)
			p.AwaitExit(0)
		}
		for _, p := range []*programtest.Process{processors[0], servers[0]} {
			p.Restart()
			p.AwaitReady()
		}
		cluster.Stop(1)
		cluster.Up(1)
	})
	for _, s := range servers {
		s.AwaitReady()
		in.verify(l, s)
	}

	// They are killed, again and again, and so is the broker.
	in.send(l, 3, servers, func() {
		for i := range 3 {
			for _, p := range []*programtest.Process{processors[i%2], servers[0]} {
				p.Kill()
				p.Restart()
				p.AwaitReady()
			}
		}
		cluster.Kill(1)
		cluster.Up(1)
	})
	for _, s := range servers {
		s.AwaitReady()
		in.verify(l, s)
	}
	for _, p := range append(processors, servers...) {
		p.Signal(syscall.SIGTERM)
		p.AwaitExit(0)
	}
}
