package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/child"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// TestMailRate is what a server that has one core mails of decisions that wait for it, and
// what that takes of the processor, its tables among it: docs/bench/mail.txt has it.
// BELFRY_TEST_MAILS says how many users there are.
func TestMailRate(t *testing.T) {
	parts.Need(t, "lab")
	users := numberOf(t, "BELFRY_TEST_MAILS", 500)
	t.Setenv("GOMAXPROCS", "1") // of the processes; that of the test has started
	s, relay := newMailingScene(t, kafkatest.Embedded(t), "channels:\n  mail: {kind: mail, tell: [{if_unread_after: 0s}]}\n")
	relay.CountOnly()
	for _, p := range s.servers {
		p.Kill()
	}
	var records []inbox.Addressed
	for i := range users {
		user := fmt.Sprint("user-", i)
		records = append(records, withMailAddress(user), inbox.Addressed{Recipients: []string{user}, Record: inbox.Record{
			Kind: inbox.KindNotify, Notification: belfry.Notification{Title: belfry.PlainText("Travel to Busan"), Body: belfry.PlainText("Three days. Please decide by Friday."), ID: "x"},
		}})
	}
	s.append(records...)
	decided := 0
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%d of %d are decided", decided, users) }, func() bool {
		decided = s.counted(s.owner, `belfry_outbound_dispatched_total\{channel="mail"\} (\S+)`)
		return decided >= users
	})
	server := s.servers[0]
	server.Restart()
	process, _ := server.Current()
	type sample struct {
		mails int
		at    time.Time
		cpu   time.Duration
	}
	reach := func(n int) sample {
		t.Helper()
		await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%d of %d mails came", relay.Taken(), n) }, func() bool { return relay.Taken() >= n })
		now, err := child.FootprintOf(process.Process.Pid)
		if err != nil {
			t.Skip(err) // elsewhere than on Linux
		}
		return sample{relay.Taken(), time.Now(), now.CPU}
	}
	first, last := reach(users/10), reach(users)
	mails, took, cpu := last.mails-first.mails, last.at.Sub(first.at), last.cpu-first.cpu
	if mails < users/2 {
		t.Fatalf("%d mails came before they could be counted", first.mails)
	}
	t.Logf("%d mails in %.2f s, %.0f/s; %.2f s of processor time, %.0f mails in each", mails, took.Seconds(), float64(mails)/took.Seconds(), cpu.Seconds(), float64(mails)/cpu.Seconds())
	if last.mails != users {
		t.Errorf("%d mails came to %d users", last.mails, users)
	}
}

// counted is a number in the metrics of a process, 0 if it is not there.
func (s *sendScene) counted(p *programtest.Process, line string) int {
	s.t.Helper()
	response, err := http.Get(p.URL + "/metrics")
	if err != nil {
		return 0
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(line).FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return int(n)
}
