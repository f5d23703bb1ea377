package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/cmd/belfry/rules"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

const orderRules = `sources:
  - topic: orders
    rules:
      - name: received
        when: event.type == "CREATED"
        recipients: event.to
        exclude: event.?actor
        title: {en: "Order ${event.no}", ko: "주문 ${event.no}"}
      - name: withdrawn
        when: event.type == "DELETED"
        recipients: event.to
        retract: {collapse_key: "order:${event.no}"}
`

func rulesFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRulesCheck(t *testing.T) {
	t.Parallel()
	good := rulesFile(t, orderRules)
	r := call(t, nil, "rules", "check", good)
	r.WantOutput(t, "orders", "latest", "UTC", "received, withdrawn", "1 source and 2 rules are right\n")
	r = call(t, nil, "rules", "check", good, "--json", "--timezone", "Asia/Seoul")
	var report rules.Report
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil || r.Code != cli.ExitOK || !report.Valid || len(report.Hash) != 32 ||
		report.Sources[0].Timezone != "Asia/Seoul" || !slices.Equal(report.Sources[0].Rules, []string{"received", "withdrawn"}) {
		t.Errorf("got %+v of %+v, %v", report, r, err)
	}
}

func TestRulesCheckOfWrongRules(t *testing.T) {
	t.Parallel()
	bad := rulesFile(t, strings.NewReplacer("when: event.type == \"CREATED\"", "when: topic", "exclude:", "exlude:", "topic: orders", "topic: acme.items").Replace(orderRules))
	r := call(t, nil, "rules", "check", bad, "--prefix", "acme")
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	if r.Code != cli.ExitFailure || len(lines) != 3 || !strings.HasPrefix(lines[0], bad+":2:12: sources[0].topic: ") ||
		!strings.HasPrefix(lines[1], bad+":5:15: sources[0].rules[received].when: type error") ||
		!strings.HasPrefix(lines[2], bad+":7:9: sources[0].rules[received].exlude: unknown field; the nearest known one is \"exclude\"") ||
		r.Stderr != "belfry: "+bad+": 3 problems in the rules\n" {
		t.Errorf("got %+v", r)
	}
	r = call(t, nil, "rules", "check", bad, "--json", "--prefix", "acme")
	var report rules.Report
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil || r.Code != cli.ExitFailure || report.Valid || len(report.Problems) != 3 || report.Problems[1].Line != 5 {
		t.Errorf("got %+v of %+v, %v", report, r, err)
	}
}

func TestRulesMistakes(t *testing.T) {
	t.Parallel()
	good := rulesFile(t, orderRules)
	const brokers = "127.0.0.1:1"
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"check"}, "name one file or folder"},
		{[]string{"check", good + ".not"}, "no such file"},
		{[]string{"check", good, "--timezone", "Seoul"}, "--timezone: must be a time zone by its IANA name"},
		{[]string{"check", good, "--prefix", "-"}, "--prefix"},
		{[]string{"dry-run", "--brokers", brokers, "--topic", "orders"}, "--rules: required"},
		{[]string{"dry-run", "--brokers", brokers, "--rules", good}, "--topic: required"},
		{[]string{"dry-run", "--brokers", brokers, "--rules", good, "--topic", "payments"}, `--topic: no source of the rules is for "payments", only for orders`},
		{[]string{"dry-run", "--brokers", brokers, "--rules", good, "--topic", "orders", "--last", "0"}, "--last: must be 1 to 10000"},
		{[]string{"dry-run", "--brokers", brokers, "--rules", good, "--topic", "orders", "--schema-registry", "here"}, "--schema-registry: must be an http(s) URL"},
		{[]string{"dry-run", "--brokers", brokers, "--rules", good, "--topic", "orders", "--schema-registry", "http://u:p@here"}, "--schema-registry: must hold no user"},
		{[]string{"dry-run", "--brokers", brokers, "--rules", good, "--topic", "orders", "--schema-registry", "http://here,there"}, "--schema-registry: must be an http(s) URL"},
		{[]string{"dry-run", "--brokers", brokers, "--rules", good, "--topic", "orders", "--schema-registry-user", "u"}, "needs --schema-registry as well"},
		{[]string{"dry-run", "--brokers", brokers, "--rules", good, "--topic", "orders", "--schema-registry", "http://here", "--schema-registry-user", "u"}, "needs --schema-registry-password-file"},
		{[]string{"dry-run", "--brokers", brokers, "--rules", good, "--topic", "orders", "--schema-registry", "http://here", "--schema-registry-password-file", good}, "needs --schema-registry-user"},
		{[]string{"explain", "--brokers", brokers, "--rules", good, "--topic", "orders"}, "--offset: required"},
		{[]string{"explain", "--rules", good, "--topic", "orders", "--offset", "1"}, "--brokers: required"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			r := call(t, nil, append([]string{"rules"}, tt.args...)...)
			if r.Code != cli.ExitUsage || !strings.Contains(r.Stderr, tt.says) || r.Stdout != "" {
				t.Errorf("got %+v, want %q", r, tt.says)
			}
		})
	}
}

