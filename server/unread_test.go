package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

func TestUnreadOfNobody(t *testing.T) {
	got := newAPI(t).get("/v1/users/user-7/unread").Want(200).
		WantHeader("ETag", `"0.0.0"`).WantHeader("Cache-Control", "private, no-cache").
		WantHeader("Content-Type", "application/json").WantHeader("X-Poll-Interval", "30")
	want := `{"user":"user-7","version":0,"cursor":"0.0","x":0,"unread":0,"unseen":0,"urgent":0,"categories":{}}` + "\n"
	if got.Body.String() != want {
		t.Errorf("got %s, want %s", got.Body, want)
	}
}

func TestUnreadCounts(t *testing.T) {
	a := newAPI(t)
	a.Append("u", inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
		Title: belfry.PlainText("x"), Category: "approval", Priority: belfry.PriorityUrgent}}, servertest.Note("y"))
	want := `{"user":"u","version":2,"cursor":"7.2","x":0,"unread":2,"unseen":2,"urgent":1,"categories":{"approval":{"unread":1,"unseen":1}}}` + "\n"
	if got := a.get("/v1/users/u/unread").Want(200).Body.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	head := a.call("HEAD", "/v1/users/u/unread", "").Want(200).WantHeader("ETag", `"7.2.0"`)
	if head.Header().Get("X-Poll-Interval") == "" {
		t.Error("HEAD lacks the headers of GET")
	}
}

func TestUnreadConditional(t *testing.T) {
	a := newAPI(t)
	a.notify("u", "x", "y")
	for header, want := range map[string]int{
		`"7.2.0"`: 304, `W/"7.2.0"`: 304, `"a", "7.2.0"`: 304, `"7.1.0",W/"7.2.0"`: 304, `*`: 304,
		`"7.1.0"`: 200, `"7.2.1"`: 200, `"8.2.0"`: 200, `7.2.0`: 200, `"7.2"`: 200, `"`: 200, `W/`: 200, `"0.0.0"`: 200,
		`"7.2.0.language"`: 200, `"x.y.z"`: 200,
	} {
		t.Run(header, func(t *testing.T) {
			got := newAPIWith(t, a).get("/v1/users/u/unread", "If-None-Match", header).Want(want).WantHeader("ETag", `"7.2.0"`)
			if want == 304 && (got.Body.Len() != 0 || got.Header().Get("Content-Type") != "") {
				t.Errorf("304 has a body: %q", got.Body)
			}
			if got.Header().Get("X-Poll-Interval") == "" || got.Header().Get("Cache-Control") == "" {
				t.Errorf("headers are missing: %v", got.Header())
			}
		})
	}
}

// TestUnreadExpiry has an item expire without a record: the tag must change
// although the version does not.
func TestUnreadExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.Append("u", servertest.Brief("x", time.Minute))
		a.get("/v1/users/u/unread").WantHeader("ETag", `"7.1.0"`)
		time.Sleep(2 * time.Minute)
		got := a.get("/v1/users/u/unread", "If-None-Match", `"7.1.0"`).Want(200).WantHeader("ETag", `"7.1.1"`)
		if b := servertest.Into[wire.Badge](got); b.Unread != 0 || b.Version != 1 {
			t.Errorf("got %+v, want nothing unread at version 1", b)
		}
	})
}

func TestUnreadWaits(t *testing.T) {
	tests := []struct {
		name, query, header string
		releaseAfter        time.Duration
		status              int
		waits               time.Duration
	}{
		{"knows less", "?min_version=0", `"7.0.0"`, time.Hour, 200, 0},
		{"by tag, in time", "", `"7.1.0"`, time.Second, 304, time.Second},
		{"by version, in time", "?min_version=1", "", time.Second, 200, time.Second},
		{"of another epoch", "", `"9.1.0"`, time.Second, 200, time.Second},
		{"expired items do not count", "", `"7.0.9"`, time.Hour, 200, 0},
		{"by tag, too late", "", `"7.1.0"`, time.Hour, 503, wire.MaxWait},
		{"by version, too late", "?min_version=1", "", time.Hour, 503, wire.MaxWait},
		{"the higher one counts", "?min_version=2", `"7.1.0"`, time.Second, 503, wire.MaxWait},
	}
	for _, path := range []string{"unread", "inbox"} {
		for _, tt := range tests {
			t.Run(path+" "+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newAPI(t)
					a.fake.HoldRows = true
					a.notify("u", "x")
					timer := time.AfterFunc(tt.releaseAfter, a.fake.Release)
					defer timer.Stop()
					start := time.Now()
					got := a.get("/v1/users/u/"+path+tt.query, "If-None-Match", tt.header)
					if took := time.Since(start); took != tt.waits {
						t.Errorf("took %s, want %s", took, tt.waits)
					}
					if got.Want(tt.status); tt.status == 503 {
						got.WantProblem(503, "")
					}
				})
			})
		}
	}
}

func TestUnreadClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		ctx, cancel := context.WithCancel(t.Context())
		a.ctx = ctx
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		a.get("/v1/users/u/unread?min_version=5").WantProblem(503, "")
		if got := time.Since(start); got != time.Second {
			t.Errorf("went on for %s after its client had gone", got-time.Second)
		}
		if n := len(a.fake.Watchers["u"]); n != 0 {
			t.Errorf("got %d watchers left, want 0", n)
		}
	})
}

func TestUnreadBadQuery(t *testing.T) {
	a := newAPI(t)
	for query, field := range map[string]string{
		"?min_version=-1": "min_version", "?min_version=1.5": "min_version", "?min_version=": "min_version",
		"?min_version=99999999999999999999": "min_version", "?a=%zz": "", "?a;b": "",
	} {
		a.get("/v1/users/u/unread"+query).WantProblem(400, field)
	}
}

func TestUnreadNotReady(t *testing.T) {
	a := newAPI(t)
	a.fake.NotReady = true
	for _, path := range []string{"/v1/users/u/unread", "/v1/users/u/inbox", "/v1/users/u/export", "/v1/unread?user=u"} {
		a.get(path).WantProblem(503, "")
	}
	a.call("POST", "/v1/users/u/inbox/read", `{"seqs":[1]}`).WantProblem(503, "")
	if a.fake.Offset != 0 {
		t.Error("a command was written that could not be answered")
	}
}

// mirror is one journal that two tables are made of.
type mirror struct{ a, b *servertest.Tables }

func (m mirror) Append(ctx context.Context, records ...inbox.Addressed) ([]inbox.Position, error) {
	if _, err := m.b.Append(ctx, records...); err != nil {
		return nil, err
	}
	return m.a.Append(ctx, records...)
}

// TestTwoServersNeverGoBack sends one client back and forth between two
// servers, of which one is held back at times: no answer is older than one
// before, whatever the client uses to say what it knows.
func TestTwoServersNeverGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := newAPI(t)
		behind := newAPI(t)
		journal := mirror{ahead.fake, behind.fake}
		ahead.config.Journal, behind.config.Journal = journal, journal

		version, tag, refused := uint64(0), "", 0
		for round := range 40 {
			behind.fake.Mu.Lock()
			behind.fake.HoldRows = round%3 != 0
			behind.fake.Mu.Unlock()
			ahead.call("POST", "/v1/notifications", fmt.Sprintf(`{"recipient":"u","title":"%d"}`, round)).Want(202)
			late := time.AfterFunc(time.Duration(round%5)*time.Second, behind.fake.Release)
			for i, server := range []*api{ahead, behind, ahead, behind} {
				path, headers := "/v1/users/u/unread", []string{"If-None-Match", tag}
				switch (round + i) % 3 {
				case 1:
					path, headers = fmt.Sprintf("/v1/users/u/unread?min_version=%d", version), nil
				case 2:
					path, headers = fmt.Sprintf("/v1/users/u/inbox?min_version=%d", version), nil
				}
				got := server.get(path, headers...)
				switch got.Code {
				case http.StatusOK:
					b := servertest.Into[wire.Badge](got)
					if b.Version < version {
						t.Fatalf("round %d: got version %d after %d", round, b.Version, version)
					}
					version = b.Version
					if (round+i)%3 != 2 {
						tag = got.Header().Get("ETag")
					}
				case http.StatusNotModified:
				case http.StatusServiceUnavailable:
					refused++
				default:
					t.Fatalf("got %d: %s", got.Code, got.Body)
				}
			}
			late.Stop()
			behind.fake.Release()
		}
		if refused == 0 || version != 40 {
			t.Errorf("got %d refusals and version %d: the test shows nothing", refused, version)
		}
	})
}

func TestPollInterval(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.PollInterval = 1500 * time.Millisecond })
	a.get("/v1/users/u/unread").WantHeader("X-Poll-Interval", "2")
	a.load.Requests.Add(2 * a.load.Capacity)
	a.get("/v1/users/u/unread").WantHeader("X-Poll-Interval", "5")
	a.load.Requests.Add(200 * a.load.Capacity)
	a.get("/v1/unread?user=u").WantHeader("X-Poll-Interval", "15")
}

func TestBatch(t *testing.T) {
	a := newAPI(t)
	a.notify("사용자-7", "x")
	got := a.get("/v1/unread?user=b&user=%EC%82%AC%EC%9A%A9%EC%9E%90-7&user=b").Want(200)
	want := `{"users":[` +
		`{"user":"b","version":0,"cursor":"0.0","x":0,"unread":0,"unseen":0,"urgent":0,"categories":{}},` +
		`{"user":"사용자-7","version":1,"cursor":"7.1","x":0,"unread":1,"unseen":1,"urgent":0,"categories":{}},` +
		`{"user":"b","version":0,"cursor":"0.0","x":0,"unread":0,"unseen":0,"urgent":0,"categories":{}}]}` + "\n"
	if got.Body.String() != want {
		t.Errorf("got %s, want %s", got.Body, want)
	}
}

