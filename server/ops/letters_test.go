package ops_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/ops"
)

func TestLetters(t *testing.T) {
	var log servertest.Log
	a, f := opsAPI(t, func(c *server.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	reply := a.get("/v1/ops/dead-letters").Want(200)
	got := servertest.Into[ops.LetterPage](reply)
	if len(got.Letters) != 2 || got.Letters[0].ID != (ops.Place{1, 12}) || !got.Letters[0].Cut || got.Letters[0].Rule != "order-received" || got.Next != "" {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(reply.Body.String(), "contents") || strings.Contains(reply.Body.String(), "no such key") {
		t.Errorf("the list shows contents: %s", reply.Body)
	}
	if got := servertest.Into[ops.LetterPage](a.get("/v1/ops/dead-letters?reason=invalid&group=belfry-router-orders").Want(200)); len(got.Letters) != 1 || got.Letters[0].Reason != "invalid" {
		t.Errorf("got %+v of one reason", got)
	}
	if got := servertest.Into[ops.LetterPage](a.get("/v1/ops/dead-letters?limit=1").Want(200)); len(got.Letters) != 1 || got.Next != "1.2" {
		t.Errorf("got %+v, want one and the next", got)
	}
	if got := a.get("/v1/ops/dead-letters?reason=panic").Want(200).Body.String(); got != `{"letters":[]}`+"\n" {
		t.Errorf("got %s for none", got)
	}
	a.get("/v1/ops/dead-letters?limit=101").WantProblem(400, "limit")
	a.get("/v1/ops/dead-letters?before=x").WantProblem(400, "before")

	if got := servertest.Into[ops.LetterBody](a.get("/v1/ops/dead-letters/0/11").Want(200)); got.Contents != nil || got.Size != 24 {
		t.Errorf("got %+v, want no contents", got)
	}
	if strings.Contains(log.String(), "shown to an operator") {
		t.Errorf("a look without contents is logged: %s", log.String())
	}
	whole := servertest.Into[ops.LetterBody](a.get("/v1/ops/dead-letters/0/11?contents=1").Want(200))
	if c := whole.Contents; c == nil || *c.Value != `{"title":"hidden-value"}` || c.Error != "title: is required" || c.Headers[0].Name != "trace" {
		t.Errorf("got %+v", whole.Contents)
	}
	if text := log.String(); !strings.Contains(text, "contents shown to an operator") || strings.Contains(text, "hidden-value") {
		t.Errorf("got the log %q", text)
	}
	a.get("/v1/ops/dead-letters/0/99").WantProblem(404, "")
	a.get("/v1/ops/dead-letters/99999999999/1").WantProblem(400, "offset")
	a.get("/v1/ops/dead-letters/x/1").WantProblem(404, "")

	const replay = "/v1/ops/dead-letters/replay"
	outcomes := servertest.Into[ops.Replayed](a.call("POST", replay, `{"letters":[{"partition":0,"offset":11},{"partition":5,"offset":5}]}`).Want(200)).Outcomes
	if len(outcomes) != 2 || outcomes[0].Result != "replayed" || outcomes[1].Result != "refused" || len(f.Replayed) != 2 {
		t.Errorf("got %+v", outcomes)
	}
	if !strings.Contains(log.String(), "dead letters replayed by an operator") {
		t.Errorf("a replay leaves no trace: %s", log.String())
	}
	a.call("POST", replay, `{"letters":[]}`).WantProblem(400, "letters")
	a.call("POST", replay, `{"letters":[`+strings.TrimSuffix(strings.Repeat(`{"offset":1},`, ops.MaxReplay+1), ",")+`]}`).WantProblem(400, "letters")
	a.call("POST", replay, `[]`).WantProblem(400, "")
	for place, field := range map[string]string{
		`"partition":-1`: "letters[1].partition", `"partition":-2147483648`: "letters[1].partition",
		`"offset":-1`: "letters[1].offset", `"offset":-9223372036854775808`: "letters[1].offset",
		`"partition":2147483648`: "letters[1].partition", `"offset":9223372036854775808`: "letters[1].offset",
		`"partition":0.5`: "letters[1].partition", `"offset":"1"`: "letters[1].offset",
	} {
		a.call("POST", replay, `{"letters":[{"partition":0,"offset":11},{`+place+`}]}`).WantProblem(400, field)
	}
	// A form of another site's page can send these content types.
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""} {
		a.call("POST", replay, `{"letters":[{"partition":0,"offset":11}]}`, "Content-Type", contentType).WantProblem(415, "")
	}
	a.call("POST", replay, `{"letters":[{"partition":0,"offset":11}]}`, "Sec-Fetch-Site", "cross-site").WantProblem(403, "")
	if len(f.Replayed) != 2 {
		t.Errorf("replayed %v, want the refused calls to have changed nothing", fmt.Sprint(f.Replayed))
	}
}

// A replay that Kafka could not be asked for is no fault of the server's: it is to be
// asked for again.
func TestReplayWhileKafkaIsAway(t *testing.T) {
	a, f := opsAPI(t)
	f.Set(func() { f.ReplayErr = errors.New("no broker answers") })
	a.call("POST", "/v1/ops/dead-letters/replay", `{"letters":[{"partition":0,"offset":1}]}`).WantProblem(http.StatusServiceUnavailable, "")
}
