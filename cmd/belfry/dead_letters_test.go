package main

import (
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/cmd/belfry/deadletters"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

const (
	brokenRules = `
sources:
  - topic: orders
    rules:
      - name: order-received
        recipients: event.customer
        title: "secret order ${event.number}"
`
	mendedRules = `
sources:
  - topic: orders
    rules:
      - name: order-received
        recipients: event.buyer
        title: "secret order ${event.number}"
`
)

// letters writes dead letters of the topic orders, by the values of the records,
// which are at offsets from 0 on.
func letters(t *testing.T, brokers []string, why deadletter.Envelope, values ...string) {
	t.Helper()
	why.Group, why.TopicID = "belfry-router-orders", [16]byte{0xbe, 15: 1}
	var records []*sarama.ConsumerMessage
	for i, v := range values {
		records = append(records, &sarama.ConsumerMessage{
			Topic: "orders", Partition: 1, Offset: int64(i), Timestamp: time.Now(), Key: []byte("secret-key"), Value: []byte(v),
			Headers: []*sarama.RecordHeader{{Key: []byte("trace"), Value: []byte("secret-trace")}},
		})
	}
	cfg := kafka.Config{Brokers: brokers, Version: "v1", Logger: slog.New(slog.DiscardHandler)}
	enginetest.SetAside(t, enginetest.OpenDead(t, cfg, "belfry.dead-letters"), why, records...)
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	call(t, nil, "topics", "--brokers", brokers[0], "--partitions", "3").WantOutput(t)
	dead := func(args ...string) programtest.Result {
		return call(t, nil, append(append([]string{"dead-letters"}, args...), "--brokers", brokers[0])...)
	}
	dead("list").WantOutput(t, "no dead letters")
	letters(t, brokers, deadletter.Envelope{Reason: deadletter.ReasonRule, Rule: "order-received", Field: "recipients", Error: "no such key: customer\x1b[31m"},
		`{"buyer":"user-7","number":1}`, `{"buyer":["user-7","user-8"],"number":2}`, `{"number":3}`)
	letters(t, brokers, deadletter.Envelope{Reason: deadletter.ReasonInvalid, Error: "not JSON"}, "\x00\xff")

	listed := dead("list")
	listed.WantOutput(t, "ID", "order-received", "orders/1/2", "no such key: customer", "pending", "invalid")
	if strings.Contains(listed.Stdout, "secret") || strings.Contains(listed.Stdout, "\x1b") {
		t.Errorf("a list shows what records hold:\n%s", listed.Stdout)
	}
	if newest, oldest := strings.Index(listed.Stdout, "not JSON"), strings.Index(listed.Stdout, "order-received"); newest > oldest {
		t.Errorf("not newest first:\n%s", listed.Stdout)
	}
	paged := dead("list", "--limit", "3")
	paged.WantOutput(t, "there are more: --cursor ")
	cursor := regexp.MustCompile(`--cursor (\S+)`).FindStringSubmatch(paged.Stdout)
	dead("list", "--cursor", cursor[1]).WantOutput(t, "orders/1/0")

	lines := strings.Split(strings.TrimSpace(dead("list", "--json", "--reason", "rule", "--rule", "order-received", "--since", "1h", "--pending").Stdout), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines of JSON, want 3: %q", len(lines), lines)
	}
	byOffset := map[int64]string{}
	for _, line := range lines {
		var l deadletters.Letter
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Topic != "orders" || l.Version != "v1" || l.Attempt != 1 || l.TopicID == "" || l.Value != nil {
			t.Fatalf("%s: %v", line, err)
		}
		byOffset[l.Offset] = l.ID
	}

	shown := dead("show", byOffset[0])
	shown.WantOutput(t, "order-received", "recipients", "be000000000000000000000000000001", "header", "trace: 12 bytes", "key", "10 bytes", "29 bytes")
	if strings.Contains(shown.Stdout, "secret") {
		t.Errorf("shows contents unasked:\n%s", shown.Stdout)
	}
	dead("show", byOffset[0], "--contents").WantOutput(t, `"secret-trace"`, `"secret-key"`, "  \"buyer\": \"user-7\"")
	var whole deadletters.Letter
	if err := json.Unmarshal([]byte(dead("show", byOffset[0], "--json", "--contents").Stdout), &whole); err != nil ||
		*whole.Value.Text != `{"buyer":"user-7","number":1}` || *whole.Headers[0].Text != "secret-trace" {
		t.Errorf("show --json: %+v, %v", whole, err)
	}

	// Without rules, with those of before, with the mended ones.
	rules := programtest.WriteFile(t, "rules.yaml", brokenRules)
	mended := programtest.WriteFile(t, "rules.yaml", mendedRules)
	replay := func(code int, args []string, parts ...string) string {
		t.Helper()
		r := dead(append([]string{"replay"}, args...)...)
		for _, part := range parts {
			if !strings.Contains(r.Stdout, part) {
				t.Errorf("replay %v: %q does not hold %q", args, r.Stdout, part)
			}
		}
		if r.Code != code {
			t.Errorf("replay %v: exit code %d, want %d: %s", args, r.Code, code, r.Stderr)
		}
		return r.Stdout
	}
	filter := []string{"--topic", "orders", "--reason", "rule"}
	replay(cli.ExitFailure, filter, "no source of the rules is for topic orders", "3 failed")
	replay(cli.ExitFailure, append(filter, "--rules", rules, "--yes"), "customer", "0 were replayed", "3 failed")
	out := replay(cli.ExitFailure, append(filter, "--rules", mended), byOffset[0]+"  orders/1/0  would be replayed\n  notify to user-7 by rule order-received\n",
		"notify to user-7, user-8", "2 would be replayed", "1 failed", "--yes does it")
	if strings.Contains(out, "secret") {
		t.Errorf("shows titles unasked:\n%s", out)
	}
	replay(cli.ExitOK, []string{byOffset[1], "--rules", mended, "--contents"}, `"secret order 2"`)
	replay(cli.ExitFailure, append(filter, "--rules", mended, "--yes"), "2 were replayed")
	// Pending letters alone are looked at by filters; by id one is told that it was.
	replay(cli.ExitFailure, append(filter, "--rules", mended, "--yes"), "0 were replayed", "1 failed")
	replay(cli.ExitOK, []string{byOffset[0], byOffset[0], "--rules", mended, "--yes"}, "already-replayed", "1 were before")
	replay(cli.ExitOK, []string{byOffset[0], "--rules", mended, "--yes", "--again", "--json"}, `"result":"replayed","applied":true`, `"recipients":["user-7"]`)
	dead("list", "--topic", "orders").WantOutput(t, "replayed", "pending")

	r := serveAll(t, runArgs(t, brokers, "--auth", "none")...)
	awaitBadge(t, r.url, "", "user-7", hasUnread(2))
	awaitBadge(t, r.url, "", "user-8", hasUnread(1))
	produceTo(t, brokers, &sarama.ProducerMessage{Topic: "belfry.notifications", Value: sarama.StringEncoder("bad")})
	var ours deadletters.Letter
	await.Eventually(t, programtest.Patience, func() string { return "no letter of the built-in topic" }, func() bool {
		return json.Unmarshal([]byte(dead("list", "--topic", "belfry.notifications", "--json").Stdout), &ours) == nil
	})
	if ours.Version != "1.2.3" || ours.TopicID == "" || ours.Group != "belfry-router-belfry.notifications" {
		t.Errorf("letter %+v", ours)
	}
	replay(cli.ExitFailure, []string{ours.ID}, "must be JSON", "1 failed")
	r.wantCleanStop()

	dead("purge", "--before", "1h").WantOutput(t, "0 dead letters")
	dead("purge", "--before", "0s").WantOutput(t, "5 dead letters", "would be deleted, 3 of them never replayed", "--yes")
	dead("purge", "--before", "0s", "--yes", "--json").WantOutput(t, `"letters":5,"pending":3`, `"applied":true`)
	dead("list").WantOutput(t, "no dead letters")
	dead("show", byOffset[0]).WantError(t, cli.ExitFailure, "none lies at "+byOffset[0])
}

func TestDeadLettersRefuse(t *testing.T) {
	const broker = "127.0.0.1:1"
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no command":         {[]string{"lst"}, "dead-letters --help"},
		"no brokers":         {[]string{"list"}, "--brokers"},
		"reason":             {[]string{"list", "--brokers", broker, "--reason", "rule,rul"}, `"rul"`},
		"time":               {[]string{"list", "--brokers", broker, "--since", "yesterday"}, "2026-01-31T09:00:00Z"},
		"time to come":       {[]string{"list", "--brokers", broker, "--since", "-1h"}, "--since"},
		"since after until":  {[]string{"list", "--brokers", broker, "--since", "1h", "--until", "2h"}, "--since"},
		"limit":              {[]string{"list", "--brokers", broker, "--limit", "-1"}, "--limit"},
		"cursor":             {[]string{"list", "--brokers", broker, "--cursor", "x"}, "--cursor"},
		"show nothing":       {[]string{"show", "--brokers", broker}, "name one letter"},
		"show two":           {[]string{"show", "1/2", "1/3", "--brokers", broker}, "name one letter"},
		"show no id":         {[]string{"show", "12", "--brokers", broker}, "partition/offset"},
		"replay nothing":     {[]string{"replay", "--brokers", broker}, "--all"},
		"replay no id":       {[]string{"replay", "x", "--brokers", broker}, "partition/offset"},
		"replay id and rule": {[]string{"replay", "1/2", "--rule", "r", "--brokers", broker}, "not both"},
		"replay time zone":   {[]string{"replay", "--all", "--timezone", "Nowhere", "--brokers", broker}, "--timezone"},
		"purge":              {[]string{"purge", "--brokers", broker}, "--before"},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, nil, append([]string{"dead-letters"}, tt.args...)...).WantError(t, cli.ExitUsage, tt.want)
		})
	}
	missing := call(t, nil, "dead-letters", "replay", "--all", "--rules", "/nowhere/rules.yaml", "--brokers", broker)
	if missing.Code == cli.ExitOK || !strings.Contains(missing.Stderr, "rules.yaml") {
		t.Errorf("rules that are not there: %d, %q", missing.Code, missing.Stderr)
	}
}

// --yes is for the command line alone: no file and no environment does anything for good.
func TestYesIsNoSetting(t *testing.T) {
	for _, name := range cli.SettingNames(testProgram(nil).Root()) {
		if name == "yes" {
			t.Errorf("--%s can be set by %s", name, cli.EnvName(name))
		}
	}
}
