package server

import (
	"net/http"
	"slices"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// snoozed answers a snooze: the badge, and which of the named items were left alone.
type snoozed struct {
	wire.Badge
	// Expiring are the named items that expire by the end of the snooze.
	Expiring []uint64 `json:"expiring,omitempty"`
}

// postSnooze answers POST /v1/users/{user}/inbox/snooze: the named items are hidden
// until a time.
func (s *Server) postSnooze(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	record, before, err := s.readItemCommand(w, r, c, inbox.KindSnooze)
	if err != nil {
		return err
	}
	does := before.Snooze(record.Seqs, record.Until, time.Now())
	switch {
	case does.Full:
		return errHidden
	case len(does.Hides) == 0 && len(does.Expiring) > 0:
		return belfry.Invalid("until", "must be before the items expire: they would never show again")
	}
	row, shown, err := s.command(r.Context(), c.User, record)
	if err != nil {
		return err
	}
	now := time.Now()
	if shown && len(does.Hides) > 0 && row.HiddenCount(now) >= inbox.MaxHidden && !slices.ContainsFunc(does.Hides, func(seq uint64) bool {
		e, ok := row.Entry(seq)
		return ok && e.Until == record.Until
	}) {
		return errHidden // by what came in between
	}
	if !shown || len(does.Expiring) == 0 {
		respondCommand(w, c.User, &row, shown, http.StatusOK)
		return nil
	}
	badge := row.Badge(now)
	w.Header().Set("ETag", wire.Tag(badge.Stamp))
	wire.Respond(w, http.StatusOK, snoozed{wire.NewBadge(c.User, badge), does.Expiring})
	return nil
}

// postUnsnooze answers POST /v1/users/{user}/inbox/unsnooze: what the user has snoozed
// of the named items shows again.
func (s *Server) postUnsnooze(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	record, _, err := s.readItemCommand(w, r, c, inbox.KindUnsnooze)
	if err != nil {
		return err
	}
	return s.answerCommand(w, r, c.User, record, http.StatusOK)
}
