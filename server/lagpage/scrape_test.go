package lagpage

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/lag"
)

// The names and labels that dashboards, alert rules and autoscalers look for, as
// the exporters document them.
func TestLagPageSpeaksWhatDashboardsKnow(t *testing.T) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scrape(t, lagPage(servertest.LagReport()))))
	if err != nil {
		t.Fatal(err)
	}
	for exporter, metrics := range map[string]map[string]string{
		"danielqsj/kafka_exporter": {
			"kafka_consumergroup_current_offset":     "consumergroup partition topic",
			"kafka_consumergroup_current_offset_sum": "consumergroup topic",
			"kafka_consumergroup_lag":                "consumergroup partition topic",
			"kafka_consumergroup_lag_sum":            "consumergroup topic",
			"kafka_consumergroup_members":            "consumergroup",
			"kafka_topic_partitions":                 "topic",
			"kafka_topic_partition_current_offset":   "partition topic",
			"kafka_topic_partition_oldest_offset":    "partition topic",
		},
		// Its cluster and members are left out: one cluster, and members that
		// change would make series without end.
		"seglo/kafka-lag-exporter": {
			"kafka_consumergroup_group_lag_seconds":     "group partition topic",
			"kafka_consumergroup_group_max_lag_seconds": "group",
		},
		"redpanda-data/kminion": {
			"kminion_kafka_consumer_group_info":                      "coordinator_id group_id protocol protocol_type state",
			"kminion_kafka_consumer_group_members":                   "group_id",
			"kminion_kafka_consumer_group_empty_members":             "group_id",
			"kminion_kafka_consumer_group_topic_members":             "group_id topic_name",
			"kminion_kafka_consumer_group_topic_assigned_partitions": "group_id topic_name",
			"kminion_kafka_consumer_group_topic_lag":                 "group_id topic_name",
			"kminion_kafka_consumer_group_topic_partition_lag":       "group_id partition_id topic_name",
			"kminion_kafka_consumer_group_topic_offset_sum":          "group_id topic_name",
		},
		"belfry": {
			"belfry_catchup_seconds":                    "group",
			"belfry_held_back_offsets":                  "partition topic",
			"belfry_held_back_seconds":                  "partition topic",
			"belfry_lag_collection_seconds":             "",
			"belfry_lag_last_success_timestamp_seconds": "",
			"belfry_lag_requests":                       "",
			"belfry_lag_skipped":                        "",
			"belfry_lag_up":                             "",
		},
	} {
		for name, want := range metrics {
			f := families[name]
			if f == nil {
				t.Errorf("%s has %s, the page has not", exporter, name)
				continue
			}
			var got []string
			for _, l := range f.Metric[0].Label {
				got = append(got, l.GetName())
			}
			slices.Sort(got)
			if strings.Join(got, " ") != want {
				t.Errorf("%s has labels %q, want %q as %s has", name, got, want, exporter)
			}
			delete(families, name)
		}
	}
	if len(families) > 0 {
		t.Errorf("%v are nobody's", slices.Sorted(maps.Keys(families)))
	}
}

// A thousand groups of a hundred partitions have as many series as there are
// figures of them, however often the page is asked for.
func TestLagPageOfManyGroups(t *testing.T) {
	if testing.Short() {
		t.Skip("half a million series, by one goroutine")
	}
	const groups, partitions, topics = 1000, 100, 10
	offset := int64(1)
	var all []lag.Group
	for g := range groups {
		one := lag.Group{Name: fmt.Sprintf("group-%03d", g), State: "Empty"}
		for p := range int32(partitions) {
			one.Partitions = append(one.Partitions, lag.Partition{
				Topic: fmt.Sprint("topic-", g%topics), Partition: p, CurrentOffset: &offset, EndOffset: 3, Lag: 2, LagSeconds: 0.5,
			})
		}
		all = append(all, one)
	}
	p := lagPage(lag.NewReport(time.Now(), all))
	for _, encoding := range []string{"gzip", ""} {
		page := scrapeAs(t, p, encoding)
		series := 0
		for line := range strings.Lines(page) {
			if !strings.HasPrefix(line, "#") {
				series++
			}
		}
		const perPartition, perGroup, perTopic = 4, 5 + 6, 1
		if want := groups*(partitions*perPartition+perGroup) + topics*(2*partitions+perTopic) + 5; series != want {
			t.Errorf("encoding %q: %d series, want %d", encoding, series, want)
		}
		if encoding == "gzip" {
			parser := expfmt.NewTextParser(model.UTF8Validation)
			if _, err := parser.TextToMetricFamilies(strings.NewReader(page)); err != nil {
				t.Error(err)
			}
		}
	}
	if held := len(p.page); held > 4<<20 {
		t.Errorf("the page holds %d bytes, want at most 4 MiB", held)
	}
}

func scrapeAs(t *testing.T, h http.Handler, encoding string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics/lag", nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got := w.Header().Get("Content-Encoding"); got != encoding {
		t.Errorf("encoding %q for one that takes %q", got, encoding)
	}
	var body io.Reader = w.Body
	if encoding == "gzip" {
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = z
	}
	page, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "deflate, gzip;q=1.0, *;q=0.5": true, "GZIP": true, "gzip;q=0.5": true,
		"gzip;q=0": false, "gzip; q=0": false, "identity": false, "br": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", header)
		if got := acceptsGzip(r); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

// Names are whatever somebody called a group or a topic.
func TestLagPageOfOddNames(t *testing.T) {
	const name = "a\"b\\c\nd 그룹"
	p := lagPage(lag.NewReport(time.Now(), []lag.Group{{Name: name, State: "Empty"}, {Name: "\xff", State: "Dead"}}))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scrape(t, p)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range families["kafka_consumergroup_members"].GetMetric() {
		got = append(got, m.Label[0].GetValue())
	}
	slices.Sort(got)
	if want := []string{name, "\uFFFD"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A page that nobody asks for any more is not written, and there again for who
// comes.
func TestLagPageNobodyAsksFor(t *testing.T) {
	p := New()
	p.asked = time.Now().Add(-2 * askedFor)
	p.Show(servertest.LagReport())
	if p.page != nil {
		t.Error("the page was written for nobody")
	}
	if page := scrape(t, p); !strings.Contains(page, "belfry_lag_up 1") {
		t.Errorf("got %s", page)
	}
	p.Show(servertest.LagReport().Failed(context.Canceled))
	if p.page == nil {
		t.Error("the page was not written although somebody asks")
	}
	if page := scrape(t, p); !strings.Contains(page, "belfry_lag_up 0") {
		t.Errorf("got %s", page)
	}
}
