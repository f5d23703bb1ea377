package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
)

// slowReader is a connection over HTTP/2 whose client reads nothing of any body.
type slowReader struct {
	t      *testing.T
	conn   net.Conn
	framer *http2.Framer
	next   uint32 // stream ID
	token  string // sent with each request, unless it is ""
	resets int    // streams that the server has ended before their end
}

// readNothing dials address from that loopback address.
func readNothing(t *testing.T, address, from string) *slowReader {
	t.Helper()
	conn, err := servertest.DialFrom(t, address, from)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(3 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	c := &slowReader{t: t, conn: conn, framer: http2.NewFramer(conn, conn), next: 1}
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	// RFC 9113 section 6.9.2: a window of 0 lets no byte of a body through.
	if err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		t.Fatal(err)
	}
	return c
}

// get asks for path.
func (c *slowReader) get(path string) {
	c.t.Helper()
	if err := c.request(path); err != nil {
		c.t.Fatal(err)
	}
}

// request is get on a connection that may be closed.
func (c *slowReader) request(path string) error {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	fields := [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "localhost"}, {":path", path}}
	if c.token != "" {
		fields = append(fields, [2]string{"authorization", "Bearer " + c.token})
	}
	for _, f := range fields {
		if err := enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			return err
		}
	}
	c.next += 2
	return c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.next - 2, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
}

// until reads frames until seen says that it is enough.
func (c *slowReader) until(seen func(http2.Frame) bool) {
	c.t.Helper()
	for {
		frame, err := c.framer.ReadFrame()
		var stream http2.StreamError
		if errors.As(err, &stream) {
			continue
		}
		if err != nil {
			c.t.Fatal(err)
		}
		if s, ok := frame.(*http2.SettingsFrame); ok && !s.IsAck() {
			if err := c.framer.WriteSettingsAck(); err != nil {
				c.t.Fatal(err)
			}
		}
		if _, ok := frame.(*http2.RSTStreamFrame); ok {
			c.resets++
		}
		if seen(frame) {
			return
		}
	}
}

// untilReset reads until the server has ended n streams.
func (c *slowReader) untilReset(n int) {
	c.t.Helper()
	if c.resets < n {
		c.until(func(http2.Frame) bool { return c.resets == n })
	}
}

// statuses reads the headers of n answers and counts their statuses.
func (c *slowReader) statuses(n int) map[string]int {
	c.t.Helper()
	got := map[string]int{}
	c.until(func(f http2.Frame) bool {
		if h, ok := f.(*http2.MetaHeadersFrame); ok {
			got[h.PseudoValue("status")]++
			n--
		}
		return n == 0
	})
	return got
}

// TestAnswersThatNobodyReads has one client ask for far more than fits into memory
// and read nothing: its answers are bounded, another client is served beside it, and
// what they hold goes with the connection.
func TestAnswersThatNobodyReads(t *testing.T) {
	const budget = 16 << 20 // 2 MiB an address
	r := run(t, 10*time.Second, func(c *Config) { c.Limits.AnswerBytes = budget })
	r.stall = time.Hour
	for i := range 20 {
		note := servertest.Note(fmt.Sprint(i))
		note.Notification.Body = belfry.PlainText(strings.Repeat("x", 50<<10))
		r.Append("u", note)
	}
	address := strings.TrimPrefix(r.url, "http://")
	c := readNothing(t, address, "127.0.0.2")
	for range 50 {
		c.get("/v1/users/u/inbox?limit=20") // 1 MiB
	}
	got := c.statuses(50)
	if got["200"] == 0 || got["200"] > 2 || got["200"]+got["503"] != 50 {
		t.Errorf("got %v, want one or two of 200, the rest 503", got)
	}
	if held := r.figure("belfry_answers_in_flight_bytes"); held > budget/8 {
		t.Errorf("got %v bytes held by one address, want at most %d", held, budget/8)
	}
	if refused := r.figure("belfry_answers_refused_total"); int(refused) != got["503"] {
		t.Errorf("got %v refused, want %d", refused, got["503"])
	}
	// A refused list stops where it was refused.
	if reads := r.fake.Reads.Load(); reads >= 50*20 {
		t.Errorf("read %d contents of 50 lists of 20, want less than all of them", reads)
	}
	// The next client reads.
	res := fetch(t, client(t, true), r.url+"/v1/users/u/inbox?limit=20")
	if body, err := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || err != nil || len(body) < 1_000_000 {
		t.Errorf("got %d with %d bytes, %v; want all of it", res.StatusCode, len(body), err)
	}
	if err := c.conn.Close(); err != nil {
		t.Fatal(err)
	}
	servertest.WaitFor(t, func() bool { return r.figure("belfry_answers_in_flight_bytes") == 0 })
}

