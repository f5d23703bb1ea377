package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// demoRun is the demo running in this process.
type demoRun struct {
	t      testing.TB
	url    string
	kafka  string
	stop   context.CancelFunc
	stdout *programtest.Tail
	stderr *programtest.Tail
	exited sync.WaitGroup
	code   int
}

func startDemo(t testing.TB, args ...string) *demoRun {
	t.Helper()
	return startDemoAt(t, append([]string{"--addr", "127.0.0.1:0", "--broker-addr", "127.0.0.1:0"}, args...)...)
}

// startDemoAt is startDemo without addresses.
func startDemoAt(t testing.TB, args ...string) *demoRun {
	t.Helper()
	d := &demoRun{t: t, stdout: &programtest.Tail{}, stderr: &programtest.Tail{}}
	p := testProgram(map[string]string{})
	p.Stdout, p.Stderr = d.stdout, d.stderr
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	args = append([]string{"demo"}, args...)
	d.exited.Go(func() { d.code = p.Run(ctx, args) })
	t.Cleanup(func() { d.end() })
	ready := regexp.MustCompile(`Belfry is ready: (http://[^/\s]+)/\?user=user-7[\s\S]*Kafka is at (\S+);`)
	var found []string
	await.Eventually(t, await.Patience, func() string { return "the demo is not ready: " + d.stdout.String() + d.stderr.String() }, func() bool {
		found = ready.FindStringSubmatch(d.stdout.String())
		return found != nil
	})
	d.url, d.kafka = found[1], found[2]
	return d
}

// end stops the demo as Ctrl-C does and returns its exit code.
func (d *demoRun) end() int {
	d.stop()
	d.exited.Wait()
	return d.code
}

func (d *demoRun) get(path string, out any) {
	d.t.Helper()
	response, err := http.Get(d.url + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		d.t.Fatalf("GET %s: %s %s %v", path, response.Status, body, err)
	}
	if err := json.Unmarshal(body, out); err != nil {
		d.t.Fatalf("GET %s: %v in %s", path, err, body)
	}
}

