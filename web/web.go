// Package web holds the pages of Belfry, as static files without a build step,
// and serves them and the browser's client ([js.Files]) that they are made of. It
// imports that and the standard library. Begin reading with [Handler].
//
// page.js, page.css and index.html are the inbox page; ops.html, the ops*.js and
// ops.css the page for operators.
//
// Contents come from whoever may write notifications, so the pages put texts
// into text nodes alone, and the policy sent with them lets no inline script or
// style run and no script be made of a text, but the client's service worker be
// registered.
package web

import (
	"embed"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/belfry/belfry/clients/js"
)

//go:embed *.html *.css *.js *.svg
var files embed.FS

// contentTypes are those of the files, by how their names end.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// policy is the Content-Security-Policy (W3C CSP Level 3) of every answer.
// Images may come from anywhere with https, since avatars do.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types belfry"

// notFound is an RFC 9457 problem: a mistyped path of the API ends up here.
const notFound = `{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no such path"}` + "\n"

// Handler serves the inbox page at "/", the one for operators at "/ops", and the
// files they need beside them; and the client, for pages of any origin, also under the
// names that never change their content ([js.File.Pinned]). All else is 404. It
// answers GET and HEAD, and needs no authentication: what a page shows it fetches
// with the token of its user.
//
// Files of more stand in the place of those of the same name.
func Handler(more ...fs.FS) http.Handler {
	assets := map[string]asset{}
	for _, folder := range append([]fs.FS{files}, more...) {
		names, _ := fs.Glob(folder, "*") // the pattern is well-formed
		for _, name := range names {
			body, _ := fs.ReadFile(folder, name) // it is part of the program
			at := "/" + name
			if page, ok := strings.CutSuffix(at, ".html"); ok {
				at = strings.TrimSuffix(page, "index")
			}
			assets[at] = newAsset(contentTypes[path.Ext(name)], body)
		}
	}
	for _, f := range js.Files() {
		a := newAsset(contentTypes[".js"], f.Body)
		a.open = true
		if a.worker = f.IsWorker(); a.worker {
			assets["/"+f.Name] = a
			continue
		}
		assets["/"+f.Name] = a
		a.pinned = true
		assets["/"+f.Pinned()] = a
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
			a.serve(w, r)
		}
	})
}
