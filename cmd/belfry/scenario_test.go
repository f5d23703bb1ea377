package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/internal/scenario"
	"github.com/belfry/belfry/sources/rules"
)

// staged is the scenario on a broker.
type staged struct {
	t       *testing.T
	brokers []string
	rules   string // folder
	plan    scenario.Plan
	nodes   []*served
	users   []string
}

// TestScenario lets three services write 30,000 events, 1 % of them poison, into
// topics of 3, 5 and 12 partitions of a real broker, and two nodes route them by
// rules: everybody has exactly what the plan says, the dead letters are exactly
// the poison, and when the rules are mended a replay brings the rest, once.
func TestScenario(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache Kafka")
	}
	cluster := kafkatest.Start(t, kafkatest.Config{Nodes: 1})
	s := &staged{t: t, brokers: cluster.Brokers(), rules: t.TempDir()}
	makeTopics(t, s.brokers)
	s.plan = scenario.New(6, 30_000, s.makeSources())
	s.users = slices.Sorted(maps.Keys(s.plan.After))
	s.writeRules(scenario.Rules)

	// Half is there before anybody reads it, half comes meanwhile.
	half := len(s.plan.Records) / 2
	s.produce(s.plan.Records[:half])
	s.startNode("run", "--auth", "none", "--addr", "127.0.0.1:0", "--partitions", "3")
	var producing sync.WaitGroup
	producing.Go(func() { s.produce(s.plan.Records[half:]) })
	s.startNode("processor")
	producing.Wait()
	s.verify("by the first rules", s.plan.Before)
	s.verifyLetters(false)

	s.writeRules(scenario.Mended)
	mended, err := rules.Load(s.rules, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range s.nodes {
		await.Eventually(t, programtest.Patience, func() string { return "the rules are not loaded again: " + n.stderr.String() }, func() bool {
			return strings.Contains(n.stderr.String(), "hash="+mended.Hash())
		})
	}
	s.replay()
	s.verify("after a replay", s.plan.After)
	s.verifyLetters(true)
	s.replay("--again")
	s.verify("after another replay", s.plan.After)
	for _, n := range s.nodes {
		n.wantCleanStop()
	}
}

// makeSources creates the services' topics and returns their IDs.
func (s *staged) makeSources() map[string]string {
	s.t.Helper()
	admin := kafkatest.Admin(s.t, s.brokers)
	for topic, partitions := range scenario.Topics() {
		if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil {
			s.t.Fatal(err)
		}
	}
	topics, err := kafka.OpenTopics(kafka.Config{Brokers: s.brokers})
	if err != nil {
		s.t.Fatal(err)
	}
	defer topics.Close()
	ids := map[string]string{}
	await.Eventually(s.t, programtest.Patience, func() string { return "the topics do not appear" }, func() bool {
		infos, err := topics.Info(slices.Collect(maps.Keys(scenario.Topics()))...)
		if err != nil {
			return false
		}
		for topic, info := range infos {
			ids[topic] = hex.EncodeToString(info.ID[:])
		}
		return len(ids) == len(scenario.Topics())
	})
	return ids
}

// writeRules puts files in place as a whole each, as an editor does.
func (s *staged) writeRules(read func() (map[string]string, error)) {
	s.t.Helper()
	texts, err := read()
	if err != nil {
		s.t.Fatal(err)
	}
	for name, text := range texts {
		file := filepath.Join(s.rules, name)
		if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			s.t.Fatal(err)
		}
	}
}

// produce may be called on another goroutine than the test's.
func (s *staged) produce(records []scenario.Record) {
	messages := make([]*sarama.ProducerMessage, len(records))
	for i, r := range records {
		m := &sarama.ProducerMessage{Topic: r.Topic, Partition: r.Partition}
		if r.Key != nil {
			m.Key = sarama.ByteEncoder(r.Key)
		}
		if r.Value != nil {
			m.Value = sarama.ByteEncoder(r.Value)
		}
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
		messages[i] = m
	}
	p, err := sarama.NewSyncProducer(s.brokers, kafkatest.ClientConfig())
	if err != nil {
		s.t.Errorf("connect producer: %v", err)
		return
	}
	defer p.Close()
	if err := p.SendMessages(messages); err != nil {
		s.t.Errorf("produce: %v", err)
		return
	}
	for i, r := range records {
		if messages[i].Offset != r.Offset {
			s.t.Errorf("%+v was written at %d", r.At, messages[i].Offset)
			return
		}
	}
}

