package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// sendScene is an owner of rows and two servers that send, as processes.
type sendScene struct {
	t        *testing.T
	journal  *emitters.Journal
	owner    *programtest.Process
	servers  []*programtest.Process
	brokers  string
	channels string // the file
}

// newSendScene starts one whose servers have those flags.
func newSendScene(t *testing.T, brokers []string, channels string, flags ...string) *sendScene {
	t.Helper()
	binary, dir := buildBinary(t), t.TempDir()
	s := &sendScene{t: t, brokers: strings.Join(brokers, ","), channels: channelsFile(t, channels)}
	programtest.Run(t, binary, "topics", "--brokers", s.brokers, "--partitions", "6")
	secret := programtest.WriteFile(t, "link.secret", programtest.Secret)
	metrics := parts.FreeAddr(t)
	s.owner = programtest.Start(t, "owner", binary, "processor", "--brokers", s.brokers, "--channels", s.channels, "--state-dir", filepath.Join(dir, "owner"), "--metrics-addr", metrics)
	s.owner.URL = "http://" + metrics
	for i := range 2 {
		addr, name := parts.FreeAddr(t), fmt.Sprint("server-", i)
		p := programtest.Start(t, name, binary, append([]string{"server", "--brokers", s.brokers, "--auth", "none", "--channels", s.channels, "--state-dir", filepath.Join(dir, name), "--addr", addr,
			"--link-secret-file", secret}, flags...)...)
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

func (s *sendScene) append(records ...inbox.Addressed) {
	s.t.Helper()
	if _, err := s.journal.Append(s.t.Context(), records...); err != nil {
		s.t.Fatal(err)
	}
}

// kill ends a server and the owner, each at once, and starts it again.
func (s *sendScene) kill(server int) {
	s.t.Helper()
	for _, victim := range []*programtest.Process{s.servers[server], s.owner} {
		victim.Kill()
		victim.Restart()
	}
}

// wantNowhere looks for a secret, of what a user's endpoint is known by, in all that is
// shown of the user and of the processes. Their metrics are to have a text.
func (s *sendScene) wantNowhere(secret, user, metric string) {
	s.t.Helper()
	texts := map[string]string{
		"inspect":           programtest.Run(s.t, buildBinary(s.t), "inspect", user, "--brokers", s.brokers),
		"inspect --journal": programtest.Run(s.t, buildBinary(s.t), "inspect", user, "--journal", "--brokers", s.brokers),
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
	found := false
	for name, text := range texts {
		if strings.Contains(text, secret) {
			s.t.Errorf("%s shows an endpoint", name)
		}
		found = found || strings.Contains(text, metric)
	}
	if !found {
		s.t.Errorf("no server's metrics have %s", metric)
	}
}

// numberOf is the number in an environment variable, and so many without one.
func numberOf(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
