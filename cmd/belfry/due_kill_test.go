package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// dueScene is two processors and two servers that are killed while items of many users
// come due.
type dueScene struct {
	t          *testing.T
	processors []*programtest.Process
	servers    []*programtest.Process
	users      []string
	due        map[string]map[string]time.Time // by user and id, when it shows; not modified

	mu      sync.Mutex
	samples int
	seen    map[string]string // what a user is shown at a version and x
	wrong   []string
}

func newDueScene(t *testing.T, brokers []string) *dueScene {
	t.Helper()
	binary, dir, at := buildBinary(t), t.TempDir(), strings.Join(brokers, ",")
	programtest.Run(t, binary, "topics", "--brokers", at, "--partitions", "6")
	s := &dueScene{t: t, due: map[string]map[string]time.Time{}, seen: map[string]string{}}
	for i := range 2 {
		metrics, name := parts.FreeAddr(t), fmt.Sprint("processor-", i)
		p := programtest.Start(t, name, binary, "processor", "--brokers", at, "--state-dir", filepath.Join(dir, name), "--metrics-addr", metrics)
		p.URL = "http://" + metrics
		s.processors = append(s.processors, p)
	}
	for i := range 2 {
		addr, name := parts.FreeAddr(t), fmt.Sprint("server-", i)
		p := programtest.Start(t, name, binary, "server", "--brokers", at, "--auth", "none", "--state-dir", filepath.Join(dir, name), "--addr", addr)
		p.URL = "http://" + addr
		s.servers = append(s.servers, p)
	}
	for _, p := range append(s.processors, s.servers...) {
		p.AwaitReady()
	}
	return s
}

// schedule posts items that come due one after the other, evenly from a time on and for
// as long as over, but for the first of each user, which is shown at once. It waits until
// the rows hold them all: a sample cannot tell what is late from what has not arrived.
func (s *dueScene) schedule(users, each int, over time.Duration) (from time.Time) {
	s.t.Helper()
	began := time.Now()
	for u := range users {
		user := fmt.Sprint("사용자-", u)
		s.users, s.due[user] = append(s.users, user), map[string]time.Time{"i0": {}}
		s.post(u, []map[string]string{{"recipient": user, "id": "i0", "source": "s", "title": "i0"}})
	}
	s.hold(1)
	// A slow machine needs as long again for each of them, and may be slower then.
	from = time.Now().Add(2*time.Second + 2*time.Since(began) + time.Duration(users*each)*time.Millisecond)
	for u, user := range s.users {
		var posts []map[string]string
		for i := 1; i < each; i++ {
			id, at := fmt.Sprint("i", i), from.Add(over*time.Duration(i*users+u)/time.Duration(users*each)).Truncate(time.Millisecond)
			s.due[user][id] = at
			posts = append(posts, map[string]string{"recipient": user, "id": id, "source": "s", "title": id, "deliver_at": at.UTC().Format(time.RFC3339Nano)})
		}
		s.post(u, posts)
	}
	s.hold(each)
	return from
}

func (s *dueScene) post(user int, posts []map[string]string) {
	s.t.Helper()
	body, err := json.Marshal(posts)
	if err != nil {
		s.t.Fatal(err)
	}
	if status := callAPI(s.t, http.MethodPost, s.servers[user%2].URL+"/v1/notifications", "", string(body), nil); status != http.StatusAccepted {
		s.t.Fatalf("POST of %s: %d", s.users[user], status)
	}
}

// hold waits until both servers' rows of all users hold as many items, shown or not.
func (s *dueScene) hold(each int) {
	s.t.Helper()
	for _, user := range s.users {
		for _, server := range s.servers {
			held := map[string]bool{}
			await.Eventually(s.t, programtest.Patience, func() string {
				return fmt.Sprintf("%s has %d of %d", user, len(held), each)
			}, func() bool {
				for _, status := range []string{"scheduled", "all"} { // in this order: what shows meanwhile is in both
					var list dueList
					s.get(s.t.Context(), userURL(server.URL, user, "inbox?limit=100&status="+status), &list)
					for _, i := range list.Items {
						held[i.ID] = true
					}
				}
				return len(held) >= each
			})
		}
	}
}

func (s *dueScene) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wrong) < 20 {
		s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
	}
}

// dueList is what a list answers.
type dueList struct {
	Version uint64
	X       int
	Unread  int
	Items   []struct {
		Seq  uint64
		ID   string
		Read bool
	}
}

// get reads JSON; ok says that the server answered 200.
func (s *dueScene) get(ctx context.Context, url string, out any) (ok bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		s.t.Error(err)
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(out) == nil && response.StatusCode == http.StatusOK
}

// sample lists a user and holds the answer against the clock: what was due before it was
// asked for is there, what is due after it came is not, and the badge is that of the list.
func (s *dueScene) sample(ctx context.Context, user string, server *programtest.Process) {
	var list dueList
	asked := time.Now()
	if !s.get(ctx, userURL(server.URL, user, "inbox?limit=100"), &list) {
		return
	}
	came := time.Now()
	ids, unread := map[string]bool{}, 0
	for _, i := range list.Items {
		ids[i.ID] = true
		if !i.Read {
			unread++
		}
	}
	if unread != list.Unread || len(ids) != len(list.Items) {
		s.fault("%s at version %d, x %d: badge %d, %d unread listed of %d items", user, list.Version, list.X, list.Unread, unread, len(list.Items))
	}
	for id, at := range s.due[user] {
		switch {
		case !ids[id] && at.Before(asked.Truncate(time.Millisecond)):
			s.fault("%s at version %d, x %d: %s was due %v before it was asked for and is not there", user, list.Version, list.X, id, asked.Sub(at))
		case ids[id] && at.After(came):
			s.fault("%s at version %d, x %d: %s is there %v early", user, list.Version, list.X, id, at.Sub(came))
		}
	}
	var badge dueList
	if s.get(ctx, userURL(server.URL, user, "unread"), &badge) {
		s.same(user, badge, badge.Unread)
	}
	s.same(user, list, unread)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples++
}

