package main

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/mailtest"
	"github.com/belfry/belfry/internal/programtest"
)

// newMailingScene is a scene of mail.
func newMailingScene(t *testing.T, brokers []string, channels string) (*sendScene, *mailtest.Server) {
	t.Helper()
	relay, err := mailtest.NewServer(mailtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	return newSendScene(t, brokers, channels, "--send", "mail", "--smtp-server", relay.Addr, "--smtp-tls", "none", "--mail-from", "Inbox <inbox@example.com>"), relay
}

// mailAddress is where a user of a scene gets mail.
func mailAddress(user string) string { return "a-secret-of-" + user + "@mail.example" }

func withMailAddress(user string) inbox.Addressed {
	return inbox.Addressed{Recipients: []string{user}, Record: inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{
		Kind: inbox.EndpointMail, Target: mailAddress(user), AddedAt: time.Now(),
	}}}
}

// TestMailThroughKills kills the owner of the rows and those who mail while they do: nothing
// is lost, and what comes twice has one Message-ID. BELFRY_TEST_MAILS says how many users
// there are, of whom 500 a second are told, and has more rounds of it.
func TestMailThroughKills(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts four processes")
	}
	t.Parallel()
	users, rounds := numberOf(t, "BELFRY_TEST_MAILS", 200), 1
	if users != 200 {
		rounds = 4
	}
	s, relay := newMailingScene(t, kafkatest.Embedded(t), "channels:\n  mail: {kind: mail, tell: [{if_unread_after: 1s}]}\n")
	user := func(i int) string { return fmt.Sprint("user-", i) }
	var all []inbox.Addressed
	for i := range users {
		all = append(all, withMailAddress(user(i)))
	}
	s.append(all...)
	// ids are the Message-IDs that an address has got a subject under, in the order of mails.
	type told struct{ to, subject string }
	ids, seen := map[told][]string{}, 0
	look := func() {
		for _, m := range relay.Mails()[seen:] {
			seen++
			key := told{m.To, m.Header("Subject")}
			ids[key] = append(ids[key], m.Header("Message-Id"))
		}
	}
	const rate = 500
	kills := 0
	for round := range rounds {
		title := fmt.Sprint("round ", round)
		var writing errgroup.Group
		writing.SetLimit(16)
		before := relay.Taken()
		tick := time.NewTicker(time.Second / rate)
		for i := range users {
			<-tick.C // the load
			writing.Go(func() error {
				_, err := s.journal.Append(t.Context(), inbox.Addressed{Recipients: []string{user(i)}, Record: inbox.Record{
					Kind: inbox.KindNotify, Notification: belfry.Notification{Title: belfry.PlainText(title), ID: title},
				}})
				return err
			})
		}
		tick.Stop()
		if err := writing.Wait(); err != nil {
			t.Fatal(err)
		}
		// Some are told by now: the fault meets what is under way.
		await.Eventually(t, programtest.Patience, func() string { return "nothing is mailed" }, func() bool { return relay.Taken() >= before+users/10 })
		s.kill(round % 2)
		kills += 2
		missing := 0
		await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%s: %d mails are missing", title, missing) }, func() bool {
			look()
			missing = 0
			for i := range users {
				if len(ids[told{mailAddress(user(i)), title}]) == 0 {
					missing++
				}
			}
			return missing == 0
		})
		// Read: the next round's mails are of one item again.
		var read []inbox.Addressed
		for i := range users {
			read = append(read, inbox.Addressed{Recipients: []string{user(i)}, Record: inbox.Record{Kind: inbox.KindRead, UpTo: 1 << 62}})
		}
		s.append(read...)
	}
	look()
	repeats, others := 0, map[string]told{}
	for key, of := range ids {
		for _, id := range of {
			if id == "" || id != of[0] {
				t.Errorf("%s got %s as %q", key.to, key.subject, of)
			}
		}
		if other, taken := others[of[0]]; taken {
			t.Errorf("%+v and %+v have one Message-ID", key, other)
		}
		others[of[0]] = key
		repeats += len(of) - 1
	}
	if len(ids) != users*rounds {
		t.Errorf("%d different mails came, want %d", len(ids), users*rounds)
	}
	t.Logf("%d mails to %d users through %d kills, %d of them repeats", seen, users, kills, repeats)
	// Each kill of a sender repeats what it had under way, 10 at a time, and what it had sent
	// and not committed in 50 ms; the owner's, what it had decided and not committed.
	if most := kills * 6 * 200; repeats > most {
		t.Errorf("%d repeats, want those under way at most, %d", repeats, most)
	}
	s.wantNowhere("a-secret-of-", user(0), `belfry_outbound_decisions_total{channel="mail",result="sent"}`)
}