func (d *demoRun) post(path, body string, want int) {
	d.t.Helper()
	response, err := http.Post(d.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, _ := io.ReadAll(response.Body); response.StatusCode != want {
		d.t.Fatalf("POST %s: %s %s, want %d", path, response.Status, answer, want)
	}
}

type demoBadge struct {
	Version uint64 `json:"version"`
	Unread  int    `json:"unread"`
}

func (d *demoRun) badge(user string) demoBadge {
	d.t.Helper()
	var b demoBadge
	d.get("/v1/users/"+url.PathEscape(user)+"/unread", &b)
	return b
}

func (d *demoRun) awaitUnread(user string, want int) {
	d.t.Helper()
	await.Eventually(d.t, await.Patience, func() string { return fmt.Sprintf("%s has %d unread, want %d", user, d.badge(user).Unread, want) },
		func() bool { return d.badge(user).Unread == want })
}

// titles returns the titles that come over the user's stream, until the demo
// ends or the test.
func (d *demoRun) titles(user string) <-chan string {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/v1/users/"+url.PathEscape(user)+"/stream", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	out := make(chan string, 100)
	var reading sync.WaitGroup
	d.t.Cleanup(func() {
		cancel()
		reading.Wait()
		response.Body.Close()
	})
	lines := bufio.NewScanner(response.Body)
	snapshot := func() bool { return strings.HasPrefix(lines.Text(), "event: unread") }
	for lines.Scan() && !snapshot() {
		continue
	}
	reading.Go(func() {
		for lines.Scan() {
			var item struct {
				Seq   uint64 `json:"seq"`
				Title string `json:"title"`
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(data), &item) == nil && item.Title != "" {
				out <- item.Title
			}
		}
	})
	return out
}

func awaitTitle(t *testing.T, titles <-chan string, want string) {
	t.Helper()
	select {
	case got := <-titles:
		if got != want {
			t.Errorf("the stream has %q, want %q", got, want)
		}
	case <-time.After(await.Patience):
		t.Errorf("the stream has not got %q", want)
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	d := startDemo(t, "--rate", "0")
	for _, user := range []string{"user-7", "사용자-7"} {
		titles := d.titles(user)
		d.post("/v1/notifications", `{"recipient":"`+user+`","title":"by HTTP","id":"1"}`, http.StatusAccepted)
		d.awaitUnread(user, 1)
		awaitTitle(t, titles, "by HTTP")
		if !strings.Contains(d.stdout.String(), `-d '{"up_to":9007199254740991}'`) {
			t.Errorf("it says not how to mark items as read: %s", d.stdout.String())
		}
		d.post("/v1/users/"+url.PathEscape(user)+"/inbox/read", `{"up_to":9007199254740991}`, http.StatusOK)
		d.awaitUnread(user, 0)
		var inbox struct {
			Items []struct {
				Seq   uint64 `json:"seq"`
				Title string `json:"title"`
			} `json:"items"`
		}
		d.get("/v1/users/"+url.PathEscape(user)+"/inbox", &inbox)
		if len(inbox.Items) != 1 || inbox.Items[0].Title != "by HTTP" {
			t.Fatalf("the inbox of %s is %+v", user, inbox)
		}
		d.post("/v1/users/"+url.PathEscape(user)+"/inbox/unread", fmt.Sprintf(`{"seqs":[%d]}`, inbox.Items[0].Seq), http.StatusOK)
		d.awaitUnread(user, 1)
		d.post("/v1/users/"+url.PathEscape(user)+"/inbox/read", fmt.Sprintf(`{"seqs":[%d]}`, inbox.Items[0].Seq), http.StatusOK)
		if got := d.badge(user).Unread; got != 0 {
			t.Errorf("%s has %d unread right after reading", user, got)
		}
		t.Run("kcat", func(t *testing.T) { d.produceWithKcat(t, user, titles) })
		t.Run("kafka-clients", func(t *testing.T) {
			before := d.badge(user).Unread
			record := [2]string{"order-1", `{"recipient":"` + user + `","title":"by Java"}`}
			if err := kafkatest.JavaProduce(t, []string{d.kafka}, "belfry.notifications", [][2]string{record}); err != nil {
				t.Fatal(err)
			}
			d.awaitUnread(user, before+1)
			awaitTitle(t, titles, "by Java")
		})
	}
	if code := d.end(); code != cli.ExitOK {
		t.Errorf("the demo ended with %d: %s", code, d.stderr)
	}
}

func (d *demoRun) produceWithKcat(t *testing.T, user string, titles <-chan string) {
	parts.Need(t, "kcat")
	kcat := exec.CommandContext(t.Context(), "kcat", "-b", d.kafka, "-t", "belfry.notifications", "-P")
	kcat.Stdin = strings.NewReader(`{"recipient":"` + user + `","title":"by kcat"}`)
	if out, err := kcat.CombinedOutput(); err != nil {
		t.Fatalf("kcat: %v %s", err, out)
	}
	d.awaitUnread(user, 1)
	awaitTitle(t, titles, "by kcat")
}

// The first page is never blank, its people read, and no link leads nowhere.
func TestDemoTraffic(t *testing.T) {
	t.Parallel()
	d := startDemo(t, "--rate", "200")
	type item struct {
		Seq  uint64 `json:"seq"`
		Read bool   `json:"read"`
		URL  string `json:"url"`
	}
	list := func(user string) []item {
		var inbox struct {
			Items []item `json:"items"`
		}
		d.get("/v1/users/"+url.PathEscape(user)+"/inbox?limit=100", &inbox)
		return inbox.Items
	}
	printed := regexp.MustCompile(`-d '(\{"seqs":\[(\d+)\]\})'`).FindStringSubmatch(d.stdout.String())
	if printed == nil {
		t.Fatalf("it says not how to mark an item as read: %s", d.stdout.String())
	}
	d.post("/v1/users/user-7/inbox/read", printed[1], http.StatusOK)
	for _, one := range list("user-7") {
		if fmt.Sprint(one.Seq) == printed[2] && !one.Read {
			t.Error("the printed command marks nothing")
		}
	}
	for _, user := range []string{"user-7", "사용자-7", "jiho", "sara", "tomas"} {
		items := list(user)
		if len(items) == 0 {
			t.Fatalf("the page of %s is blank", user)
		}
		for _, one := range items {
			response, err := http.Get(d.url + one.URL)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
				t.Fatalf("%s leads to %s of type %s", one.URL, response.Status, response.Header.Get("Content-Type"))
			}
			break // all are made alike
		}
		highest := d.badge(user).Unread
		await.Eventually(t, await.Patience, func() string {
			return fmt.Sprintf("nothing comes in for %s, or nobody reads it: %d unread at the most", user, highest)
		}, func() bool {
			now := d.badge(user).Unread
			read := now < highest
			highest = max(highest, now)
			return read
		})
	}
	if !strings.Contains(d.stdout.String(), d.url+"/ops") {
		t.Errorf("no word of the page for operators: %s", d.stdout.String())
	}
	if code := d.end(); code != cli.ExitOK {
		t.Errorf("the demo ended with %d: %s", code, d.stderr)
	}
}

// A Kafka engineer has the default ports in use: the demo takes others and says so.
func TestDemoTakesFreePorts(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:8080", "127.0.0.1:9092"} {
		if ln, err := net.Listen("tcp", addr); err == nil {
			t.Cleanup(func() { ln.Close() })
		}
	}
	d := startDemoAt(t, "--rate", "0")
	for _, want := range []string{"127.0.0.1:8080 is in use, so the pages are at " + strings.TrimPrefix(d.url, "http://"), "127.0.0.1:9092 is in use, so the embedded Kafka is at " + d.kafka} {
		if !strings.Contains(d.stdout.String(), want) {
			t.Errorf("got %q, want %q in it", d.stdout.String(), want)
		}
	}
}

