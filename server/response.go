package server

import (
	"net/http"
	"time"

	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/wire"
)

const (
	// defaultStall is how long a client may take for a piece of an answer.
	defaultStall = 10 * time.Second
	// pieceBytes is how much of an answer is written within that time: a client
	// that reads 1.6 KB a second is not given up.
	pieceBytes = 16 << 10
	// smallAnswer fits into the buffers that net/http has anyway.
	smallAnswer = 4 << 10
	// requestBytes is what an HTTP/2 request holds besides its answer: a goroutine
	// with its stack, headers, buffers.
	requestBytes = 24 << 10
)

// response is an answer on its way: it knows its status, holds memory within the
// limit while the client has not read it, and ends when the client has not read a piece
// of it within the server's stall. On HTTP/1.1 a small one holds nothing: there is one a connection,
// and those are bounded.
type response struct {
	http.ResponseWriter
	server  *Server
	request *http.Request
	hold    *limit.Hold // nil while nothing is held
	subject string      // of the token; "" while there is none
	since   int         // bytes written since the client was given time
	largest int         // of the pieces of memory written so far, and what is reserved
	status  int         // 0 until the answer has begun
	begun   bool        // the status has been written
	written bool        // some of the body has been
	refused bool        // there is no memory for it
}

// newResponse returns the response to r. If there is no memory for an answer it has
// been refused, and holds nothing.
func (s *Server) newResponse(w http.ResponseWriter, r *http.Request) *response {
	rec := &response{ResponseWriter: w, server: s, request: r}
	if r.ProtoMajor < 2 {
		return rec
	}
	if err := rec.grow(requestBytes); err != nil {
		rec.refuse()
	}
	return rec
}

// grow has the response hold n bytes more, or returns [limit.ErrAnswers].
func (w *response) grow(n int) error {
	if w.hold == nil {
		w.hold = w.server.answers.NewHold(w.server.clientAddress(w.request))
		if err := w.hold.For(w.subject); err != nil {
			return err
		}
	}
	return w.hold.Grow(int64(n))
}

// countFor has what the response holds count for a token subject as well, or returns
// [limit.ErrAnswers].
func (w *response) countFor(subject string) error {
	w.subject = subject
	if w.hold == nil {
		return nil
	}
	return w.hold.For(subject)
}

// reserve has the response hold the n bytes that its body is of so far, before any of it
// is written, or returns [limit.ErrAnswers]. Writing them then costs no more.
func (w *response) reserve(n int) error {
	more := n - max(w.largest, smallAnswer)
	if more <= 0 {
		return nil
	}
	if err := w.grow(more); err != nil {
		return err
	}
	w.largest = n
	return nil
}

// responseOf returns the response below w: every call has one.
func responseOf(w http.ResponseWriter) *response {
	for {
		if rec, ok := w.(*response); ok {
			return rec
		}
		w = w.(interface{ Unwrap() http.ResponseWriter }).Unwrap()
	}
}

// WriteHeader implements http.ResponseWriter. The status is written with the first
// byte of the body, or at the end: until then the answer can be refused.
func (w *response) WriteHeader(status int) {
	switch {
	case status < http.StatusOK:
		w.ResponseWriter.WriteHeader(status)
	case w.status == 0:
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(b []byte) (int, error) {
	if w.refused {
		return 0, limit.ErrAnswers
	}
	w.WriteHeader(http.StatusOK)
	// An answer that has begun goes on: half of one is worse than none.
	if err := w.reserve(len(b)); err != nil {
		if !w.begun {
			w.refuse()
			return 0, err
		}
		w.largest = len(b)
	}
	w.begin()
	w.written = true
	written := 0
	for len(b) > 0 {
		piece := b[:min(len(b), pieceBytes)]
		if w.since += len(piece); w.since > smallAnswer {
			wire.AllowWrites(w.ResponseWriter, w.server.stall)
			w.since = len(piece)
		}
		n, err := w.ResponseWriter.Write(piece)
		written += n
		if err != nil {
			return written, err
		}
		b = b[len(piece):]
	}
	return written, nil
}

// begin writes the status.
func (w *response) begin() {
	if w.begun || w.status == 0 {
		return
	}
	w.begun = true
	// A handler may have waited for long.
	wire.AllowWrites(w.ResponseWriter, w.server.stall)
	w.ResponseWriter.WriteHeader(w.status)
}

// refuse answers 503, on HTTP/2 without a body: a client that reads none would keep
// that as well.
func (w *response) refuse() {
	w.refused, w.begun = true, true
	if w.request.ProtoMajor < 2 {
		w.server.fail(w.ResponseWriter, w.request, limit.ErrAnswers)
	} else {
		for name := range w.Header() {
			w.Header().Del(name)
		}
		w.Header().Set("Retry-After", retryAfter)
		limit.CloseAfterMany(w.request, w.Header())
		w.ResponseWriter.WriteHeader(http.StatusServiceUnavailable)
	}
	w.status = http.StatusServiceUnavailable
}

// finish is for when the handler has returned. On HTTP/2 it waits until the client has
// taken the answer: net/http would write what is in its buffers later, and say to
// nobody when that is done.
func (w *response) finish() {
	w.begin()
	if w.written && w.request.ProtoMajor >= 2 {
		// An error is that of a client that reads nothing or has gone.
		_ = http.NewResponseController(w.ResponseWriter).Flush()
	}
}

// release is for the end, also after a panic.
func (w *response) release() {
	if w.hold != nil {
		w.hold.Release()
	}
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// FlushError is for http.ResponseController.
func (w *response) FlushError() error {
	w.WriteHeader(http.StatusOK)
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// code is the status of the answer.
func (w *response) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
