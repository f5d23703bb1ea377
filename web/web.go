// Package web holds the pages of Belfry and the client module that they are
// made of, as static files without a build step.
//
// belfry.js is the client: it lists an inbox, follows its stream and keeps both
// as one model. It knows nothing of pages and can be copied into any other one.
// page.js, page.css and index.html are the inbox page on top of it; ops.html, the
// ops*.js and ops.css the page for operators.
//
// Contents come from whoever may write notifications, so the pages put texts
// into text nodes alone, and the policy sent with them lets no inline script or
// style run and no script be made of a text.
package web

import (
	"crypto/sha256"
	_ "embed" // for the files below
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"time"
)

var (
	//go:embed index.html
	indexHTML string
	//go:embed page.js
	pageJS string
	//go:embed page.css
	pageCSS string
	//go:embed belfry.js
	belfryJS string
	//go:embed ops.html
	opsHTML string
	//go:embed ops.css
	opsCSS string
	//go:embed ops.js
	opsJS string
	//go:embed ops-api.js
	opsAPIJS string
	//go:embed ops-draw.js
	opsDrawJS string
	//go:embed ops-letters.js
	opsLettersJS string
	//go:embed ops-lookup.js
	opsLookupJS string
	//go:embed icon.svg
	iconSVG string
)

// policy is the Content-Security-Policy (W3C CSP Level 3) of every answer.
// Images may come from anywhere with https, since avatars do.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// notFound is an RFC 9457 problem: who mistypes a path of the API ends up here.
const notFound = `{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no such path"}` + "\n"

type asset struct {
	contentType string
	body        string
	etag        string // strong, quoted (RFC 9110 section 8.8.3)
}

// Handler serves the inbox page at "/", the one for operators at "/ops", and the
// files they need beside them. All else is 404. It answers GET and HEAD, and
// needs no authentication: what a page shows it fetches with the token of its
// user.
func Handler() http.Handler {
	html := func(text string) asset { return newAsset("text/html; charset=utf-8", text) }
	css := func(text string) asset { return newAsset("text/css; charset=utf-8", text) }
	js := func(text string) asset { return newAsset("text/javascript; charset=utf-8", text) }
	assets := map[string]asset{
		"/":               html(indexHTML),
		"/page.js":        js(pageJS),
		"/page.css":       css(pageCSS),
		"/belfry.js":      js(belfryJS),
		"/icon.svg":       newAsset("image/svg+xml", iconSVG),
		"/ops":            html(opsHTML),
		"/ops.css":        css(opsCSS),
		"/ops.js":         js(opsJS),
		"/ops-api.js":     js(opsAPIJS),
		"/ops-draw.js":    js(opsDrawJS),
		"/ops-letters.js": js(opsLettersJS),
		"/ops-lookup.js":  js(opsLookupJS),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		// The address of a page may name its user.
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		a, ok := assets[r.URL.Path]
		switch {
		case !ok:
			h.Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			// The error is that of a client that has gone.
			_, _ = io.WriteString(w, notFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
		default:
			h.Set("Content-Type", a.contentType)
			// Files of two versions do not fit each other, so none is used
			// without asking.
			h.Set("Cache-Control", "no-cache")
			h.Set("Etag", a.etag)
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(a.body))
		}
	})
}

func newAsset(contentType, body string) asset {
	sum := sha256.Sum256([]byte(body))
	return asset{contentType: contentType, body: body, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}