// TestDemoKeepsItsData ends and starts the demo on one folder: nothing is lost
// or doubled and versions go on.
func TestDemoKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	last := demoBadge{Version: 1} // an address, which is written once
	for round := 1; round <= 3; round++ {
		d := startDemo(t, "--rate", "0", "--data-dir", dir)
		if got := d.badge("user-7"); got != last {
			t.Fatalf("round %d begins with %+v, want %+v", round, got, last)
		}
		d.post("/v1/notifications", fmt.Sprintf(`{"recipient":"user-7","title":"t","id":"%d"}`, round), http.StatusAccepted)
		d.awaitUnread("user-7", last.Unread+1)
		at := d.badge("user-7").Version
		d.post("/v1/notifications", `{"recipient":"user-7","title":"t","id":"same"}`, http.StatusAccepted)
		await.Eventually(t, await.Patience, func() string { return "the duplicate is not processed" }, func() bool {
			return d.badge("user-7").Version > at
		})
		if last = d.badge("user-7"); last.Unread != round+1 {
			t.Errorf("round %d ends with %d unread, want %d", round, last.Unread, round+1)
		}
		if code := d.end(); code != cli.ExitOK {
			t.Fatalf("round %d ended with %d: %s", round, code, d.stderr)
		}
	}
}

func TestDemoRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"open to all":   {[]string{"--addr", "0.0.0.0:8080"}, "loopback"},
		"negative rate": {[]string{"--rate", "-1"}, "--rate"},
		"no port":       {[]string{"--addr", "localhost"}, "--addr"},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, nil, append([]string{"demo"}, test.args...)...).WantError(t, cli.ExitUsage, test.want)
		})
	}
}

func TestDemoWithoutATemporaryFolder(t *testing.T) {
	file := programtest.WriteFile(t, "file", "")
	t.Setenv("TMPDIR", file)
	call(t, nil, "demo", "--addr", "127.0.0.1:0", "--broker-addr", "127.0.0.1:0").WantFailure(t, "make a folder", file)
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
