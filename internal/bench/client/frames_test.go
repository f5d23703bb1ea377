package client

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"
)

// stream is what a server of ours says; the badges in it are of versions 3 and 41.
const stream = "retry: 3210\n\nid: 7.3\nevent: unread\ndata: {\"user\":\"u\",\"version\":3,\"unread\":1}\n\n" +
	"event: item\ndata: {\"seq\":4,\"version\":4,\"title\":\"a\"}\n\nid: 7.41\nevent: unread\ndata: {\"user\":\"u\",\"version\":41}\n\n" +
	"event: ping\ndata: {\"version\":99}\n\n"

// answers are the forms in which it comes.
func answers(t *testing.T) map[string]string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, part := range strings.SplitAfter(stream, "\n\n") {
			if _, err := w.Write([]byte(part)); err != nil {
				t.Error(err)
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
	}))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	response.TransferEncoding = []string{"chunked"}
	chunked, err := httputil.DumpResponse(response, true)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(chunked, []byte("\r\nTransfer-Encoding: chunked\r\n")) {
		t.Fatalf("not chunked: %q", chunked)
	}
	return map[string]string{
		"chunked":         string(chunked),
		"until it closes": "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + stream,
		"many chunks":     "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n" + inChunks(stream, 1) + "0\r\n\r\n",
		"large chunks":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + inChunks(stream, 0x4b),
	}
}

func inChunks(s string, size int) string {
	var b strings.Builder
	for len(s) > 0 {
		n := min(size, len(s))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, s[:n])
		s = s[n:]
	}
	return b.String()
}

// However a stream is cut, the same is read of it.
func TestFrames(t *testing.T) {
	for name, answer := range answers(t) {
		for _, longest := range []int{1, 2, 7, 50, len(answer)} {
			t.Run(fmt.Sprint(name, " in pieces up to ", longest), func(t *testing.T) {
				f := Frames{Head: true}
				var got []uint64
				begun := false
				for rest := []byte(answer); len(rest) > 0; {
					n := min(1+rand.IntN(longest), len(rest))
					b, err := f.Feed(slices.Clone(rest[:n]), func(v uint64) { got = append(got, v) })
					if err != nil {
						t.Fatal(err)
					}
					begun = begun || b
					rest = rest[n:]
				}
				if !slices.Equal(got, []uint64{3, 41}) || !begun {
					t.Errorf("got versions %d, begun %t, want 3 and 41", got, begun)
				}
			})
		}
	}
}

func TestFramesWithoutAHead(t *testing.T) {
	var f Frames
	var got []uint64
	if begun, err := f.Feed([]byte(stream), func(v uint64) { got = append(got, v) }); !begun || err != nil || len(got) != 2 {
		t.Errorf("got %d, %t, %v", got, begun, err)
	}
}

func TestFramesRefuseWhatIsNoStream(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 429 Too Many Requests\r\n\r\n", "hello\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff",
	} {
		f := Frames{Head: true}
		if _, err := f.Feed([]byte(answer), func(uint64) {}); !errors.Is(err, ErrAnswer) {
			t.Errorf("%q: got %v", answer, err)
		}
	}
}

func TestFramesKeepLittle(t *testing.T) {
	var f Frames
	if _, err := f.Feed(bytes.Repeat([]byte("x"), 1<<20), func(uint64) {}); err != nil || cap(f.line) > 2*keptLine {
		t.Errorf("keeps %d bytes, %v", cap(f.line), err)
	}
}
