package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/lag"
)

// behind makes topics of an installation of which nobody has run, writes three
// records to its journal and has a group of others process one of them.
func behind(t *testing.T) (brokers []string) {
	t.Helper()
	brokers = kafkatest.Embedded(t)
	makeTopics(t, brokers)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 3 {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "belfry.journal", Partition: 1, Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	at := kadm.Offsets{}
	at.AddOffset("belfry.journal", 1, 1, -1)
	if err := kadm.NewClient(client).CommitAllOffsets(t.Context(), "auditors", at); err != nil {
		t.Fatal(err)
	}
	return brokers
}

func TestLagCommand(t *testing.T) {
	t.Parallel()
	brokers := behind(t)
	behind := func(args ...string) programtest.Result {
		t.Helper()
		return call(t, nil, append([]string{"lag", "--brokers", brokers[0]}, args...)...)
	}
	wantLine := func(r programtest.Result, pattern string) {
		t.Helper()
		if !regexp.MustCompile(`(?m)^` + pattern + `$`).MatchString(r.Stdout) {
			t.Errorf("no line %q in\n%s%s", pattern, r.Stdout, r.Stderr)
		}
	}
	ours := behind()
	ours.WantOutput(t)
	wantLine(ours, `GROUP +STATE +MEMBERS +PARTITIONS +LAG +OLDEST +CAUGHT UP IN`)
	wantLine(ours, `belfry-unread +Dead +0 +3 +3 +\S+s +never`)
	wantLine(ours, `belfry-router-belfry.notifications +Dead +0 +3 +0 +- +now`)
	if strings.Contains(ours.Stdout, "auditors") {
		t.Errorf("a group of others is shown:\n%s", ours.Stdout)
	}
	named := behind("--groups", "unread,aud.*", "--by-partition")
	wantLine(named, `auditors +Empty +0 +3 +2 +\S+ +never`)
	wantLine(named, `belfry.journal +1 +1 +0 +3 +2 +\S+`)
	wantLine(named, `belfry.journal +1 +none +0 +3 +3 +\S+`)
	if strings.Contains(named.Stdout, "router") {
		t.Errorf("a group is shown that was not asked for:\n%s", named.Stdout)
	}
	wantLine(behind("--groups", "router"), `belfry-router-belfry.notifications .*`)

	var report lag.Report
	r := behind("--json")
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil || !report.Up || report.Lag != 3 || len(report.Groups) != 2 {
		t.Errorf("%v, %s", err, r.Stdout)
	}

	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--max-lag", "3"}, ""},
		{[]string{"--max-lag", "2"}, "group belfry-unread is 3 records behind, more than 2"},
		{[]string{"--max-lag", "0", "--groups", "router"}, ""},
		{[]string{"--max-age", "1h"}, ""},
		{[]string{"--max-age", "0"}, "group belfry-unread is "},
	} {
		r := behind(tt.args...)
		if tt.want == "" {
			r.WantOutput(t, "GROUP")
		} else if r.Code != cli.ExitFailure || !strings.HasPrefix(r.Stderr, "belfry: "+tt.want) || !strings.Contains(r.Stdout, "GROUP") {
			t.Errorf("%v: exit code %d, %q, want 1 and %q", tt.args, r.Code, r.Stderr, tt.want)
		}
	}
}

