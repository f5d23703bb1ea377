package main

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

// TestOps asks a whole process for what the ops page shows.
func TestOps(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	r := serveAll(t, runArgs(t, brokers, "--auth", "none")...)
	base := r.url + "/v1/ops"
	if status := callAPI(t, http.MethodPost, r.url+"/v1/notifications", "", `{"recipient":"user-7","title":"secret","id":"a"}`, nil); status != http.StatusAccepted {
		t.Fatalf("status %d", status)
	}
	awaitBadge(t, r.url, "", "user-7", hasUnread(1))

	var overview struct {
		Ready  bool
		Groups []struct {
			Name, State string
			Here        bool
			Members     []any
			Processed   float64
		}
		Topology struct {
			Nodes []struct {
				Name, Kind string
				Column     int
			}
		}
		Rebalances []struct {
			Group string
			After int
		}
		Views       []struct{ Name, Phase string }
		DeadLetters struct {
			Pending float64
			Kinds   []struct {
				Reason string
				Group  string
				Count  float64
			}
		} `json:"dead_letters"`
		Drift *float64
	}
	look := func() bool {
		callAPI(t, http.MethodGet, base+"/overview", "", "", &overview)
		members, processed := 0, 0.0
		for _, g := range overview.Groups {
			members += len(g.Members)
			processed += g.Processed
		}
		return members == 2 && processed == 1
	}
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%+v", overview) }, look)
	for _, g := range overview.Groups {
		want := 1.0
		if strings.HasPrefix(g.Name, "belfry-router") {
			want = 0 // the call wrote to the journal
		}
		if g.State != "running" || !g.Here || g.Processed != want {
			t.Errorf("got %+v, want it running here with %v records processed", g, want)
		}
	}
	if overview.Drift == nil || *overview.Drift != 0 {
		t.Errorf("got drift %v, want 0", overview.Drift)
	}
	if len(overview.Views) != 2 || overview.Views[0].Name != "belfry-unread-table" || overview.Views[0].Phase != "running" || !overview.Ready {
		t.Errorf("got views %+v, ready %t", overview.Views, overview.Ready)
	}
	if len(overview.Rebalances) < 2 || overview.Rebalances[0].After != 3 {
		t.Errorf("got rebalances %+v, want the first of each group with 3 partitions", overview.Rebalances)
	}
	last := slices.MaxFunc(overview.Topology.Nodes, func(a, b struct {
		Name, Kind string
		Column     int
	}) int {
		return a.Column - b.Column
	})
	if len(overview.Topology.Nodes) != 8 || last.Name != "views of servers" || last.Column != 5 {
		t.Errorf("got %+v, last %+v", overview.Topology.Nodes, last)
	}

	var lookup struct {
		Items []struct{ Content bool }
	}
	callAPI(t, http.MethodGet, base+"/users/user-7", "", "", &lookup)
	var replay inbox.Refold
	callAPI(t, http.MethodGet, base+"/users/user-7/journal?contents=1", "", "", &replay)
	if len(lookup.Items) != 1 || !replay.Result.Agrees || !replay.Complete || replay.Result.Row.Unread != 1 || replay.Steps[0].Title != "secret" {
		t.Errorf("got %+v and %+v", lookup, replay)
	}

	// A letter that is as bad as before, and one from before its mend.
	produceTo(t, brokers, &sarama.ProducerMessage{Topic: "belfry.notifications", Partition: 1, Value: sarama.StringEncoder(`{"recipient":"user-7"}`)})
	var page struct {
		Letters []struct {
			ID     struct{ Partition, Offset int64 }
			Reason string
			From   struct{ Partition, Offset int64 }
		}
	}
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%+v", page) }, func() bool {
		callAPI(t, http.MethodGet, base+"/dead-letters", "", "", &page)
		return len(page.Letters) == 1
	})
	letter := page.Letters[0]
	if letter.Reason != "invalid" || letter.From.Partition != 1 {
		t.Errorf("got %+v", letter)
	}
	var whole struct{ Contents struct{ Error, Value string } }
	callAPI(t, http.MethodGet, fmt.Sprintf("%s/dead-letters/%d/%d?contents=1", base, letter.ID.Partition, letter.ID.Offset), "", "", &whole)
	if whole.Contents.Value != `{"recipient":"user-7"}` || !strings.Contains(whole.Contents.Error, "title") {
		t.Errorf("got %+v", whole)
	}
	var outcomes struct {
		Outcomes []struct{ Result, Problem string }
	}
	body := fmt.Sprintf(`{"letters":[{"partition":%d,"offset":%d},{"partition":0,"offset":999}]}`, letter.ID.Partition, letter.ID.Offset)
	callAPI(t, http.MethodPost, base+"/dead-letters/replay", "", body, &outcomes)
	if len(outcomes.Outcomes) != 2 || outcomes.Outcomes[0].Result != "failed" || !strings.Contains(outcomes.Outcomes[0].Problem, "title") || outcomes.Outcomes[1].Result != "refused" {
		t.Errorf("got %+v, want the one as bad as before and none there", outcomes)
	}
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%+v", overview.DeadLetters) }, func() bool {
		look()
		kinds := overview.DeadLetters.Kinds
		return overview.DeadLetters.Pending == 1 && len(kinds) == 1 && kinds[0].Reason == "invalid" &&
			kinds[0].Group == "belfry-router-belfry.notifications" && kinds[0].Count == 1
	})

	res, err := http.Get(base + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	seen := 0
	for seen < 2 && lines.Scan() {
		if lines.Text() == "event: overview" {
			seen++
		}
	}
	if seen != 2 {
		t.Errorf("got %d overviews, then %v", seen, lines.Err())
	}
	r.wantCleanStop()
	for _, hidden := range []string{"secret", "user-7"} {
		if strings.Contains(r.stderr.String(), hidden) {
			t.Errorf("the log has %q: %s", hidden, r.stderr)
		}
	}
}