// same holds that a user has as many at one version and x, on whatever server.
func (s *dueScene) same(user string, at dueList, unread int) {
	key, now := fmt.Sprint(user, " ", at.Version, " ", at.X), strconv.Itoa(unread)
	s.mu.Lock()
	was, ok := s.seen[key]
	s.seen[key] = now
	s.mu.Unlock()
	if ok && was != now {
		s.fault("%s has %s unread, and had %s at the same version and x", key, now, was)
	}
}

// follow streams a user from one server after the other, and returns the ids of the
// items that it was told of, once it has want or ctx ends. It lists at a stream's first
// event as clients do: a stream without a cursor tells what comes after that event.
func (s *dueScene) follow(ctx context.Context, user string, want int) map[string]bool {
	got, cursor := map[string]bool{}, ""
	for n := rand.IntN(2); ctx.Err() == nil && len(got) < want; n++ {
		server := s.servers[n%2].URL
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, userURL(server, user, "stream"), nil)
		if err != nil {
			s.t.Error(err)
			return got
		}
		if cursor != "" {
			request.Header.Set("Last-Event-ID", cursor)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			continue
		}
		lines, event, listed := bufio.NewScanner(response.Body), "", cursor != ""
		for len(got) < want && lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "event":
				event = value
			case "id":
				if !listed {
					var list dueList
					if !s.get(ctx, userURL(server, user, "inbox?limit=100"), &list) {
						break // the cursor stays unset: the next stream lists anew
					}
					for _, i := range list.Items {
						got[i.ID] = true
					}
					listed = true
				}
				cursor = value
			case "data":
				var item struct{ ID string }
				if event == "resync" {
					s.fault("%s has to list again", user)
				}
				if event == "item" && json.Unmarshal([]byte(value), &item) == nil {
					got[item.ID] = true
				}
			}
		}
		_ = response.Body.Close()
	}
	return got
}

// settled tells whether no timer of the processors waits any more.
func (s *dueScene) settled() bool {
	for _, p := range s.processors {
		response, err := http.Get(p.URL + "/metrics")
		if err != nil {
			return false
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || !strings.Contains(string(text), "\nbelfry_timers_pending 0\n") || !strings.Contains(string(text), "\nbelfry_timers_late_seconds 0\n") {
			return false
		}
	}
	return true
}

// run kills processes while the items come due, and samples all the while.
func (s *dueScene) run(users, each int, over time.Duration) {
	from := s.schedule(users, each, over)
	time.Sleep(time.Until(from.Add(-time.Second))) // the clock is what is tested
	ctx, cancel := context.WithDeadline(s.t.Context(), from.Add(over+programtest.Patience))
	defer cancel()
	var following, working sync.WaitGroup
	missed := make([]int, min(len(s.users), 20))
	for i := range missed {
		following.Go(func() { missed[i] = each - len(s.follow(ctx, s.users[i], each)) })
	}
	end := from.Add(over + time.Second)
	working.Go(func() { // one sample in 10 ms
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		var under sync.WaitGroup
		defer under.Wait()
		room := make(chan struct{}, 8)
		for time.Now().Before(end) {
			<-tick.C
			select {
			case room <- struct{}{}:
			default:
				continue // the servers are down, or slow
			}
			user, server := s.users[rand.IntN(len(s.users))], s.servers[rand.IntN(2)]
			under.Go(func() {
				s.sample(ctx, user, server)
				<-room
			})
		}
	})
	kills := 0
	for ; time.Now().Before(end.Add(-2 * time.Second)); kills++ {
		victim := []*programtest.Process{s.processors[0], s.servers[0], s.processors[1], s.servers[1]}[kills%4]
		// For how long each is away, and for how long all are there: the fault itself.
		victim.Kill()
		time.Sleep(300 * time.Millisecond)
		victim.Restart()
		time.Sleep(1200 * time.Millisecond)
	}
	working.Wait()
	following.Wait()
	for i, n := range missed {
		if n > 0 {
			s.fault("the stream of %s missed %d of %d wakes", s.users[i], n, each)
		}
	}
	for _, p := range append(s.processors, s.servers...) {
		p.AwaitReady()
	}
	await.Eventually(s.t, programtest.Patience, func() string { return "timers wait still" }, s.settled)
	for _, user := range s.users {
		for _, server := range s.servers {
			s.sample(s.t.Context(), user, server)
		}
	}
	s.t.Logf("%d due times, %d kills, %d samples", users*each, kills, s.samples)
	if s.samples < len(s.users) {
		s.t.Errorf("only %d samples", s.samples)
	}
	for _, w := range s.wrong {
		s.t.Error(w)
	}
}

// While processors and servers are killed, every item shows at its time on every server
// that answers, its badge is that of its list, and every stream is told of it.
func TestDueTimesThroughKills(t *testing.T) {
	t.Parallel()
	newDueScene(t, kafkatest.Embedded(t)).run(40, 20, 8*time.Second)
}

func TestDueTimesThroughKillsOnKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of due times, and what a slow machine adds")
	}
	t.Parallel()
	newDueScene(t, kafkatest.Start(t, kafkatest.Config{}).Brokers()).run(200, 50, 30*time.Second)
}