func TestBatchLimits(t *testing.T) {
	a := newAPI(t)
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "&user=%d", i)
		}
		return "/v1/unread?" + b.String()
	}
	a.get(many(100)).Want(200)
	a.get(many(101)).WantProblem(400, "user")
	a.get("/v1/unread").WantProblem(400, "user")
	a.get("/v1/unread?user=a&user=__b").WantProblem(400, "user[1]")
	a.get("/v1/unread?user=").WantProblem(400, "user[0]")
}

// epochs is a journal of that epoch, and counts who looked.
type epochs struct {
	epoch  uint32
	err    error
	looked int
}

func (e *epochs) Epoch(context.Context) (uint32, error) {
	e.looked++
	return e.epoch, e.err
}

// TestCursorOfAnotherLog answers at once to what is of a log that is gone, and has
// what is of the future wait.
func TestCursorOfAnotherLog(t *testing.T) {
	for name, tt := range map[string]struct {
		known  string // cursor
		epoch  uint32
		err    error
		status int
		looked int
	}{
		"of a log that is gone":            {known: "6.9", epoch: 7, status: 200, looked: 1},
		"of the row's log, of the future":  {known: "7.9", epoch: 7, status: 503},
		"of the journal's, row behind":     {known: "8.9", epoch: 8, status: 503, looked: 1},
		"of a log that is gone, row too":   {known: "6.9", epoch: 8, status: 200, looked: 1},
		"the journal is out of reach":      {known: "6.9", err: errors.New("no broker"), status: 503, looked: 1},
		"of a log that is gone, but lower": {known: "6.1", epoch: 7, status: 200},
		"nothing":                          {known: "0.0", epoch: 7, status: 200},
	} {
		for _, path := range []string{"/v1/users/u/unread", "/v1/users/u/inbox", "/v1/users/u/inbox?before=n0.9.0.9." + tt.known} {
			if tt.known == "0.0" && strings.Contains(path, "before") {
				continue // the next of no page
			}
			t.Run(name+path[len("/v1/users/u"):], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := &epochs{epoch: tt.epoch, err: tt.err}
					a := newAPI(t, func(c *Config) { c.Epochs = e })
					a.notify("u", "1", "2")
					start := time.Now()
					var headers []string
					if !strings.Contains(path, "before") {
						headers = []string{"If-None-Match", `W/"` + tt.known + `.0-gzip"`}
					}
					got := a.get(path, headers...)
					if got.Code != tt.status || e.looked != tt.looked {
						t.Errorf("got %d after %d look-ups, want %d after %d", got.Code, e.looked, tt.status, tt.looked)
					}
					if took := time.Since(start); tt.status == 200 && took > 0 {
						t.Errorf("waited %s", took)
					}
				})
			})
		}
	}
}

// TestStreamOfAnotherLog sends resync at once to a client of a log that is gone.
func TestStreamOfAnotherLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, func(c *Config) { c.Epochs = &epochs{epoch: 7} })
		a.notify("u", "1")
		ctx, cancel := context.WithCancel(t.Context())
		a.ctx = ctx
		time.AfterFunc(time.Second, cancel) // before the wait for a cursor of the future would be over
		got := a.get("/v1/users/u/stream", "Last-Event-ID", "6.9").Body.String()
		if !strings.Contains(got, "id: 7.1\nevent: resync\ndata: {\"version\":1}\n") {
			t.Errorf("got %q, want resync at once", got)
		}
	})
}

// A header of many tags is one question to Kafka, as one of a single tag is, and of
// thousands the first count.
func TestManyTagsOfOtherLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &epochs{epoch: 7}
		a := newAPI(t, func(c *Config) { c.Epochs = e })
		a.notify("u", "1")
		var tags []string
		for i := range 2000 {
			tags = append(tags, fmt.Sprintf(`"%d.%d.0"`, 100+i, 100+i))
		}
		start := time.Now()
		if got := a.get("/v1/users/u/unread", "If-None-Match", strings.Join(tags, ",")); got.Code != 200 || e.looked != 1 || time.Since(start) > 0 {
			t.Errorf("got %d after %d look-ups and %s, want 200 after one", got.Code, e.looked, time.Since(start))
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("If-None-Match", strings.Join(tags, ","))
		if c := wire.ParseCondition(r); len(c.Tags) != 64 || !c.Matches(tags[63]) {
			t.Errorf("%d tags count, want the first 64", len(c.Tags))
		}
	})
}