func (s *staged) startNode(command string, args ...string) {
	s.t.Helper()
	args = append([]string{command, "--brokers", s.brokers[0], "--rules", s.rules, "--state-dir", s.t.TempDir()}, args...)
	s.nodes = append(s.nodes, serveAll(s.t, args...))
}

// verify waits until everybody's count is what the plan says and then compares
// all items.
func (s *staged) verify(when string, want scenario.Inboxes) {
	s.t.Helper()
	base := s.nodes[0].url
	wrong := ""
	await.Eventually(s.t, await.Patience, func() string { return when + ": " + wrong }, func() bool {
		for users := range slices.Chunk(s.users, 100) {
			var got struct {
				Users []struct {
					User   string
					Unread int
				}
			}
			if status := callAPI(s.t, http.MethodGet, base+"/v1/unread?"+url.Values{"user": users}.Encode(), "", "", &got); status != http.StatusOK {
				wrong = http.StatusText(status)
				return false
			}
			for _, u := range got.Users {
				if u.Unread != len(want[u.User]) {
					wrong = fmt.Sprintf("%s has %d unread, want %d", u.User, u.Unread, len(want[u.User]))
					return false
				}
			}
		}
		return true
	})
	got := scenario.Inboxes{}
	for _, user := range s.users {
		if items := s.list(user); len(items) > 0 {
			got[user] = items
		}
	}
	for _, difference := range want.Differences(got) {
		s.t.Errorf("%s: %s", when, difference)
	}
}

// list returns the items of a user, when all their contents are there.
func (s *staged) list(user string) map[string]bool {
	s.t.Helper()
	var page struct {
		Items []struct {
			ID, Type string
			Pending  bool
		}
		Next uint64
	}
	await.Eventually(s.t, programtest.Patience, func() string { return fmt.Sprintf("contents of %s are pending: %+v", user, page) }, func() bool {
		page.Items = nil
		if callAPI(s.t, http.MethodGet, userURL(s.nodes[0].url, user, "inbox?limit=100"), "", "", &page) != http.StatusOK || page.Next != 0 {
			return false
		}
		for _, item := range page.Items {
			if item.Pending {
				return false
			}
		}
		return true
	})
	items := map[string]bool{}
	for _, item := range page.Items {
		name := scenario.Name(item.Type, item.ID)
		if items[name] {
			s.t.Errorf("%s has %s twice", user, name)
		}
		items[name] = true
	}
	return items
}

// verifyLetters holds the dead letters against the poison: each record once, and
// replayed if it could be.
func (s *staged) verifyLetters(replayed bool) {
	s.t.Helper()
	out := call(s.t, nil, "dead-letters", "list", "--brokers", s.brokers[0], "--limit", "0", "--json")
	out.WantOutput(s.t)
	got := map[scenario.At]bool{}
	for line := range strings.Lines(out.Stdout) {
		var letter struct {
			scenario.At
			Replayed bool
		}
		if err := json.Unmarshal([]byte(line), &letter); err != nil {
			s.t.Fatalf("%v in %s", err, line)
		}
		if _, twice := got[letter.At]; twice {
			s.t.Errorf("%+v is dead twice", letter.At)
		}
		got[letter.At] = letter.Replayed
	}
	for at, mendable := range s.plan.Poison {
		marked, dead := got[at]
		if !dead || marked != (mendable && replayed) {
			s.t.Errorf("%+v (mendable: %t) is a dead letter: %t, replayed: %t", at, mendable, dead, marked)
		}
	}
	if len(got) != len(s.plan.Poison) {
		s.t.Errorf("%d dead letters, want %d", len(got), len(s.plan.Poison))
	}
}

// replay replays all letters; those that no rules take are refused again.
func (s *staged) replay(args ...string) {
	s.t.Helper()
	out := call(s.t, nil, append([]string{"dead-letters", "replay", "--brokers", s.brokers[0], "--rules", s.rules, "--all", "--yes"}, args...)...)
	if out.Code != cli.ExitFailure {
		s.t.Errorf("the replay ended with %d, want %d for what was refused: %s%s", out.Code, cli.ExitFailure, out.Stdout, out.Stderr)
	}
}
