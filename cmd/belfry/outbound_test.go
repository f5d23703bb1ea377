package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/internal/snippets"
	"github.com/belfry/belfry/reach/channels"
)

// chat is a chat's webhook, which fails for the first post of each path.
type chat struct {
	*httptest.Server
	mu     sync.Mutex
	posts  []string
	failed map[string]bool
}

func newChat(t *testing.T) *chat {
	c := &chat{failed: map[string]bool{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var post struct{ Channel, Text string }
		if err := json.Unmarshal(body, &post); err != nil {
			t.Errorf("posted %q", body)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.failed[r.URL.Path] {
			c.failed[r.URL.Path] = true
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		c.posts = append(c.posts, r.URL.Path+" "+post.Channel+" "+post.Text)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *chat) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.posts, "\n")
}

// TestDocumentedSenders runs the programs of docs/outbound.md as they stand there: they
// tell of what nobody has looked at, and not of what was seen, and go on with what failed
// when they are started again.
func TestDocumentedSenders(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Python, and builds a program")
	}
	t.Parallel()
	programs, err := snippets.Read(filepath.Join("..", "..", "docs", "outbound.md"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := channels.Parse("docs/outbound.md", programs["channels.yaml"]); err != nil {
		t.Errorf("the channels of the document: %v", err)
	}
	dir := t.TempDir()
	if err := snippets.Write(dir, programs); err != nil {
		t.Fatal(err)
	}
	brokers := kafkatest.Embedded(t)
	file := channelsFile(t, "channels: {chat: {kind: text, tell: [{if_unseen_after: 1s}]}}")
	r := serveAll(t, runArgs(t, brokers, "--auth", "none", "--channels", file)...)
	c := newChat(t)
	run := func(name string, args []string, env ...string) {
		out := &programtest.Tail{}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { // as whoever runs services does
			for ctx.Err() == nil {
				cmd := exec.CommandContext(ctx, args[0], args[1:]...)
				cmd.Dir = dir
				cmd.Env = append(append(os.Environ(), env...), "KAFKA="+brokers[0], "BELFRY="+r.url, "TOKEN=none", "WEBHOOK="+c.URL+"/"+name)
				cmd.Stdout, cmd.Stderr = out, out
				_ = cmd.Run()
			}
		})
		t.Cleanup(func() {
			cancel()
			running.Wait()
			if t.Failed() {
				t.Logf("%s: %s", name, out)
			}
		})
	}
	binary := filepath.Join(dir, "tell", "program")
	programtest.Heavily(t, "go", "build", "-o", binary, filepath.Join(dir, "tell", "main.go"))
	senders := []string{"go"}
	run("go", []string{binary})
	python := ""
	t.Run("Python", func(t *testing.T) { python = kafkatest.PythonPath(t) })
	if python != "" {
		senders = append(senders, "python")
		run("python", []string{"python3", "tell.py"}, "PYTHONPATH="+python, "PYTHONDONTWRITEBYTECODE=1")
	}
	for _, user := range []string{"사용자-1", "seen"} {
		if status := callAPI(t, http.MethodPut, userURL(r.url, user, "addresses/text"), "", `{"address":"@`+user+`"}`, nil); status != http.StatusCreated && status != http.StatusOK {
			t.Fatalf("address: %d", status)
		}
	}
	for i, user := range []string{"seen", "사용자-1"} {
		body := fmt.Sprintf(`{"recipient":%q,"id":"a%d","source":"s","title":"Order shipped"}`, user, i)
		if status := callAPI(t, http.MethodPost, r.url+"/v1/notifications", "", body, nil); status != http.StatusAccepted {
			t.Fatalf("notify: %d", status)
		}
		if user == "seen" {
			b := awaitBadge(t, r.url, "", user, hasUnread(1))
			if status := callAPI(t, http.MethodPost, userURL(r.url, user, "inbox/seen"), "", fmt.Sprintf(`{"up_to":%d}`, b.Version), nil); status != http.StatusOK {
				t.Fatalf("seen: %d", status)
			}
		}
	}
	for _, name := range senders {
		want := "/" + name + " @사용자-1 Order shipped (1 new)"
		await.Eventually(t, await.Patience, func() string { return "want " + want + ", got " + c.said() }, func() bool {
			return strings.Contains(c.said(), want)
		})
	}
	if strings.Contains(c.said(), "@seen") {
		t.Errorf("who has seen it is told: %s", c.said())
	}
}
