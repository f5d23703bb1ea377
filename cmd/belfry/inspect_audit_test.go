package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/cmd/belfry/inspect"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

// An audit finds content that was taken out of the inbox table behind the row's back.
// It names the user whose it is, and nobody else.
func TestInspectAudit(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	r := serveAll(t, runArgs(t, brokers, "--auth", "none")...)
	for user := range 5 {
		body := fmt.Sprintf(`[{"recipient":"user-%d","title":"a","category":"c"},{"recipient":"user-%[1]d","title":"b"}]`, user)
		if code := callAPI(t, "POST", r.url+"/v1/notifications", "", body, nil); code != 202 {
			t.Fatalf("status %d", code)
		}
		awaitBadge(t, r.url, "", fmt.Sprintf("user-%d", user), hasUnread(2))
	}
	items := listsOf(t, r.url, "user-3")
	audit := func(args ...string) programtest.Result {
		t.Helper()
		return call(t, nil, append([]string{"inspect", "--audit", "--brokers", brokers[0]}, args...)...)
	}
	audit().WantOutput(t, "5 users recounted, 0 wrong, 0 with contents on their way")
	audit("user-3").WantOutput(t, "1 users recounted, 0 wrong")

	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	lost := &kgo.Record{
		Topic: "belfry-inbox-table", Partition: kafka.Partition("user-3", 3),
		Key: []byte(inbox.ItemKey("user-3", items[0].Seq)),
	}
	if err := client.ProduceSync(t.Context(), lost).FirstErr(); err != nil {
		t.Fatal(err)
	}
	got := audit("--json")
	if got.Code != cli.ExitFailure || !strings.Contains(got.Stderr, "1 of 5 users are wrong") {
		t.Errorf("exit code %d, %s", got.Code, got.Stderr)
	}
	var report inspect.AuditReport
	if err := json.Unmarshal([]byte(got.Stdout), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Wrong) != 1 {
		t.Fatalf("got %+v, want one user", report)
	}
	w := report.Wrong[0]
	if w.User != "user-3" || fmt.Sprint(w.Findings) != "[missing]" || w.Drift != 1 || fmt.Sprint(w.Missing) != fmt.Sprintf("[%d]", items[0].Seq) || w.Badge.Unread != 2 {
		t.Errorf("got %+v", w)
	}
	audit("user-4").WantOutput(t, "1 users recounted, 0 wrong")
	if r := call(t, nil, "inspect", "--brokers", brokers[0]); r.Code != cli.ExitUsage {
		t.Errorf("without a user: exit code %d, want %d", r.Code, cli.ExitUsage)
	}
}
