package server

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// idempotencyKey serves as the id of a notification without one
// (draft-ietf-httpapi-idempotency-key-header), in an array with the index behind it.
const idempotencyKey = "Idempotency-Key"

// maxBodyBytes is the largest body of a call that writes notifications or
// retractions.
const maxBodyBytes = 1 << 20

// postNotifications answers POST /v1/notifications: one notification, an array
// of them, or CloudEvents in all three modes of HTTP. All is checked before any
// is written. It is 202 once the broker has acknowledged all.
func (s *Server) postNotifications(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	body, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	if err := oneHeader(r.Header, idempotencyKey); err != nil {
		return err
	}
	sent, err := parseNotifications(r.Header, body, c.Identity.Source())
	if err != nil {
		return err
	}
	ids := make([]string, len(sent))
	for i := range sent {
		ids[i] = sent[i].Notification.ID
	}
	accepted, err := s.deliver(r.Context(), c.Identity, sent)
	if err != nil {
		return err
	}
	wire.Respond(w, http.StatusAccepted, struct {
		Accepted int      `json:"accepted"`
		IDs      []string `json:"ids"`
	}{accepted, ids})
	return nil
}

// postRetractions answers POST /v1/retractions: one retraction, an array, or
// CloudEvents whose data is one. As with notifications a missing source is the caller's, so that a sender who
// never names one takes back what it sent.
func (s *Server) postRetractions(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	body, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	sent, err := parseRetractions(r.Header, body, c.Identity.Source())
	if err != nil {
		return err
	}
	accepted, err := s.deliver(r.Context(), c.Identity, sent)
	if err != nil {
		return err
	}
	wire.Respond(w, http.StatusAccepted, struct {
		Accepted int `json:"accepted"`
	}{accepted})
	return nil
}

// readBody returns the body of a call that writes.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return wire.ReadBody(w, r, maxBodyBytes, s.config.Limits.Request)
}

// deliver writes messages of a sender for all of their recipients, whom it counts.
func (s *Server) deliver(ctx context.Context, sender auth.Identity, sent []belfry.Message) (int, error) {
	records := make([]inbox.Addressed, len(sent))
	for i := range sent {
		if !sent[i].Notification.DeliverAt.IsZero() {
			if err := s.open(inbox.FeatureTime); err != nil {
				return 0, err
			}
		}
		source := sent[i].Notification.Source
		if sent[i].Retract {
			source = sent[i].Retraction.Source
		}
		if err := sender.CheckSource(source); err != nil {
			return 0, err
		}
		records[i] = inbox.Addressed{Recipients: sent[i].Recipients, Record: inbox.RecordOf(sent[i])}
	}
	positions, err := s.write(ctx, records)
	return len(positions), err
}

// parseNotifications reads a body in any of its forms. All messages have an id and
// a source. Of an array, key/0 is the id of the first without one, and so on.
func parseNotifications(h http.Header, body []byte, source string) ([]belfry.Message, error) {
	defaults := belfry.Notification{Source: source, ID: h.Get(idempotencyKey)}
	sent, err := parseMessages(h, body, defaults, parseNotification)
	if err == nil || defaults.ID == "" {
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
	if err == nil && sent.Notification.ID == "" {
		sent.Notification.ID = rand.Text()
	}
	return sent, err
}

// problemOf is an input error without its field.
func problemOf(err error) string {
	var fe *belfry.FieldError
	if errors.As(err, &fe) {
		return fe.Problem
	}
	return err.Error()
}

// parseRetractions reads a body in any of its forms.
func parseRetractions(h http.Header, body []byte, source string) ([]belfry.Message, error) {
	return parseMessages(h, body, belfry.Notification{Source: source}, func(data []byte, defaults belfry.Notification) (belfry.Message, error) {
		return belfry.ParseRetraction(data, belfry.Retraction{Recipient: defaults.Recipient, Source: defaults.Source})
	})
}
