package scenario_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/scenario"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

func load(t *testing.T, files func() (map[string]string, error)) *rules.Set {
	t.Helper()
	texts, err := files()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := rules.Load(dir, rules.Options{Decoder: envelope.NewDecoder(envelope.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// installation folds what rules make of records, as an installation does with
// one partition for everything.
type installation struct {
	states map[string]inbox.State
	names  map[string]map[uint64]string // by recipient and seq
	offset int64
}

// route returns an error for a record that is set aside.
func (in *installation) route(t *testing.T, rules *rules.Set, r scenario.Record, replay bool) error {
	t.Helper()
	if r.Value == nil {
		return nil
	}
	source, ok := rules.Source(r.Topic)
	if !ok {
		t.Fatalf("no source for %s", r.Topic)
	}
	record := sources.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: time.Date(2026, 8, 4, 12, 0, 0, 0, time.UTC), Key: r.Key, Value: r.Value, Headers: r.Headers}
	raw, err := hex.DecodeString(topicIDs()[r.Topic])
	if err != nil {
		t.Fatal(err)
	}
	copy(record.TopicID[:], raw)
	deliveries, err := source.Route(record)
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		if replay {
			d.Record.Origin = inbox.Origin{}
		}
		for _, recipient := range d.Recipients {
			s, effects := inbox.Fold(in.states[recipient], d.Record, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: in.offset}, Time: record.Timestamp})
			in.offset++
			in.states[recipient] = s
			if item := effects.Item; item != nil {
				if in.names[recipient] == nil {
					in.names[recipient] = map[uint64]string{}
				}
				in.names[recipient][item.Seq] = scenario.Name(item.Type, item.ID)
			}
		}
	}
	return nil
}

func (in *installation) inboxes() scenario.Inboxes {
	out := scenario.Inboxes{}
	for recipient, s := range in.states {
		for _, e := range s.Items {
			if out[recipient] == nil {
				out[recipient] = map[string]bool{}
			}
			out[recipient][in.names[recipient][e.Seq]] = true
		}
	}
	return out
}

// The plan says by itself what the real rules and the real fold give, so that
// what differs on a broker is due to what lies between them.
func TestRulesDoWhatThePlanSays(t *testing.T) {
	t.Parallel()
	// The stand-ins for topic IDs are as long as such an ID in hexadecimal.
	ids := map[string]string{}
	for topic, id := range topicIDs() {
		ids[topic] = id + "000000000000000000000000000000"
	}
	p := scenario.New(3, 4000, ids)
	rules, mended := load(t, scenario.Rules), load(t, scenario.Mended)
	in := &installation{states: map[string]inbox.State{}, names: map[string]map[uint64]string{}}
	var letters []scenario.Record
	for _, r := range p.Records {
		err := in.route(t, rules, r, false)
		if _, poison := p.Poison[r.At]; poison != (err != nil) {
			t.Fatalf("%+v %q is poison: %t, but got %v", r.At, r.Value, poison, err)
		}
		if err != nil {
			letters = append(letters, r)
		}
	}
	if wrong := p.Before.Differences(in.inboxes()); len(wrong) > 0 {
		t.Errorf("by the first rules: %q", wrong)
	}
	for range 2 {
		// In another order than they came.
		slices.Reverse(letters)
		for _, r := range letters {
			if err := in.route(t, mended, r, true); (err == nil) != p.Poison[r.At] {
				t.Fatalf("%+v %q is mendable: %t, but got %v", r.At, r.Value, p.Poison[r.At], err)
			}
		}
		if wrong := p.After.Differences(in.inboxes()); len(wrong) > 0 {
			t.Errorf("by the mended rules: %q", wrong)
		}
	}
}