// TestLagCommandTellsWhatIsHeldBack has a transaction that is open.
func TestLagCommandTellsWhatIsHeldBack(t *testing.T) {
	t.Parallel()
	brokers := behind(t)
	kafkatest.Begin(t, brokers, "a").Write(&kgo.Record{Topic: "belfry.journal", Partition: 2, Value: []byte("v")})
	r := call(t, nil, "lag", "--brokers", brokers[0])
	if !regexp.MustCompile(`(?m)^belfry.journal/2: 1 offsets from \d+ on are held back by a transaction that is open for \d+s$`).MatchString(r.Stdout) {
		t.Errorf("exit code %d, no line about the open transaction in\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

func TestLagCommandRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"no brokers":       {nil, cli.ExitUsage, []string{"--brokers", "required"}},
		"odd pattern":      {[]string{"--brokers", "127.0.0.1:1", "--groups", "("}, cli.ExitUsage, []string{"--groups", "RE2"}},
		"fast":             {[]string{"--brokers", "127.0.0.1:1", "--interval", "1ms"}, cli.ExitUsage, []string{"--interval", "at least 100ms"}},
		"watch and judge":  {[]string{"--brokers", "127.0.0.1:1", "--watch", "--max-lag", "0"}, cli.ExitUsage, []string{"--watch", "--max-lag"}},
		"nobody listening": {[]string{"--brokers", "127.0.0.1:1"}, cli.ExitFailure, []string{"127.0.0.1:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call(t, nil, append([]string{"lag"}, tt.args...)...).WantError(t, tt.code, tt.want...)
		})
	}
}

func TestLagCommandWatches(t *testing.T) {
	t.Parallel()
	brokers := behind(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &programtest.Tail{}
	p := testProgram(nil)
	p.Stdout, p.Stderr = out, &programtest.Tail{}
	done := make(chan int, 1)
	go func() {
		done <- p.Run(ctx, []string{"lag", "--brokers", brokers[0], "--watch", "--json", "--interval", "100ms"})
	}()
	await.Eventually(t, programtest.Patience, out.String, func() bool { return strings.Count(out.String(), `{"up":true`) >= 3 })
	stop()
	if code := <-done; code != cli.ExitOK {
		t.Errorf("exit code %d after it was interrupted, want 0", code)
	}
}

// Everything about lag that one process shows.
func TestLagOfANode(t *testing.T) {
	t.Parallel()
	brokers := behind(t)
	r := serveAll(t, runArgs(t, brokers, "--auth", "none", "--metrics-addr", "127.0.0.1:0", "--lag-groups", "audit.*")...)
	frames := openStream(t, r.url, "", "user-7")
	awaitFrame(t, frames, "unread", `"unread":0`)
	if code := callAPI(t, "POST", r.url+"/v1/notifications", "", `{"recipient":"user-7","title":"x"}`, nil); code != 202 {
		t.Fatalf("status %d", code)
	}
	awaitFrame(t, frames, "unread", `"unread":1`)
	page := func(path string, patterns ...string) {
		t.Helper()
		var got string
		missing := ""
		await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("no %s in %s:\n%s", missing, path, got) }, func() bool {
			callAPI(t, "GET", r.metrics+path, "", "", &got)
			for _, missing = range patterns {
				if !regexp.MustCompile(`(?m)^` + missing + `$`).MatchString(got) {
					return false
				}
			}
			return true
		})
	}
	page("/metrics/lag",
		`belfry_lag_up 1`,
		`kafka_consumergroup_lag\{consumergroup="auditors",topic="belfry.journal",partition="1"\} [23]`,
		`kafka_consumergroup_members\{consumergroup="belfry-unread"\} 1`,
		`kafka_consumergroup_group_max_lag_seconds\{group="belfry-unread"\} 0`,
		`kminion_kafka_consumer_group_info\{coordinator_id="0",group_id="belfry-unread",protocol="\S+",protocol_type="consumer",state="Stable"\} 1`,
		`belfry_catchup_seconds\{group="auditors"\} \+Inf`,
	)
	page("/metrics",
		`belfry_unread_drift 0`,
		`belfry_audit_last_pass_timestamp_seconds [1-9]\S*`, // it may have come before the user, and the next is minutes away
		`belfry_audited_users_total \d+`,
		`belfry_audit_findings_total\{finding="missing"\} 0`,
		`belfry_catchup_seconds\{group="belfry-unread"\} 0`,
		`belfry_processor_lag_records\{group="belfry-unread"\} 0`,
		`belfry_processor_lag_seconds\{group="belfry-unread"\} 0`,
		`belfry_processor_partitions\{group="belfry-unread"\} 3`,
		`belfry_view_catchup_seconds\{view="view belfry-unread-table"\} 0`,
		`belfry_record_to_table_seconds_count\{group="belfry-unread"\} [1-9]\d*`,
		`belfry_record_to_socket_seconds_count [1-9]\d*`,
	)
	var report lag.Report
	if code := callAPI(t, "GET", r.url+"/v1/lag", "", "", &report); code != 200 || len(report.Groups) != 3 {
		t.Errorf("status %d with %d groups, want 200 with 3", code, len(report.Groups))
	}
}
