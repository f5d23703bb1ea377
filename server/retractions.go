package server

import (
	"net/http"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// postRetractions answers POST /v1/retractions: one retraction, an array, or
// CloudEvents whose data is one. As
// with notifications a missing source is the caller's, so that a sender who
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

func parseRetractions(h http.Header, body []byte, source string) ([]belfry.Message, error) {
	return parseMessages(h, body, belfry.Notification{Source: source}, func(data []byte, defaults belfry.Notification) (belfry.Message, error) {
		return belfry.ParseRetraction(data, belfry.Retraction{Recipient: defaults.Recipient, Source: defaults.Source})
	})
}
