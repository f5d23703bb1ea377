package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/cmd/belfry/inspect"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

func inspectJSON(t *testing.T, brokers []string, user string, more ...string) inspect.Report {
	t.Helper()
	r := call(t, nil, append([]string{"inspect", user, "--brokers", brokers[0], "--json"}, more...)...)
	r.WantOutput(t)
	var report inspect.Report
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil || strings.Count(r.Stdout, "\n") != 1 {
		t.Fatalf("%v in %q, want one line of JSON", err, r.Stdout)
	}
	return report
}

// wantAsAPI holds what inspect says of the user's row and contents against what
// the API says, and returns it. The user's journal must have been processed.
func wantAsAPI(t *testing.T, base, user string, brokers []string) inspect.Report {
	t.Helper()
	lists := listsOf(t, base, user)
	// After the lists: contents come a moment after the row that names them.
	report := inspectJSON(t, brokers, user, "--contents")
	var counts struct {
		badge
		Categories map[string]inbox.Counts `json:"categories"`
	}
	if status := callAPI(t, http.MethodGet, userURL(base, user, "unread"), "", "", &counts); status != http.StatusOK {
		t.Fatalf("unread: status %d", status)
	}
	got := badge{report.Version, report.Cursor, report.Counts.Unread, report.Counts.Unseen, report.Counts.Urgent}
	if got != counts.badge || len(counts.Categories) != len(report.Counts.Categories) {
		t.Errorf("inspect says %+v %v, the API %+v", got, report.Counts.Categories, counts)
	}
	for i := range report.Items {
		report.Items[i].Members = nil // a list does not tell which they are
	}
	if !reflect.DeepEqual(report.Items, lists) && len(report.Items)+len(lists) > 0 {
		t.Errorf("inspect says %+v, the API %+v", report.Items, lists)
	}
	return report
}

// listsOf returns what the API lists of the user, oldest first, once it has the
// content of all of it.
func listsOf(t *testing.T, base, user string) []inspect.Item {
	t.Helper()
	type listed struct {
		Seq      uint64 `json:"seq"`
		Version  uint64 `json:"version"`
		Title    string `json:"title"`
		Category string `json:"category"`
		Priority string `json:"priority"`
		Read     bool   `json:"read"`
		Seen     bool   `json:"seen"`
		Archived bool   `json:"archived"`
		Count    uint32 `json:"count"`
		Pending  bool   `json:"pending"`
	}
	var items []inspect.Item
	for _, status := range []string{"all", "archived"} {
		var page struct{ Items []listed }
		await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("contents of %s are missing: %+v", user, page) }, func() bool {
			page.Items = nil
			if code := callAPI(t, http.MethodGet, userURL(base, user, "inbox?limit=100&status="+status), "", "", &page); code != http.StatusOK {
				t.Fatalf("inbox: status %d", code)
			}
			return !slices.ContainsFunc(page.Items, func(i listed) bool { return i.Pending })
		})
		for _, i := range page.Items {
			state := "unread"
			switch {
			case i.Archived:
				state = "archived"
			case i.Read:
				state = "read"
			case i.Seen:
				state = "seen"
			}
			items = append(items, inspect.Item{Seq: i.Seq, Version: i.Version, State: state, Category: i.Category, Priority: i.Priority, Count: i.Count, Content: true, Title: i.Title})
		}
	}
	slices.SortFunc(items, func(a, b inspect.Item) int { return int(a.Seq) - int(b.Seq) })
	return items
}

