package ops_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/ops"
)

func TestTopics(t *testing.T) {
	a, f := opsAPI(t)
	got := servertest.Into[ops.TopicsBody](a.get("/v1/ops/topics").Want(200)).Topics
	if len(got) != 2 || got[0].Name != "belfry.journal" || got[1].Exists {
		t.Fatalf("got %+v, want two by name", got)
	}
	journal := got[0]
	if r := journal.Readers; len(r) != 1 || r[0] != (ops.TopicReader{Name: "belfry-unread", Kind: "group", Lag: 43}) {
		t.Errorf("got readers %+v", r)
	}
	if w := journal.Writers; len(w) != 2 || w[0] != "HTTP API" || w[1] != "belfry-router-orders" {
		t.Errorf("got writers %v", w)
	}
	if r := got[1].Readers; len(r) != 1 || r[0].Name != "belfry-router-orders" {
		t.Errorf("got readers %+v of a topic that is not there", r)
	}
	f.Set(func() { f.TopicsErr = errors.New("no broker answers") })
	a.get("/v1/ops/topics").WantProblem(503, "")
	a.get("/v1/ops/topics/orders/records").WantProblem(503, "")
}

// TestNewestRecords: each look is logged with who looked at which topic, and
// without what was seen.
func TestNewestRecords(t *testing.T) {
	var log servertest.Log
	a, f := opsAPI(t, func(c *server.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	got := servertest.Into[ops.RecordsBody](a.get("/v1/ops/topics/orders/records?limit=5&partition=0").Want(200))
	if len(got.Records) != 1 || got.Records[0].Offset != 8 || len(got.Records[0].Decoded[0].Rules) != 2 {
		t.Errorf("got %+v", got)
	}
	if q := f.Looked[0]; q != (ops.RecordQuery{Topic: "orders", Limit: 5}) {
		t.Errorf("asked for %+v", q)
	}
	if text := log.String(); !strings.Contains(text, "records shown to an operator") || !strings.Contains(text, "topic=orders") || strings.Contains(text, "hidden-value") {
		t.Errorf("got the log %q", text)
	}
	for query, field := range map[string]string{
		"?limit=0": "limit", "?limit=51": "limit", "?limit=-1": "limit", "?limit=99999999999999999999": "limit",
		"?partition=-1": "partition", "?partition=2147483648": "partition", "?partition=x": "partition", "?partition=7": "partition",
	} {
		a.get("/v1/ops/topics/orders/records"+query).WantProblem(400, field)
	}
	for _, topic := range []string{"theirs", "", "__consumer_offsets", ".."} {
		a.get("/v1/ops/topics/"+topic+"/records").WantProblem(404, "")
	}
}

func TestShownPart(t *testing.T) {
	long := strings.Repeat("가", 10_000)
	text, cut := ops.ShownPart([]byte(long))
	if !cut || text == nil || !strings.HasPrefix(long, *text) || len(*text) < 10_000 {
		t.Error("a long text is not shown as its beginning")
	}
}
