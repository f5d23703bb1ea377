package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// asset is one file as it is served.
type asset struct {
	contentType string
	body        []byte
	packed      func() []byte // body as gzip; nil if that is no smaller
	tag         string        // of the entity tag (RFC 9110 section 8.8.3), without quotes: hexadecimal
	open        bool          // pages of other origins may run it
	pinned      bool          // its address never has another content
	worker      bool          // it is a service worker
}

// newAsset compresses the body when it is first asked for: a program that starts does
// not wait for that.
func newAsset(contentType string, body []byte) asset {
	sum := sha256.Sum256(body)
	return asset{
		contentType: contentType, body: body, tag: hex.EncodeToString(sum[:12]),
		packed: sync.OnceValue(func() []byte { return pack(body) }),
	}
}

// pack returns the body as gzip, nil if that is no smaller.
func pack(body []byte) []byte {
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // there is such a level
	_, _ = w.Write(body)                                       // to memory, which takes all
	_ = w.Close()
	if packed.Len() >= len(body) {
		return nil
	}
	return packed.Bytes()
}

// codings are what proxies that compress append to a tag, and what a tag of ours
// has for the compressed form.
var codings = regexp.MustCompile(`[-;][^"]*"`)

// serve answers a GET or HEAD.
func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Vary", "Accept-Encoding")
	// Files of two versions do not fit each other, so none is used without asking.
	h.Set("Cache-Control", "no-cache")
	if a.pinned {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if a.worker {
		// W3C Service Workers section 6.3: any path of the origin may be its scope.
		h.Set("Service-Worker-Allowed", "/")
	}
	if a.open {
		// A script of another origin is a module, or has an integrity attribute:
		// both are CORS requests.
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	body, tag := a.body, a.tag
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		if packed := a.packed(); packed != nil {
			body, tag = packed, a.tag+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Etag", `"`+tag+`"`)
	if a.known(r.Header.Values("If-None-Match")) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		// The error is that of a client that has gone.
		_, _ = w.Write(body)
	}
}

// known reports whether a client that sends these fields has the file, in whatever
// coding (RFC 9110 section 13.1.2).
func (a *asset) known(fields []string) bool {
	for _, field := range fields {
		if strings.TrimSpace(field) == "*" || strings.Contains(codings.ReplaceAllString(field, `"`), `"`+a.tag+`"`) {
			return true
		}
	}
	return false
}

// takesGzip reads an Accept-Encoding (RFC 9110 section 12.5.3). Who does not name
// gzip gets the file as it is.
func takesGzip(accepted string) bool {
	for part := range strings.SplitSeq(accepted, ",") {
		coding, weight, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), ";")
		if strings.TrimSpace(coding) != "gzip" {
			continue
		}
		q, ok := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		value, err := strconv.ParseFloat(q, 64)
		return !ok || err == nil && value > 0
	}
	return false
}
