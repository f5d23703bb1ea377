package server

import (
	"net/http"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// postRetractions answers POST /v1/retractions: one retraction or an array. As
// with notifications a missing source is the caller's, so that a sender who
// never names one takes back what it sent.
func (s *Server) postRetractions(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	body, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	sent, err := parseRetractions(body, c.Identity.Source())
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

func parseRetractions(body []byte, source string) ([]belfry.Message, error) {
	parse := func(raw []byte) (belfry.Message, error) {
		return belfry.ParseRetraction(raw, belfry.Retraction{Source: source})
	}
	if isArray(body) {
		return parseEach(body, parse)
	}
	sent, err := parse(body)
	return []belfry.Message{sent}, err
}
