package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// callTimeout bounds one call. A server waits 2 s for its views and 10 s for
// the journal.
const callTimeout = 5 * time.Second

// api is the HTTP interface of all servers of the installation.
type api struct {
	servers []*member
	calls   *http.Client // with callTimeout
	streams *http.Client // without
	service string
	admin   string
	trouble func(format string, args ...any)
	// announced says which servers have taken a notice: they know all notice boards.
	announced []atomic.Bool
}

func newAPI(in *installation, trouble func(string, ...any)) *api {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.MaxIdleConnsPerHost = 20
	return &api{
		servers: in.servers, service: in.service, admin: in.admin, trouble: trouble,
		calls: &http.Client{Transport: transport, Timeout: callTimeout}, streams: &http.Client{Transport: transport},
		announced: make([]atomic.Bool, len(in.servers)),
	}
}

func (a *api) close() { a.calls.CloseIdleConnections() }

// call is one request.
type call struct {
	server       int
	method, path string
	token        string
	etag         string    // for If-None-Match
	body         any       // encoded as JSON
	announces    bool      // it needs the notice boards of all partitions
	over         time.Time // when what it announces expires, after which it is refused; zero: never
}

func (c *call) isOver() bool { return !c.over.IsZero() && !time.Now().Before(c.over) }

// answer is what came back; status 0 says that nothing did.
type answer struct {
	status int
	etag   string
	body   []byte
}

// mayAnswer are the answers that a server may give, however bad things are.
var mayAnswer = []int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNotModified, http.StatusServiceUnavailable}

// do makes a request. An answer that is not of [mayAnswer] is trouble.
func (a *api) do(ctx context.Context, c call) answer {
	var body io.Reader
	if c.body != nil {
		data, err := json.Marshal(c.body)
		if err != nil {
			a.trouble("encode a request: %v", err)
			return answer{}
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, c.method, a.servers[c.server].url+c.path, body)
	if err != nil {
		a.trouble("make a request: %v", err)
		return answer{}
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	if c.etag != "" {
		request.Header.Set("If-None-Match", c.etag)
	}
	response, err := a.calls.Do(request)
	if err != nil {
		return answer{}
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}
	}
	switch status := response.StatusCode; {
	case slices.Contains(mayAnswer, status):
		if c.announces && status == http.StatusAccepted {
			a.announced[c.server].Store(true)
		}
	case c.announces && status == http.StatusConflict && !a.announced[c.server].Load():
		// Processors that have just begun have yet to make some, or this server to read of them.
	case status == http.StatusBadRequest && c.isOver():
	default:
		a.trouble("%s answered %s %s with %d: %.300s", a.servers[c.server].name, c.method, routeOf(c.path), response.StatusCode, data)
	}
	return answer{status: response.StatusCode, etag: response.Header.Get("ETag"), body: data}
}

// routeOf is a path without what differs from call to call.
func routeOf(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	return u.Path
}

// decode reads a JSON answer and reports whether it was one.
func (a *api) decode(got answer, v any) bool {
	if err := json.Unmarshal(got.body, v); err != nil {
		a.trouble("decode an answer: %v: %.300s", err, got.body)
		return false
	}
	return true
}

// cursorText is a cursor as it stands in an answer.
type cursorText struct{ inbox.Cursor }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *cursorText) UnmarshalText(text []byte) (err error) {
	c.Cursor, err = inbox.ParseCursor(string(text))
	return err
}

// badgeBody is the unread object.
type badgeBody struct {
	User    string
	Version uint64
	Cursor  cursorText
	inbox.Counts
}

// pageBody is a page of an inbox.
type pageBody struct {
	Version uint64
	Cursor  cursorText
	Unread  int
	Items   []history.Item
	Next    uint64 `json:",string"`
}

func userPath(user, rest string) string { return "/v1/users/" + url.PathEscape(user) + "/" + rest }

// page asks for one page. It reports false if there was none.
func (a *api) page(ctx context.Context, client, user string, server int, archived bool, before, version uint64) (history.Listed, bool) {
	query := url.Values{"limit": {"100"}}
	if archived {
		query.Set("status", "archived")
	}
	if before != 0 {
		query.Set("before", strconv.FormatUint(before, 10))
	}
	if version != 0 {
		query.Set("min_version", strconv.FormatUint(version, 10))
	}
	got := a.do(ctx, call{server: server, method: http.MethodGet, path: userPath(user, "inbox?") + query.Encode(), token: a.admin})
	var body pageBody
	if got.status != http.StatusOK || !a.decode(got, &body) {
		return history.Listed{}, false
	}
	return history.Listed{
		At: time.Now(), Client: client, Server: a.servers[server].name, User: user, Cursor: body.Cursor.Cursor, Version: body.Version,
		Unread: body.Unread, Archived: archived, Before: before, Next: body.Next, Items: body.Items,
	}, true
}

// users names the users of a run; every other one is not ASCII.
func users(n int) []string {
	names := make([]string, n)
	for i := range names {
		if i%2 == 0 {
			names[i] = fmt.Sprintf("사용자-%d", i)
		} else {
			names[i] = fmt.Sprintf("user-%d", i)
		}
	}
	return names
}