// TestOneSubjectHasOneBudget has one person ask from many addresses and read nothing.
func TestOneSubjectHasOneBudget(t *testing.T) {
	const budget = 16 << 20
	r := run(t, 10*time.Second, withJWT(t), func(c *Config) { c.Limits.AnswerBytes = budget })
	r.stall = time.Hour
	for i := range 20 {
		note := servertest.Note(fmt.Sprint(i))
		note.Notification.Body = belfry.PlainText(strings.Repeat("x", 50<<10))
		r.Append("u", note)
	}
	served, refused := 0, 0
	for i := range 8 {
		c := readNothing(t, strings.TrimPrefix(r.url, "http://"), fmt.Sprintf("127.0.0.%d", i+2))
		c.token = mint(t, "u")
		for range 4 {
			c.get("/v1/users/u/inbox?limit=20") // 1 MiB
		}
		got := c.statuses(4)
		served, refused = served+got["200"], refused+got["503"]
	}
	// Lists that grow side by side may all be refused, so that the next address finds room.
	if served < 1 || served > 2 || served+refused != 8*4 {
		t.Errorf("got %d of 200 and %d of 503, want one or two of 200, the rest 503", served, refused)
	}
	if held := r.figure("belfry_answers_in_flight_bytes"); held > budget/8 {
		t.Errorf("got %v bytes held by one person, want at most %d", held, budget/8)
	}
}

// TestSmallAnswersThatNobodyReads is the same with answers that need no memory of
// their own: requests do.
func TestSmallAnswersThatNobodyReads(t *testing.T) {
	const budget = 8 * 20 * requestBytes
	r := run(t, 10*time.Second, func(c *Config) {
		c.Limits.AnswerBytes = budget
		c.Pages = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 20<<10)) })
	})
	r.stall = time.Hour
	address := strings.TrimPrefix(r.url, "http://")
	for _, path := range []string{"/belfry.js", "/healthz", "/v1/none", "/v1/users/u/unread"} {
		t.Run(path, func(t *testing.T) {
			c := readNothing(t, address, "127.0.0.2")
			for range 50 {
				c.get(path)
			}
			got := c.statuses(50)
			if served := 50 - got["503"]; served == 0 || served > 20 {
				t.Errorf("got %v, want some served and at most 20", got)
			}
			if err := c.conn.Close(); err != nil {
				t.Fatal(err)
			}
			servertest.WaitFor(t, func() bool { return r.figure("belfry_answers_in_flight_bytes") == 0 })
		})
	}
}

// TestAnAnswerThatStallsEnds holds that the stream of an answer which nobody reads is
// reset, whatever the call, and holds nothing then.
func TestAnAnswerThatStallsEnds(t *testing.T) {
	t.Parallel()
	r := run(t, 10*time.Second, func(c *Config) {
		c.Pages = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 20<<10)) })
	})
	r.stall = 100 * time.Millisecond
	r.notify("u", strings.Repeat("x", 500), strings.Repeat("y", 500))
	for _, path := range []string{"/belfry.js", "/healthz", "/v1/none", "/v1/users/u/unread", "/v1/users/u/inbox", "/v1/users/u/export"} {
		c := readNothing(t, strings.TrimPrefix(r.url, "http://"), "127.0.0.2")
		c.get(path)
		c.untilReset(1)
	}
	servertest.WaitFor(t, func() bool { return r.figure("belfry_answers_in_flight_bytes") == 0 })
}

// TestAnExportIsReadAsItIsTaken holds that an export for a client which reads nothing
// holds an item or two, not all.
func TestAnExportIsReadAsItIsTaken(t *testing.T) {
	t.Parallel()
	r := run(t, 10*time.Second)
	r.stall = time.Second
	for i := range 100 {
		note := servertest.Note(fmt.Sprint(i))
		note.Notification.Body = belfry.PlainText(strings.Repeat("x", 50<<10))
		r.Append("u", note)
	}
	c := readNothing(t, strings.TrimPrefix(r.url, "http://"), "127.0.0.2")
	c.get("/v1/users/u/export")
	if got := c.statuses(1); got["200"] != 1 {
		t.Errorf("got %v, want 200", got)
	}
	c.untilReset(1)
	if reads := r.fake.Reads.Load(); reads > 3 {
		t.Errorf("got %d contents read, want those that fit into buffers", reads)
	}
}

// pieces is a writer with deadlines that counts what it is asked for.
type pieces struct {
	http.ResponseWriter
	deadlines, largest int
}

func (p *pieces) SetWriteDeadline(time.Time) error { p.deadlines++; return nil }

func (p *pieces) Write(b []byte) (int, error) {
	p.largest = max(p.largest, len(b))
	return p.ResponseWriter.Write(b)
}

