package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
	"github.com/belfry/belfry/sources/envelope"
)

// idempotencyKey serves as the id of a single notification without one
// (draft-ietf-httpapi-idempotency-key-header). Several notifications in a call
// have ids of their own.
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
	sent, err := parseNotifications(r.Header, wire.MediaType(r), body, c.Identity.Source())
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

// readBody returns the body of a call that writes.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return wire.ReadBody(w, r, maxBodyBytes, s.config.Limits.Request)
}

// deliver writes messages of a sender for all of their recipients, whom it counts.
func (s *Server) deliver(ctx context.Context, sender auth.Identity, sent []belfry.Message) (int, error) {
	records := make([]inbox.Addressed, len(sent))
	for i := range sent {
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
// a source.
func parseNotifications(h http.Header, mediaType string, body []byte, source string) ([]belfry.Message, error) {
	switch {
	// CloudEvents 1.0 over HTTP in JSON (CloudEvents HTTP protocol binding, section 3).
	case mediaType == envelope.BatchType:
		return parseEach(body, structuredEvent)
	case mediaType == envelope.EventType:
		return one(structuredEvent(body))
	case h.Get("Ce-Specversion") != "":
		return one(binaryEvent(h, body))
	case isArray(body):
		return parseEach(body, func(raw []byte) (belfry.Message, error) {
			return parseNotification(raw, belfry.Notification{Source: source})
		})
	}
	defaults := belfry.Notification{Source: source, ID: h.Get(idempotencyKey)}
	sent, err := parseNotification(body, defaults)
	if err != nil {
		return nil, blame(err, "id", idempotencyKey, func() bool { return defaults.ID != "" && !hasField(body, "id") })
	}
	return []belfry.Message{sent}, nil
}

// parseNotification is belfry.ParseNotification, and sees to the id.
func parseNotification(data []byte, defaults belfry.Notification) (belfry.Message, error) {
	sent, err := belfry.ParseNotification(data, defaults)
	if err == nil && sent.Notification.ID == "" {
		sent.Notification.ID = rand.Text()
	}
	return sent, err
}

// parseEach reads the elements of an array. An error names the element; more
// than MaxRecipients results in all are refused at the element that is over.
func parseEach(body []byte, parse func([]byte) (belfry.Message, error)) ([]belfry.Message, error) {
	var raws []json.RawMessage
	if err := wire.ParseJSON(body, &raws, "an array of JSON objects"); err != nil {
		return nil, err
	}
	if len(raws) == 0 {
		return nil, belfry.Invalid("", "the array is empty")
	}
	out := make([]belfry.Message, 0, len(raws))
	total := 0
	for i, raw := range raws {
		at := fmt.Sprintf("[%d]", i)
		if total == belfry.MaxRecipients {
			return nil, overMany(at)
		}
		each, err := parse(raw)
		if err != nil {
			return nil, belfry.In(at, err)
		}
		if total += len(each.Recipients); total > belfry.MaxRecipients {
			return nil, overMany(at)
		}
		out = append(out, each)
	}
	return out, nil
}

func overMany(field string) error {
	return &belfry.FieldError{Field: field, TooLarge: true,
		Problem: fmt.Sprintf("one call may have at most %d, counting each recipient", belfry.MaxRecipients)}
}

func isArray(body []byte) bool {
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '['
}

// hasField reports whether a JSON object has a field that is not null.
func hasField(object []byte, name string) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil {
		return false
	}
	raw, ok := fields[name]
	return ok && string(raw) != "null"
}

// blame renames the field of an error to where the sender wrote the value, if
// the error is about that field and elsewhere says that it stood there.
func blame(err error, field, written string, elsewhere func() bool) error {
	var fe *belfry.FieldError
	if !errors.As(err, &fe) || fe.Field != field || !elsewhere() {
		return err
	}
	renamed := *fe
	renamed.Field = written
	return &renamed
}
