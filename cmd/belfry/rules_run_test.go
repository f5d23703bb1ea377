package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

func createTopic(t *testing.T, brokers []string, name string, partitions int32) {
	t.Helper()
	if err := kafkatest.Admin(t, brokers).CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
}

func sendTo(t *testing.T, brokers []string, topic, value string) {
	t.Helper()
	kafkatest.Produce(t, brokers, &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)})
}

// From a topic of others to the badge, and from one set of rules to the next.
func TestRunWithRules(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	createTopic(t, brokers, "orders", 5)
	sendTo(t, brokers, "orders", `{"to":"user-7","title":"old news"}`)
	createTopic(t, brokers, "archive", 1)
	sendTo(t, brokers, "archive", `{"to":"user-9","title":"of last year"}`)
	silent := strings.Replace(strings.TrimPrefix(ruleOf("archive"), "sources:\n"), "    rules:", "    from: earliest\n    silent: true\n    rules:", 1)
	rules := programtest.WriteFile(t, "rules.yaml", ruleOf("orders")+"  - topic: later\n    rules: [{name: rule-of-later, recipients: event.to, title: '${event.title}'}]\n"+silent)
	r := serveAll(t, runArgs(t, brokers, "--auth", "none", "--rules", rules, "--metrics-addr", "127.0.0.1:0")...)
	var ready string
	if status := callAPI(t, http.MethodGet, r.metrics+"/readyz", "", "", &ready); status != http.StatusOK ||
		!strings.Contains(ready, "belfry-router-orders") || !strings.Contains(ready, "belfry-router-later") || !strings.Contains(ready, "does not exist") {
		t.Errorf("ready: %d %s", status, ready)
	}
	sendTo(t, brokers, "orders", `{"to":"user-7","title":"an order"}`)
	awaitBadge(t, r.url, "", "user-7", hasUnread(1))
	var list struct {
		Items []struct{ Read, Seen bool } `json:"items"`
	}
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("user-9 has %+v", list) }, func() bool {
		return callAPI(t, http.MethodGet, userURL(r.url, "user-9", "inbox"), "", "", &list) == http.StatusOK && len(list.Items) == 1
	})
	if !list.Items[0].Read || !list.Items[0].Seen {
		t.Errorf("what is filled in from the past is %+v", list.Items[0])
	}
	createTopic(t, brokers, "later", 2)
	sendTo(t, brokers, "later", `{"to":"user-7","title":"the first of its topic"}`)
	awaitBadge(t, r.url, "", "user-7", hasUnread(2))
	wantMetrics(t, r.metrics+"/metrics", `belfry_rule_matches_total{rule="rule-of-orders"} 1`, "belfry_rules_loaded_info{hash=",
		"belfry_rules_last_reload_successful 1", "belfry_rules_last_reload_success_timestamp_seconds",
		`belfry_processor_running{processor="processor belfry-router-orders"} 1`, `belfry_processor_running{processor="processor belfry-unread"} 1`)
	wantMetrics(t, r.metrics+"/metrics/lag", `kafka_consumergroup_lag{consumergroup="belfry-router-orders"`, `kafka_consumergroup_lag{consumergroup="belfry-router-later"`)

	programtest.RewriteFile(t, rules, strings.ReplaceAll(ruleOf("orders"), "event.to\n", `'"boss-of-" + event.to'`+"\n"))
	await.Eventually(t, programtest.Patience, func() string { return "new rules are not in force: " + r.stderr.String() }, func() bool {
		return strings.Count(r.stderr.String(), `msg="rules loaded"`) == 2
	})
	sendTo(t, brokers, "orders", `{"to":"user-7","title":"another order"}`)
	awaitBadge(t, r.url, "", "boss-of-user-7", hasUnread(1))
	awaitBadge(t, r.url, "", "user-7", hasUnread(2))
	r.wantCleanStop()
}

// All errors of a rules file are told at once, before anything runs.
func TestBadRulesAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	bad := programtest.WriteFile(t, "rules.yaml", "sources:\n  - topic: a\n    rules:\n      - {name: x, recipents: event.to}\n      - {name: x, recipients: 'event.', title: t}\n")
	for _, args := range [][]string{
		{"run", "--auth", "none"}, {"processor"},
	} {
		args = append(args, "--brokers", "127.0.0.1:1", "--state-dir", t.TempDir(), "--rules")
		r := call(t, nil, append(args, bad)...)
		if r.Code != cli.ExitFailure {
			t.Errorf("%v: exit code %d, want %d: the call is right, the file is not", args, r.Code, cli.ExitFailure)
		}
		for _, part := range []string{"--rules", fmt.Sprint(bad, ":4"), "recipents", fmt.Sprint(bad, ":5")} {
			if !strings.Contains(r.Stderr, part) {
				t.Errorf("%v: %q doesn't say %q", args, r.Stderr, part)
			}
		}
		if r := call(t, nil, append(args, bad+".none")...); r.Code != cli.ExitUsage {
			t.Errorf("a file that does not exist: exit code %d: %s", r.Code, r.Stderr)
		}
	}
	// A processor without the group of routers reads no rules.
	if r := call(t, nil, "processor", "--groups", "unread", "--brokers", "127.0.0.1:1", "--state-dir", t.TempDir(), "--rules", bad); strings.Contains(r.Stderr, "rules") {
		t.Errorf("the group unread read rules: %s", r.Stderr)
	}
}

// ruleOf is a rules file about one topic.
func ruleOf(topic string) string {
	return fmt.Sprintf("sources:\n  - topic: %s\n    rules:\n      - name: rule-of-%[1]s\n        recipients: event.to\n        title: ${event.title}\n", topic)
}