// TestEachPieceHasItsTime holds that a client which reads on is not given up, however
// long the whole takes.
func TestEachPieceHasItsTime(t *testing.T) {
	s := newAPI(t)
	under := httptest.NewRecorder()
	p := &pieces{ResponseWriter: under}
	w := s.newResponse(p, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	body := make([]byte, 100<<10)
	if n, err := w.Write(body); n != len(body) || err != nil || under.Body.Len() != n {
		t.Fatalf("got %d bytes, %v; %d written", n, err, under.Body.Len())
	}
	if p.largest > pieceBytes || p.deadlines < len(body)/pieceBytes {
		t.Errorf("got pieces of %d bytes with %d deadlines", p.largest, p.deadlines)
	}
	// Small pieces have theirs together.
	p.deadlines = 0
	for range 100 {
		if _, err := w.Write(body[:1<<10]); err != nil {
			t.Fatal(err)
		}
	}
	if p.deadlines < len(body)/pieceBytes {
		t.Errorf("got %d deadlines for 100 small pieces", p.deadlines)
	}
	if w.release(); s.answers.Held() != 0 {
		t.Error("an answer that is over holds something")
	}
}

// TestControlFloodsEnd holds that a connection whose client asks for answers to frames of
// control and reads none is ended: net/http queues 10,000 of them.
func TestControlFloodsEnd(t *testing.T) {
	t.Parallel()
	r := run(t, 10*time.Second)
	c := readNothing(t, strings.TrimPrefix(r.url, "http://"), "127.0.0.2")
	if err := c.conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	var flood bytes.Buffer
	framer := http2.NewFramer(&flood, nil)
	for range 1000 {
		if err := framer.WritePing(false, [8]byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	// The kernel's buffers hold some hundred thousand.
	for frames := 0; frames < 2_000_000; frames += 1000 {
		switch _, err := c.conn.Write(flood.Bytes()); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			t.Fatalf("after %d frames the server neither reads nor ends the connection", frames)
		case err != nil:
			return
		}
	}
	t.Error("two million frames were taken of a client that reads no answer")
}

// TestBodiesThatDoNotEndAreBounded holds that what has come of large bodies counts as
// answers in flight do, and is let go with its request.
func TestBodiesThatDoNotEndAreBounded(t *testing.T) {
	t.Run("of commands", func(t *testing.T) {
		a := newAPI(t, withJWT(t), func(c *Config) { c.Limits.AnswerBytes = 1 << 20 })
		for _, path := range []string{"/v1/users/kim/inbox/read", "/v1/users/kim/inbox/archive"} {
			body, sent := io.Pipe()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, body)
			r.Header.Set("Authorization", "Bearer "+mint(t, "kim"))
			r.Header.Set("Content-Type", "application/json")
			var answered sync.WaitGroup
			answered.Go(func() {
				a.Handler().ServeHTTP(httptest.NewRecorder(), r)
				_ = body.Close()
			})
			if _, err := io.WriteString(sent, `{"seqs":[`+strings.Repeat(" ", 40<<10)); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			servertest.WaitFor(t, func() bool { return a.answers.Held() >= 40<<10-smallAnswer })
			sent.CloseWithError(io.ErrUnexpectedEOF)
			answered.Wait()
		}
	})
	const part, share = 100 << 10, 4 // parts that one client may hold
	a := newAPI(t, withJWT(t), func(c *Config) { c.Limits.AnswerBytes = 8 * share * (part + 100) })
	post := func(subject string, body io.Reader) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/notifications", body)
		r.Header.Set("Authorization", "Bearer "+mint(t, subject, auth.ScopeNotify))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", len(subject))
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, r)
		return w
	}
	text := `{"recipient":"a","title":"` + strings.Repeat("x", part)
	var all sync.WaitGroup
	var open []*io.PipeWriter
	for range share {
		body, sent := io.Pipe()
		open = append(open, sent)
		all.Go(func() {
			if w := post("greedy", body); w.Code != http.StatusBadRequest {
				t.Errorf("a body that ended early is answered %d", w.Code)
			}
		})
		if _, err := io.WriteString(sent, text); err != nil {
			t.Fatal(err)
		}
	}
	servertest.WaitFor(t, func() bool { return a.answers.Held() >= share*(part-smallAnswer) })
	if w := post("greedy", strings.NewReader(text)); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("one too many is answered %d, %v", w.Code, w.Header())
	}
	if w := post("greedy", strings.NewReader(`{"recipient":"a","title":"x"}`)); w.Code != http.StatusAccepted {
		t.Errorf("a small one beside them is answered %d", w.Code)
	}
	if w := post("other", strings.NewReader(text+`"}`)); w.Code != http.StatusRequestEntityTooLarge { // an item is not as large
		t.Errorf("somebody else's is answered %d", w.Code)
	}
	for _, sent := range open {
		sent.CloseWithError(io.ErrUnexpectedEOF)
	}
	all.Wait()
	if n := a.answers.Held(); n != 0 {
		t.Errorf("%d bytes are held of requests that are answered", n)
	}
}