// produceOrders writes records to partition 0 and 1 of "orders" in turn, a
// second apart.
func produceOrders(t *testing.T, brokers []string, values ...string) {
	t.Helper()
	if err := kafkatest.Admin(t, brokers).CreateTopic("orders", &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	p, err := sarama.NewSyncProducer(brokers, config)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i, value := range values {
		m := &sarama.ProducerMessage{
			Topic: "orders", Partition: int32(i % 2), Key: sarama.StringEncoder("c-1"),
			Headers:   []sarama.RecordHeader{{Key: []byte("h"), Value: []byte("e\x1b1")}},
			Timestamp: time.Date(2026, 1, 31, 9, 0, i, 0, time.UTC),
		}
		if value != "" {
			m.Value = sarama.StringEncoder(value)
		}
		if _, _, err := p.SendMessage(m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRulesOnRecords(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	produceOrders(t, brokers,
		`{"type":"OLD"}`,
		`{"type":"CREATED","no":7.50,"to":["a","b"],"actor":"b","text":"\u001b[2J"}`,
		`{"type":"DELETED","no":7,"to":"a"}`,
		`{"type":`,
		`{"type":"CREATED","to":"a"}`,
		``,
		`{"schema":null,"payload":null}`,
	)
	base := []string{"--rules", rulesFile(t, orderRules), "--topic", "orders", "--brokers", brokers[0]}
	dry := func(more ...string) programtest.Result {
		return call(t, nil, slices.Concat([]string{"rules", "dry-run"}, base, more)...)
	}

	r := dry("--last", "6")
	r.WantOutput(t, "orders/1 offset 0, 2026-01-31T09:00:01Z, key c-1\n",
		`received: for a (without b): {"en":"Order 7.50","ko":"주문 7.50"}`, "withdrawn: nothing: when is false",
		`withdrawn: retracts for a: {"collapse_key":"order:7"`, `dead letter, nothing of it is delivered: `,
		`rule received: title.en: there is no field "no"`, "tombstone", "6 records: 2 messages for 2 recipients, 2 dead letters\n")
	if strings.Contains(r.Stdout, "OLD") || strings.Contains(r.Stdout, "\x1b") {
		t.Errorf("printed %q", r.Stdout)
	}
	if at := strings.Index(r.Stdout, "orders/0 offset 1"); at < strings.Index(r.Stdout, "orders/1 offset 0") || at > strings.Index(r.Stdout, "orders/1 offset 1") {
		t.Errorf("not in the order of time: %s", r.Stdout)
	}

	r = dry("--last", "100", "--json")
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	var reports []rules.RecordReport
	for _, line := range lines {
		var report rules.RecordReport
		if err := json.Unmarshal([]byte(line), &report); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		reports = append(reports, report)
	}
	if len(reports) != 7 || reports[1].Events[0].Rules[0].Notification.Title["en"] != "Order 7.50" || reports[3].Error == "" || reports[5].Nothing == "" || reports[6].Nothing == "" {
		t.Errorf("got %+v", reports)
	}

	if strings.Contains(r.Stdout+r.Stderr, "note: ") {
		t.Errorf("a source that begins at the end is no backfill: %s", r.Stderr)
	}
	note := "note: from: 7d begins in the past. The 2 partitions are read beside each other"
	back := rulesFile(t, `sources:
  - topic: orders
    from: 7d
    rules:
      - {name: each-of-them, each: event.to, recipients: "[item, 'x/y']", title: x, url: "${event.type}:x"}
`)
	over := call(t, nil, "rules", "dry-run", "--rules", back, "--topic", "orders", "--brokers", brokers[0], "--last", "7")
	over.WantOutput(t, note, `each-of-them, item 0: for a: "x" (id `, `each-of-them, item 1: for b: "x" (id `, "      without url: must be an http(s) URL",
		`      dead letter about a recipient: rule each-of-them: recipients: recipient 2, "x/y"`)
	over = call(t, nil, "rules", "dry-run", "--rules", back, "--topic", "orders", "--brokers", brokers[0], "--json")
	if !strings.Contains(over.Stderr, note) || strings.Contains(over.Stdout, note) || !strings.Contains(over.Stdout, `"item":1`) || !strings.Contains(over.Stdout, `"omitted":[{"field":"url","cause":"unreadable"`) {
		t.Errorf("got %+v", over)
	}

	groups, err := kafkatest.Admin(t, brokers).ListConsumerGroups()
	if err != nil || len(groups) != 0 {
		t.Errorf("groups %v, %v, want none", groups, err)
	}

	explain := func(more ...string) programtest.Result {
		return call(t, nil, slices.Concat([]string{"rules", "explain"}, base, more)...)
	}
	explain("--partition", "1", "--offset", "0").WantOutput(t, "header h: e 1\n", "event 0\n",
		`when = true  <- event.type == "CREATED"`, `exclude = "b"  <- event.?actor`, `title.ko = "주문 7.50"  <- 주문 ${event.no}`,
		`retract.collapse_key = "order:7.50"  <- order:${event.no}`)
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"--partition", "2", "--offset", "0"}, "orders has the partitions 0 to 1, not 2"},
		{[]string{"--offset", "9"}, "orders/0 has the offsets 0 to 3, not 9"},
	} {
		if r := explain(tt.args...); r.Code != cli.ExitFailure || !strings.Contains(r.Stderr, tt.says) {
			t.Errorf("%v: got %+v, want %q", tt.args, r, tt.says)
		}
	}
	other := call(t, nil, "rules", "dry-run", "--rules", rulesFile(t, strings.Replace(orderRules, "topic: orders", "topic: nowhere", 1)), "--topic", "nowhere", "--brokers", brokers[0])
	if other.Code != cli.ExitFailure || !strings.Contains(other.Stderr, `--topic: the brokers have no topic "nowhere"`) {
		t.Errorf("got %+v", other)
	}
}
