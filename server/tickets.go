package server

import (
	"net/http"
	"time"

	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// postTicket answers POST /v1/users/{user}/tickets.
func (s *Server) postTicket(w http.ResponseWriter, _ *http.Request, c auth.Call) error {
	signed, err := s.guard.Ticket(c)
	if err != nil {
		return err
	}
	wire.Begin(w, "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	wire.WriteJSON(w, struct {
		Ticket    string `json:"ticket"`
		ExpiresIn int    `json:"expires_in"` // seconds
	}{signed, int(auth.TicketLife / time.Second)})
	return nil
}
