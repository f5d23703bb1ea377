package server

import (
	"fmt"
	"net/http"
	"time"
)

// openDoors makes what stands between the network and the routes.
func (s *Server) openDoors() error {
	secret := s.config.TicketSecret
	if t, ok := s.config.Auth.(ticketer); ok && secret == nil {
		secret = t.ticketSecret()
	}
	var err error
	if s.tickets, err = newTickets(secret); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	s.posts = newPosts(s.config.Limits.PostRate, s.config.Limits.PostBurst)
	s.connections = newConnections(s.config.Limits, s.config.Registry)
	return nil
}

// limitBodies gives a client d to send its body, also where no handler reads
// it: net/http reads what is left before it sends the answer.
func limitBodies(next http.Handler, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			// Not every writer has deadlines, recorders of tests for one.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d))
		}
		next.ServeHTTP(w, r)
	})
}
