package processors_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/reach"
)

// afterA is a policy with one channel of kind text, which tells of all that is unseen for
// so long.
func afterA(d time.Duration, name string) *reach.Policy {
	return &reach.Policy{Channels: []reach.Channel{{Name: name, Kind: inbox.EndpointText, Tell: []reach.Rule{{After: d}}}}}
}

// appended appends a record for a user and returns the version that it has.
func (p *path) appended(t *testing.T, user string, r inbox.Record) uint64 {
	t.Helper()
	at, err := p.journal.Append(t.Context(), inbox.Addressed{Recipients: []string{user}, Record: r})
	if err != nil {
		t.Error(err)
		return 0
	}
	return uint64(at[0].Offset) + 1
}

// reachable adds an endpoint of kind text.
func (p *path) reachable(t *testing.T, user string) {
	t.Helper()
	p.appended(t, user, inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: inbox.EndpointText, Target: "room-of-" + user}})
}

func notify(id string) inbox.Record {
	return inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{Source: "s", ID: id, Title: belfry.PlainText(id), Time: time.Now()}}
}

// outbound returns all records of the outbound topic, by recipient, in their order.
func (p *path) outbound(t *testing.T) map[string][]inbox.Outbound {
	t.Helper()
	out := map[string][]inbox.Outbound{}
	for n := range int32(partitions) {
		err := table.Scan(t.Context(), p.cfg, prefix.Outbound(), n, func(m *sarama.ConsumerMessage) error {
			o, err := codec.DecodeOutbound(m.Value)
			out[string(m.Key)] = append(out[string(m.Key)], o)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// decisions are those of a user, each once: a repeat is the same one.
func decisions(all []inbox.Outbound) []uint64 {
	var out []uint64
	for _, o := range all {
		if len(out) == 0 || out[len(out)-1] != o.Decision {
			out = append(out, o.Decision)
		}
	}
	return out
}

func (p *path) awaitOutbound(t *testing.T, what string, done func(map[string][]inbox.Outbound) bool) (all map[string][]inbox.Outbound) {
	t.Helper()
	await.Eventually(t, await.Patience, func() string { return fmt.Sprintf("%s: %v; tells %+v", what, all, p.timers.TellStats()) }, func() bool {
		all = p.outbound(t)
		return done(all)
	})
	return all
}

// From an event to the outbound topic: at its time, once, and not what was seen before.
// Channels that change, with the process or under it, count from then on.
func TestTellsOfWhatIsUnseen(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	p := startBy(t, cfg, afterA(time.Second, "chat"))
	for _, user := range []string{"kim", "lee", "han"} {
		p.reachable(t, user)
		p.appended(t, user, notify("first"))
	}
	p.appended(t, "nobody", notify("first"))
	p.appended(t, "lee", inbox.Record{Kind: inbox.KindSeen, UpTo: 1 << 60})
	p.appended(t, "han", inbox.Record{Kind: inbox.KindPrefs, Prefs: []byte(`{"channels":{"chat":{"on":false}}}`)})
	p.appended(t, "kim", notify("second")) // within the same delay: one decision has both, or each its own
	all := p.awaitOutbound(t, "kim is told", func(all map[string][]inbox.Outbound) bool {
		row, err := p.unread.Row("kim")
		if err != nil || row.Reach == nil || len(row.Items) < 2 {
			return false
		}
		for i := range row.Items {
			// The row is written first, and the topic after it.
			item := row.Reach.Item(row.Items[i].Seq)
			if !slices.Contains(decisions(all["kim"]), item.By("chat")) {
				return false
			}
		}
		return true
	})
	o := all["kim"][0]
	row, err := p.unread.Row("kim")
	if err != nil || o.Channel != "chat" || o.Kind != inbox.EndpointText || o.Attempt != 0 || o.Decision > row.Version || time.Until(time.UnixMilli(o.GoodUntil)) < 50*time.Minute {
		t.Errorf("got %+v, row at %d, %v", o, row.Version, err)
	}
	if left := reach.Left(&row, "chat", inbox.EndpointText, o.Decision, time.Now()); len(left) == 0 {
		t.Errorf("the row has nothing that decision %d tells of", o.Decision)
	}
	if n := p.counter(t, "belfry_outbound_dispatched_total", "chat"); int(n) != len(decisions(all["kim"])) {
		t.Errorf("counted %v dispatched, got %v", n, all["kim"])
	}

	// Another policy, in the running process: what is older is told on the new channel too.
	p.policy.Store(afterA(0, "pager"))
	p.timers.Renew()
	p.appended(t, "lee", notify("third"))
	all = p.awaitOutbound(t, "kim and lee are told on the pager", func(all map[string][]inbox.Outbound) bool {
		return len(all["lee"]) > 0 && all["kim"][len(all["kim"])-1].Channel == "pager"
	})
	if len(all["nobody"]) > 0 || len(decisions(all["lee"])) != 1 || all["lee"][0].Channel != "pager" {
		t.Errorf("got %v", all)
	}
	// And with the process: the index is of another policy.
	p.policy.Store(afterA(24*time.Hour, "slow"))
	p.timers.Renew()
	p.appended(t, "han", notify("fourth"))
	awaitDone(t, cfg)
	p.stop()
	p = startBy(t, cfg, afterA(0, "slow"))
	all = p.awaitOutbound(t, "all are told on the slow one", func(all map[string][]inbox.Outbound) bool {
		for _, user := range []string{"kim", "lee", "han"} {
			if got := all[user]; len(got) == 0 || got[len(got)-1].Channel != "slow" {
				return false
			}
		}
		return true
	})
	if len(all["nobody"]) > 0 {
		t.Errorf("got %v", all["nobody"])
	}
}

// A process that is killed after a row was written, and before its decision was, leaves the
// row as it is and the journal uncommitted: who reads the record again writes the decision,
// the same one, though the row has it already.
func TestDecisionIsWrittenOnceTheRowHasIt(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	p := startBy(t, cfg, afterA(0, "chat"))
	p.reachable(t, "kim")
	seq := p.appended(t, "kim", notify("first"))
	all := p.awaitOutbound(t, "kim is told", func(all map[string][]inbox.Outbound) bool { return len(all["kim"]) == 1 })
	first := all["kim"][0]
	p.appended(t, "kim", inbox.Record{Kind: inbox.KindSeen, Seqs: []uint64{seq}}) // its owner is not the judge of that
	awaitDone(t, cfg)
	p.stop()
	rewind(t, cfg, prefix.UnreadGroup(), prefix.Journal())
	p = startBy(t, cfg, afterA(0, "chat"))
	p.awaitOutbound(t, "the decision is written again", func(all map[string][]inbox.Outbound) bool { return len(all["kim"]) > 1 })
	awaitDone(t, cfg)
	if all := p.outbound(t); len(all["kim"]) != 2 || all["kim"][1] != first {
		t.Errorf("got %+v, want %+v once more", all["kim"], first)
	}
	if n := p.counter(t, "belfry_outbound_repeated_total", "chat"); n != 1 {
		t.Errorf("%v are counted as repeated", n)
	}
}

// An item that is seen in the log before the decision is not told, whatever the race. The long
// form has BELFRY_TEST_RACES=10000.
func TestSeenRacesTheDueTime(t *testing.T) {
	t.Parallel()
	users := 200
	if n, err := strconv.Atoi(os.Getenv("BELFRY_TEST_RACES")); err == nil {
		users = n
	}
	cfg := installed(t)
	const delay = 2 * time.Second
	p := startBy(t, cfg, afterA(delay, "chat"))
	seen := make([]uint64, users) // the version of the record; 0: none
	name := func(i int) string { return fmt.Sprint("u", i) }
	var racing sync.WaitGroup
	turn := make(chan struct{}, 64) // that many append at once
	for i := range users {
		turn <- struct{}{}
		racing.Go(func() {
			p.reachable(t, name(i))
			p.appended(t, name(i), notify("a"))
			due := time.Now().Add(delay)
			<-turn
			if i%10 == 0 {
				return // never seen
			}
			select {
			case <-time.After(time.Until(due) + time.Duration(rand.N(200)-100)*time.Millisecond):
			case <-t.Context().Done():
				return
			}
			seen[i] = p.appended(t, name(i), inbox.Record{Kind: inbox.KindSeen, UpTo: 1 << 60})
		})
	}
	racing.Wait()
	all := p.awaitOutbound(t, "who has seen nothing is told", func(all map[string][]inbox.Outbound) bool {
		for i := range users {
			row, err := p.unread.Row(name(i))
			if err != nil || row.Version < seen[i] || seen[i] == 0 && len(all[name(i)]) == 0 {
				return false
			}
		}
		return true
	})
	told := 0
	for i := range users {
		for _, decision := range decisions(all[name(i)]) {
			told++
			if seen[i] != 0 && seen[i] < decision {
				t.Errorf("%s saw it at version %d, and decision %d told of it all the same", name(i), seen[i], decision)
			}
		}
		if n := len(decisions(all[name(i)])); n > 1 {
			t.Errorf("%s is told by %d decisions", name(i), n)
		}
	}
	t.Logf("%d users, %d told", users, told)
	if told == users {
		t.Error("no race was won by who looked: the test shows nothing")
	}
}
