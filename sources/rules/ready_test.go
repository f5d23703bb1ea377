package rules_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/snippets"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

var update = flag.Bool("update", false, "write the golden files of docs/rules again")

const readyRules = "../../docs/rules"

// recorded is an event as a producer wrote it.
type recorded struct {
	Name    string      `yaml:"name"`
	Topic   string      `yaml:"topic"`
	Key     string      `yaml:"key"`
	Headers [][2]string `yaml:"headers"` // in order, repeats too
	Value   *string     `yaml:"value"`   // null: a tombstone
}

// record places an event in its topic; a topic of these tests has one partition.
func (e *recorded) record(offset int64) sources.Record {
	r := sources.Record{
		Topic: e.Topic, TopicID: [16]byte{0xbe, 0x1f}, Offset: offset, Key: []byte(e.Key),
		Timestamp: time.Date(2026, 8, 4, 3, 0, 0, 0, time.UTC).Add(time.Duration(offset) * time.Second),
	}
	for _, h := range e.Headers {
		r.Headers = append(r.Headers, sources.Header{Key: h[0], Value: []byte(h[1])})
	}
	if e.Value != nil {
		r.Value = []byte(*e.Value)
	}
	return r
}

func loadReady(t *testing.T, path string) *rules.Set {
	t.Helper()
	rules, err := rules.Load(path, rules.Options{Decoder: envelope.NewDecoder(envelope.Config{}), Prefix: belfry.DefaultPrefix})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// TestReadyRules routes the recorded events of each file of docs/rules and
// folds what comes out of them. The golden file tells who gets what of each
// event, and what each has in the end.
func TestReadyRules(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(readyRules, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no ready rules: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			rules := loadReady(t, file)
			raw, err := os.ReadFile(filepath.Join(readyRules, "testdata", name+".events.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var events []recorded
			if err := yaml.Unmarshal(raw, &events); err != nil {
				t.Fatal(err)
			}
			got, used := routeAll(t, rules, events)
			for _, source := range rules.Sources() {
				for _, rule := range source.RuleNames() {
					if !used[rule] {
						t.Errorf("no recorded event is for the rule %s", rule)
					}
				}
			}
			golden := filepath.Join(readyRules, "testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s (-update writes it again); got\n%s", golden, got)
			}
		})
	}
}

// routeAll routes the events one after the other and tells what each gave and
// what each recipient has in the end, and which rules made anything.
func routeAll(t *testing.T, set *rules.Set, events []recorded) (told string, used map[string]bool) {
	t.Helper()
	var b strings.Builder
	used = map[string]bool{}
	inboxes := map[string]*folded{}
	for i, e := range events {
		fmt.Fprintf(&b, "# %s\n", e.Name)
		source, ok := set.Source(e.Topic)
		if !ok {
			fmt.Fprintf(&b, "no source\n\n")
			continue
		}
		record := e.record(int64(i))
		if record.Value == nil {
			fmt.Fprintf(&b, "skipped: a tombstone\n\n") // as the router does
			continue
		}
		explanation := source.Explain(record)
		var refused *rules.Error
		switch {
		case errors.As(explanation.Err, &refused):
			fmt.Fprintf(&b, "dead letter: rule %s, field %s\n\n", refused.Rule, refused.Field)
			continue
		case explanation.Err != nil:
			fmt.Fprintf(&b, "dead letter: it cannot be read\n\n")
			continue
		}
		any := false
		for _, event := range explanation.Events {
			for _, o := range event.Outcomes {
				d := o.Delivery
				if len(d.Recipients) == 0 {
					continue
				}
				any, used[o.Rule] = true, true
				fmt.Fprintf(&b, "%s: %s for %s\n%s\n", o.Rule, d.Record.Kind, strings.Join(d.Recipients, ", "), content(t, d.Record))
				for _, r := range d.Recipients {
					if inboxes[r] == nil {
						inboxes[r] = &folded{titles: map[uint64]string{}}
					}
					inboxes[r].fold(d.Record, record.Timestamp)
				}
			}
		}
		if !any {
			b.WriteString("nobody\n")
		}
		b.WriteString("\n")
	}
	b.WriteString("# in the end\n")
	for _, recipient := range slices.Sorted(maps.Keys(inboxes)) {
		fmt.Fprintf(&b, "%s: %s\n", recipient, inboxes[recipient])
	}
	return b.String(), used
}

func content(t *testing.T, r inbox.Record) string {
	t.Helper()
	var v any = &r.Retraction
	if r.Kind == inbox.KindNotify {
		n := r.Notification
		n.Recipient = ""
		v = &n
	} else {
		r.Retraction.Recipient = ""
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// folded is what a recipient has.
type folded struct {
	state  inbox.State
	titles map[uint64]string
	offset int64
}

func (i *folded) fold(r inbox.Record, at time.Time) {
	var effects inbox.Effects
	i.state, effects = inbox.Fold(i.state, r, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: i.offset}, Time: at})
	i.offset++
	if item := effects.Item; item != nil {
		languages := item.Title.Languages() // en before ko; "" of a plain text
		i.titles[item.Seq] = item.Title[languages[0]]
	}
}

func (i *folded) String() string {
	var titles []string
	for _, e := range i.state.Items {
		title := i.titles[e.Seq]
		if e.Count > 1 {
			title += fmt.Sprintf(" (%d)", e.Count)
		}
		titles = append(titles, title)
	}
	return strings.Join(titles, " | ")
}

// All files together are valid: a team may mount the folder as it is.
func TestReadyRulesTogether(t *testing.T) {
	rules := loadReady(t, readyRules)
	for topic, want := range map[string]bool{
		"groupware.board": true, "order-create-event": true, "outbox.event.payment": true,
		"outbox.event.stock": false, "belfry.notifications": false, "unheard-of": false,
	} {
		if _, got := rules.Source(topic); got != want {
			t.Errorf("a source for %s: %t, want %t", topic, got, want)
		}
	}
}

// The recorded events of the outbox are those of the connector that
// docs/outbox.md shows.
func TestOutboxConnector(t *testing.T) {
	blocks, err := snippets.Read("../../docs/outbox.md")
	if err != nil {
		t.Fatal(err)
	}
	var connector struct {
		Config map[string]string `json:"config"`
	}
	if err := json.Unmarshal([]byte(blocks["connector.json"]), &connector); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"transforms.outbox.type":                              "io.debezium.transforms.outbox.EventRouter",
		"transforms.outbox.table.fields.additional.placement": "type:header:eventType",
		"transforms.outbox.table.expand.json.payload":         "true",
		"key.converter":                  "org.apache.kafka.connect.storage.StringConverter",
		"value.converter.schemas.enable": "false",
	} {
		if got := connector.Config[setting]; got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	for _, column := range []string{"id", "aggregatetype", "aggregateid", "type", "payload"} {
		if !strings.Contains(blocks["outbox.sql"], "\n    "+column+" ") {
			t.Errorf("the table has no column %s", column)
		}
	}
}
