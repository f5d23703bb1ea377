package server

import (
	"fmt"
	"net/http"

	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// getLag answers GET /v1/lag with what the configured source says.
func (s *Server) getLag(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
	if s.config.Lag == nil {
		return errNoLag
	}
	lag, err := s.config.Lag(r.Context())
	if err != nil {
		return fmt.Errorf("read lag: %w", err)
	}
	wire.Respond(w, http.StatusOK, lag)
	return nil
}
