package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/broadcast"
	"github.com/belfry/belfry/server/wire"
)

// idempotencyKey serves as the id of a notification without one
// (draft-ietf-httpapi-idempotency-key-header), in an array with the index behind it.
const idempotencyKey = "Idempotency-Key"

// maxBodyBytes is the largest body of a call that writes notifications or
// retractions.
const maxBodyBytes = 1 << 20

const (
	// turnCall is a body beyond which a call is read in a turn: up to a tenth of a
	// millisecond of work a KiB.
	turnCall = 4 << 10
	// largeCall is a body beyond which a call counts by its bytes.
	largeCall = 16 << 10
	// writeBytes is how much of a large call counts as one more that writes: some hundred
	// small events are seven or eight.
	writeBytes = 4 << 10
	// writeRecipients is how many recipients of a call count as one more that writes: each
	// is a record of the journal, which everybody waits for.
	writeRecipients = 16
	// noticeWrites is how many calls that write a notice to many counts as, or as one for
	// each partition if those are more: each of them stands still for some milliseconds.
	noticeWrites = 50
)

// postNotifications answers POST /v1/notifications: one notification, an array
// of them, or CloudEvents in all three modes of HTTP. All is checked before any
// is written. It is 202 once the broker has acknowledged all.
func (s *Server) postNotifications(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	body, err := s.readBody(w, r, maxBodyBytes)
	if err != nil {
		return err
	}
	if err := oneHeader(r.Header, idempotencyKey); err != nil {
		return err
	}
	sent, err := s.parsed(r, c, body, parseNotifications)
	if err != nil {
		return err
	}
	ids := make([]string, len(sent))
	for i := range sent {
		ids[i] = sent[i].Notification.ID
	}
	accepted, outcome, err := s.deliver(r.Context(), c.Identity, sent)
	if err != nil {
		return err
	}
	wire.Respond(w, http.StatusAccepted, struct {
		Accepted  int                   `json:"accepted"`
		IDs       []string              `json:"ids"`
		Known     []string              `json:"known,omitempty"`
		Displaced []broadcast.Displaced `json:"displaced,omitempty"`
	}{accepted, ids, outcome.Known, outcome.Displaced})
	return nil
}

// postRetractions answers POST /v1/retractions: one retraction, an array, or
// CloudEvents whose data is one. As with notifications a missing source is the caller's, so that a sender who
// never names one takes back what it sent.
func (s *Server) postRetractions(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	body, err := s.readBody(w, r, maxBodyBytes)
	if err != nil {
		return err
	}
	sent, err := s.parsed(r, c, body, parseRetractions)
	if err != nil {
		return err
	}
	accepted, _, err := s.deliver(r.Context(), c.Identity, sent)
	if err != nil {
		return err
	}
	wire.Respond(w, http.StatusAccepted, struct {
		Accepted int `json:"accepted"`
	}{accepted})
	return nil
}

// readBody returns the body of a call that writes, at most so many bytes. A large one holds
// memory as an answer does, as it comes: a client may send hundreds and end none.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	held := &heldBody{ReadCloser: r.Body, response: responseOf(w)}
	r.Body = held
	body, err := wire.ReadBody(w, r, most, s.config.Limits.Request)
	return body, cmp.Or(held.refused, err)
}

// heldBody is a body whose bytes are held within the limit of answers in flight.
type heldBody struct {
	io.ReadCloser
	response *response
	read     int
	refused  error
}

// Read implements io.Reader.
func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.read += n; b.read > largeCall {
		if b.refused = b.response.reserve(b.read); b.refused != nil {
			return 0, b.refused
		}
	}
	return n, err
}

// parsed has parse read the body of a call that writes, in a turn of its sender's unless
// it is small.
func (s *Server) parsed(r *http.Request, c auth.Call, body []byte, parse func(h http.Header, body []byte, source string) ([]belfry.Message, error)) ([]belfry.Message, error) {
	if len(body) <= turnCall {
		return parse(r.Header, body, c.Identity.Source())
	}
	leave, err := s.worksFor(r.Context(), r, c.Identity)
	if err != nil {
		return nil, err
	}
	defer leave()
	if len(body) > largeCall {
		// Those side by side have all been taken before the first of them counts.
		subject, service := c.Identity.Subject, isService(c.Identity)
		if err := s.writes.Check(subject, service, time.Now()); err != nil {
			return nil, err
		}
		s.writes.Charge(subject, service, len(body)/writeBytes, time.Now())
	}
	return parse(r.Header, body, c.Identity.Source())
}