func TestInspect(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	r := serveAll(t, runArgs(t, brokers, "--auth", "none")...)
	const user = "사용자-7"
	post := func(path, body string, want int) {
		t.Helper()
		if got := callAPI(t, http.MethodPost, path, "", body, nil); got != want {
			t.Fatalf("POST %s: status %d, want %d", path, got, want)
		}
	}
	var all []string
	for i, more := range []string{`"category":"approval","priority":"urgent"`, `"category":"board","collapse_key":"post:1"`, `"category":"board","collapse_key":"post:1"`, `"priority":"low"`, `"title":{"ko":"안녕","en":"Hi"}`, `"category":"board"`} {
		title := fmt.Sprintf(`"title":"secret-%d",`, i)
		if strings.Contains(more, "title") {
			title = ""
		}
		all = append(all, fmt.Sprintf(`{"recipient":"%s",%s"id":"%d",%s}`, user, title, i, more))
	}
	post(r.url+"/v1/notifications", "["+strings.Join(all, ",")+"]", http.StatusAccepted)
	awaitBadge(t, r.url, "", user, hasUnread(5))
	before := inspectJSON(t, brokers, user, "--contents")
	if len(before.Items) != 5 {
		t.Fatalf("%+v, want 5 items", before)
	}
	seqs := make([]uint64, len(before.Items))
	for i := range before.Items {
		seqs[i] = before.Items[i].Seq
	}
	for action, seq := range map[string]uint64{"read": seqs[0], "seen": seqs[1], "archive": seqs[2], "delete": seqs[4]} {
		post(userURL(r.url, user, "inbox/"+action), fmt.Sprintf(`{"seqs":[%d]}`, seq), http.StatusOK)
	}
	// Gone from the row at once, from the inbox table a moment later.
	await.Eventually(t, programtest.Patience, func() string { return "the deleted item's content stays" }, func() bool {
		return len(inspectJSON(t, brokers, user).Orphans) == 0
	})

	t.Run("JSON", func(t *testing.T) {
		report := wantAsAPI(t, r.url, user, brokers)
		if report.User != user || report.Partition != kafka.Partition(user, 3) || report.Removals != 2 || report.Items[3-1].State != "archived" {
			t.Errorf("report %+v", report)
		}
	})
	t.Run("without contents", func(t *testing.T) {
		for _, more := range [][]string{nil, {"--json"}} {
			r := call(t, nil, append([]string{"inspect", user, "--brokers", brokers[0]}, more...)...)
			r.WantOutput(t, user)
			if strings.Contains(r.Stdout, "secret-") || strings.Contains(r.Stdout, "Hi") {
				t.Errorf("shows texts:\n%s", r.Stdout)
			}
		}
	})
	t.Run("text", func(t *testing.T) {
		out := call(t, nil, "inspect", user, "--brokers", brokers[0], "--contents")
		report := inspectJSON(t, brokers, user)
		out.WantOutput(t, user, fmt.Sprintf("version    %d", report.Version), "cursor "+report.Cursor, "unread     2", "items      4", "secret-0", "archived", "orphans    0", "CONTENT")
		// Newest first, as in the inbox.
		if newest, oldest := strings.Index(out.Stdout, "secret-3"), strings.Index(out.Stdout, "secret-0"); newest < 0 || newest > oldest {
			t.Errorf("not newest first:\n%s", out.Stdout)
		}
	})
	t.Run("user before or after the flags", func(t *testing.T) {
		call(t, nil, "inspect", "--brokers", brokers[0], user).WantOutput(t, "version")
	})
	t.Run("unknown user", func(t *testing.T) {
		call(t, nil, "inspect", "nobody", "--brokers", brokers[0]).WantOutput(t, "nobody: nothing was ever written")
		report := wantAsAPI(t, r.url, "nobody", brokers)
		if report.Cursor != "0.0" || report.Items == nil || report.Orphans == nil || len(report.Items) != 0 {
			t.Errorf("report %+v", report)
		}
	})
	t.Run("orphan and missing content", func(t *testing.T) {
		// A crash could leave the content of an item that the row has not, and none
		// for one that it has.
		orphan, lost := before.Items[4].Seq, before.Items[0].Seq
		content, err := codec.EncodeItem(&inbox.Item{Seq: orphan, Notification: belfry.Notification{ID: "x", Title: belfry.PlainText("left")}})
		if err != nil {
			t.Fatal(err)
		}
		partition := kafka.Partition(user, 3)
		produceTo(t, brokers,
			&sarama.ProducerMessage{Topic: "belfry-inbox-table", Partition: partition, Key: sarama.StringEncoder(inbox.ItemKey(user, orphan)), Value: sarama.ByteEncoder(content)},
			&sarama.ProducerMessage{Topic: "belfry-inbox-table", Partition: partition, Key: sarama.StringEncoder(inbox.ItemKey(user, lost))})
		report := inspectJSON(t, brokers, user)
		if !slices.Equal(report.Orphans, []uint64{orphan}) || report.Items[0].Content || !report.Items[1].Content {
			t.Errorf("report %+v, want the orphan %d and no content of %d", report, orphan, lost)
		}
		call(t, nil, "inspect", user, "--brokers", brokers[0]).WantOutput(t, "orphans    1", "missing")
	})
	r.wantCleanStop()
}

func produceTo(t *testing.T, brokers []string, messages ...*sarama.ProducerMessage) {
	t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer(brokers, config)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if err := producer.SendMessages(messages); err != nil {
		t.Fatal(err)
	}
}

func TestInspectRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no user":        {[]string{}, "name one user"},
		"two users":      {[]string{"a", "b"}, "name one user"},
		"slash":          {[]string{"a/b"}, `"a/b"`},
		"long":           {[]string{strings.Repeat("x", 129)}, "128"},
		"internal":       {[]string{"__x"}, `"__x"`},
		"control":        {[]string{"a\nb"}, "user"},
		"no brokers":     {[]string{"user-7"}, "--brokers"},
		"wrong prefix":   {[]string{"user-7", "--brokers", "127.0.0.1:1", "--prefix", "a/b"}, "--prefix"},
		"unknown option": {[]string{"user-7", "--content"}, "--contents"},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, nil, append([]string{"inspect"}, tt.args...)...).WantError(t, cli.ExitUsage, tt.want)
		})
	}
}
