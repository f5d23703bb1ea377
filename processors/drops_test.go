package processors_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/servertest"
)

// logged returns a configuration with topics and the log that it writes.
func logged(t *testing.T) (kafka.Config, *servertest.Log) {
	t.Helper()
	log := new(servertest.Log)
	cfg := config(t)
	cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	makeTopics(t, cfg)
	return cfg, log
}

// TestOnePartCostsNobodyTheRest holds that an optional field that cannot be read, or
// one recipient who can be nobody's, costs the others nothing, and that it is told.
func TestOnePartCostsNobodyTheRest(t *testing.T) {
	t.Parallel()
	cfg, log := logged(t)
	p := start(t, cfg)
	produce(t, cfg,
		event(`{"recipients":["kim","a/b","lee",7],"title":"to two"}`),
		event(`{"recipient":"kim","title":"no url","url":"javascript:alert(1)"}`),
		event(`{"recipient":"kim","title":"no body","body":{"en":"read","ko":5},"url":null}`),
		event(`{"recipient":"kim","title":"no times","time":5,"expires_at":-1.5,"actor":{"id":"a","avatar":"//evil.example"}}`),
		event(`{"recipient":"kim","title":"no times again","time":5}`),
		event(`{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"soon","subject":"park","data":{"title":"an event without a time"}}`),
		event(`{"recipient":"kim","title":"over","expires_at":"2020-01-01T00:00:00Z"}`),
		event(`{"recipient":"kim","title":"never over","expires_at":"0001-01-01T00:00:00Z"}`),
		event(`{"title":"for nobody"}`),
		event(`{"recipient":"lee","title":"last"}`),
	)
	p.awaitCount(t, "lee", 2)
	p.awaitCount(t, "kim", 6)
	p.awaitCount(t, "park", 1)
	for i, want := range []string{"to two", "no url", "no body", "no times", "no times again", "never over"} {
		item := p.items(t, "kim")[i]
		if item.Title[""] != want || item.URL != "" || item.Body != nil || item.Actor.Avatar != "" || item.Time.Year() < 2026 || !item.ExpiresAt.IsZero() {
			t.Errorf("item %d is %+v, want %s with nothing that is not valid", i, item.Notification, want)
		}
	}
	group := prefix.RouterGroup(prefix.Notifications())
	for field, want := range map[string]float64{"url": 1, "body": 1, "time": 3, "expires_at": 1, "actor.avatar": 1} {
		if got := p.counter(t, "belfry_omitted_fields_total", "unreadable", field, group, ""); got != want {
			t.Errorf("counted %v fields %s, want %v", got, field, want)
		}
	}
	if got := p.counter(t, "belfry_expired_on_arrival_total", group, ""); got != 1 {
		t.Errorf("counted %v expired, want 1", got)
	}
	letters := consume(t, cfg, prefix.DeadLetters(), 2)
	var said []string
	for _, m := range letters {
		l, _, err := deadletter.ParseEnvelope(kafka.Headers(m))
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, fmt.Sprintf("%t %s", l.Part, l.Error))
	}
	if want := `true recipients[1]: must not contain "/"; 1 more are not valid either; the others got theirs`; said[0] != want || said[1] != "false recipient: is required, or recipients, or audience for a notice to everybody or to a topic" {
		t.Errorf("letters say %q, want first %q", said, want)
	}
	text := log.String()
	for line, want := range map[string]int{
		`msg="record set aside as a dead letter`:                       1, // of one reason
		`field=time cause=unreadable`:                                  1,
		`field=url cause=unreadable`:                                   1,
		`msg="notification had expired before it was routed`:           1,
		`topic=test.notifications partition=0 offset=0 reason=invalid`: 1,
	} {
		if got := strings.Count(text, line); got != want {
			t.Errorf("the log has %d lines %s, want %d:\n%s", got, line, want, text)
		}
	}
	if strings.Contains(text, "evil.example") || strings.Contains(text, "alert(1)") {
		t.Errorf("the log quotes records:\n%s", text)
	}
}

// TestUnmatchedRecordsAreTold holds that a source that names its topic says when its
// rules make nothing of what is there; one with a pattern is for topics of any kind.
func TestUnmatchedRecordsAreTold(t *testing.T) {
	t.Parallel()
	cfg, log := logged(t)
	createSource(t, cfg, 1, "orders", "others")
	r := route(t, cfg, named("orders"), matching("oth.*"))
	awaitNoted(t, cfg, "topic orders")
	awaitNoted(t, cfg, "pattern oth.*")
	for _, topic := range []string{"orders", "others"} {
		for _, value := range []string{`[]`, `[]`, `["kim","x"]`} {
			produce(t, cfg, &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)})
		}
	}
	for _, topic := range []string{"orders", "others"} {
		group := prefix.RouterGroup(topic)
		await.Eventually(t, patience, func() string { return topic + " is not routed" }, func() bool {
			return counterOf(t, r, "belfry_records_total", group, "routed") == 1
		})
		if got := counterOf(t, r, "belfry_records_total", group, "unmatched"); got != 2 {
			t.Errorf("%s: counted %v unmatched, want 2", topic, got)
		}
	}
	if text := log.String(); strings.Count(text, "record matches no rule") != 1 || !strings.Contains(text, "topic=orders partition=0 offset=0 more=0") {
		t.Errorf("want one line about orders:\n%s", text)
	}
}

// TestAnIDThatComesAgainIsTold holds that nothing is dropped in silence for its id,
// and that another event which has it is told from the same one sent again.
func TestAnIDThatComesAgainIsTold(t *testing.T) {
	t.Parallel()
	cfg, log := logged(t)
	p := start(t, cfg)
	produce(t, cfg,
		event(`{"recipient":"kim","id":"tenant-7","title":"one"}`),
		event(`{"recipient":"kim","id":"tenant-7","title":"two"}`),
		event(`{"recipient":"kim","id":"tenant-7","title":"one"}`),
		event(`{"recipient":"kim","id":"tenant-7","title":"four","priority":"urgent"}`),
		event(`[{"recipient":"kim","title":"five"},{"recipient":"kim","title":"six"}]`),
	)
	p.awaitCount(t, "kim", 3)
	for content, want := range map[string]float64{"other": 2, "same": 1} {
		await.Eventually(t, patience, func() string { return content + " is not counted" }, func() bool {
			return p.counter(t, "belfry_repeated_ids_total", content, "") == want
		})
	}
	if got := p.counter(t, "belfry_repeated_ids_total", "unknown", ""); got != 0 {
		t.Errorf("counted %v unknown, want 0", got)
	}
	for _, says := range []string{"had the same one", "had another one of the same id"} {
		if n := strings.Count(log.String(), says); n != 1 {
			t.Errorf("%d lines say %q, want one a minute, in\n%s", n, says, log.String())
		}
	}
}