// deliver writes messages of a sender. It counts the recipients, an audience as one, and
// returns what became of notices.
func (s *Server) deliver(ctx context.Context, sender auth.Identity, sent []belfry.Message) (accepted int, outcome broadcast.Outcome, err error) {
	records := make([]inbox.Addressed, len(sent))
	var notices []inbox.Record
	recipients := 0
	for i := range sent {
		if sent[i].Audience() != "" {
			sent[i].Notification.Settle(time.Now())
		}
		records[i] = inbox.Addressed{Recipients: sent[i].Recipients, Record: inbox.RecordOf(sent[i])}
		if err := s.mayDeliver(sender, &records[i].Record); err != nil {
			return 0, outcome, err
		}
		if sent[i].Audience() != "" {
			notices = append(notices, records[i].Record)
		}
		accepted += max(len(sent[i].Recipients), 1)
		recipients += len(sent[i].Recipients)
	}
	if err := belfry.CheckNotices(len(notices)); err != nil {
		return 0, outcome, err
	}
	s.writes.Charge(sender.Subject, isService(sender), recipients/writeRecipients, time.Now())
	if len(notices) == 0 {
		_, err := s.write(ctx, records)
		return accepted, outcome, err
	}
	w, err := s.broadcasts.Begin(ctx, notices)
	if err != nil {
		return 0, outcome, err
	}
	s.writes.Charge(sender.Subject, isService(sender), len(notices)*max(len(w.Keys), noticeWrites)-1, time.Now())
	for i := range records {
		if sent[i].Audience() != "" {
			records[i].Recipients = w.Keys
		}
	}
	positions, err := s.write(ctx, records)
	if errors.Is(err, errUnavailable) {
		err = fmt.Errorf("%w: %w", broadcast.ErrPartly, err)
	}
	if err != nil {
		return 0, outcome, err
	}
	var written []broadcast.Sent
	at := 0
	for i := range records {
		if sent[i].Audience() != "" && !sent[i].Retract {
			written = append(written, broadcast.Sent{Notice: &sent[i].Notification, Position: positions[at]})
		}
		at += len(records[i].Recipients)
	}
	if len(written) == 0 {
		return accepted, outcome, nil
	}
	return accepted, w.Outcome(ctx, written), nil
}

// mayDeliver returns why a sender may not write a record here, or nil.
func (s *Server) mayDeliver(sender auth.Identity, r *inbox.Record) error {
	var needs inbox.Features
	for _, need := range r.Needs() {
		needs |= need.Features
	}
	if err := s.open(needs); err != nil {
		return err
	}
	scope := auth.ScopeNotify
	if r.Audience() != "" {
		scope = auth.ScopeBroadcast
	}
	if !sender.Has(scope) {
		return fmt.Errorf("%w: scope %s is required", auth.ErrForbidden, scope)
	}
	source, _ := r.Named()
	return sender.CheckSource(source)
}

// parseNotifications reads a body in any of its forms. All messages have an id and
// a source. Of an array, key/0 is the id of the first without one, and so on.
func parseNotifications(h http.Header, body []byte, source string) ([]belfry.Message, error) {
	defaults := belfry.Notification{Source: source, ID: h.Get(idempotencyKey)}
	sent, err := parseMessages(h, body, defaults, parseNotification)
	if err == nil || defaults.ID == "" || !mayBeOfID(err) {
		return sent, err
	}
	// The key is at fault if it all is good without one.
	defaults.ID = ""
	if _, without := parseMessages(h, body, defaults, parseNotification); without != nil {
		return nil, err
	}
	return nil, belfry.Invalid(idempotencyKey, "%s", problemOf(err))
}

// parseNotification is belfry.ParseNotification, and sees to the id.
func parseNotification(data []byte, defaults belfry.Notification) (belfry.Message, error) {
	sent, err := belfry.ParseNotification(data, defaults)
	if err != nil || sent.Notification.ID != "" {
		return sent, err
	}
	if sent.Audience() != "" {
		return sent, belfry.Invalid("id", "is required for a notice, here or as the header %s: whoever sends it again, since it may have reached a part of the users, must not send another one", idempotencyKey)
	}
	sent.Notification.ID = rand.Text()
	return sent, nil
}

// mayBeOfID reports whether an input error may be an id's: of the field, whosever, or for the
// length of all.
func mayBeOfID(err error) bool {
	fe, ok := errors.AsType[*belfry.FieldError](err)
	return ok && (strings.HasSuffix(fe.Field, "id") || fe.TooLarge)
}

// problemOf is an input error without its field.
func problemOf(err error) string {
	if fe, ok := errors.AsType[*belfry.FieldError](err); ok {
		return fe.Problem
	}
	return err.Error()
}

// parseRetractions reads a body in any of its forms.
func parseRetractions(h http.Header, body []byte, source string) ([]belfry.Message, error) {
	return parseMessages(h, body, belfry.Notification{Source: source}, func(data []byte, defaults belfry.Notification) (belfry.Message, error) {
		return belfry.ParseRetraction(data, belfry.Retraction{Recipient: defaults.Recipient, Audience: defaults.Audience, Source: defaults.Source})
	})
}
