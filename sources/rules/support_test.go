package rules_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

// options are those of most tests.
var (
	recordTime = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	eventTime  = time.Date(2025, 12, 24, 18, 30, 0, 0, time.UTC)
)

func options() rules.Options {
	return rules.Options{Decoder: envelope.NewDecoder(envelope.Config{})}
}

func parseRules(t testing.TB, text string) *rules.Set {
	t.Helper()
	r, err := rules.Parse("rules.yaml", text, options())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// oneRule is a source "orders" with one rule, of which fields are given beside
// its name; recipients and title are there unless given.
func oneRule(fields string) string {
	for field, value := range map[string]string{"recipients": "event.to", "title": "Hello"} {
		if !strings.Contains("\n"+fields, "\n"+field+":") && (field != "title" || !strings.Contains(fields, "retract:")) {
			fields += "\n" + field + ": " + value
		}
	}
	fields = strings.ReplaceAll(strings.Trim(fields, "\n"), "\n", "\n        ")
	return "sources:\n  - topic: orders\n    rules:\n      - name: order-received\n        " + fields + "\n"
}

func sourceOf(t testing.TB, r *rules.Set, topic string) *rules.Source {
	t.Helper()
	s, ok := r.Source(topic)
	if !ok {
		t.Fatalf("no source for %s", topic)
	}
	return s
}

// orderRecord is a record of "orders" with that value.
func orderRecord(value string, headers ...string) sources.Record {
	r := sources.Record{
		Topic: "orders", TopicID: [16]byte{0xab}, Partition: 3, Offset: 17, Timestamp: recordTime,
		Key: []byte("customer-1"), Value: []byte(value),
	}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, sources.Header{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return r
}

// route has one rule route one value.
func route(t testing.TB, fields, value string, headers ...string) ([]sources.Delivery, error) {
	t.Helper()
	return sourceOf(t, parseRules(t, oneRule(fields)), "orders").Route(orderRecord(value, headers...))
}

// notificationOf is route for a rule that must make one notification.
func notificationOf(t testing.TB, fields, value string, headers ...string) belfry.Notification {
	t.Helper()
	ds, err := route(t, fields, value, headers...)
	if err != nil || len(ds) != 1 || ds[0].Record.Kind != inbox.KindNotify {
		t.Fatalf("got %+v, %v, want one notification", ds, err)
	}
	return ds[0].Record.Notification
}

// wantProblems holds what is wrong with a text against parts of the lines that
// must say it, each once and in order.
func wantProblems(t *testing.T, err error, lines ...string) {
	t.Helper()
	var wrong *rules.LoadError
	if !errors.As(err, &wrong) || !errors.Is(err, belfry.ErrInvalid) {
		t.Fatalf("got %v, want problems", err)
	}
	if len(wrong.Problems) != len(lines) {
		t.Fatalf("got %d problems, want %d:\n%v", len(wrong.Problems), len(lines), err)
	}
	for i, p := range wrong.Problems {
		if !strings.Contains(p.String(), lines[i]) {
			t.Errorf("problem %d: got %s\nwant %s", i, p, lines[i])
		}
	}
}

func wantRuleError(t *testing.T, err error, field, says string) {
	t.Helper()
	var re *rules.Error
	if !errors.As(err, &re) || !errors.Is(err, belfry.ErrInvalid) {
		t.Fatalf("got %v, want a rule's error", err)
	}
	if re.Rule != "order-received" || re.Field != field || !strings.Contains(re.Error(), says) {
		t.Errorf("got %v (field %q), want field %q and %q", re, re.Field, field, says)
	}
}

func quoted(n int) string { return fmt.Sprintf("%q", strings.Repeat("x", n)) }

// foldOne applies a record to a user's row as the processor does.
func foldOne(t *testing.T, s inbox.State, r inbox.Record, offset int64) inbox.State {
	t.Helper()
	out, _ := inbox.Fold(s, r, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: offset}, Time: recordTime})
	return out
}

func toText(v any) string { return fmt.Sprint(v) }
