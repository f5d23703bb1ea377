package board

import (
	"time"

	"github.com/belfry/belfry/inbox"
)

// Small returns the board of a row with limits that a short history comes to.
func Small(stays, horizons int, age time.Duration, row Row) *Board {
	return (&Board{limits: limits{stays, horizons, age}}).with(row)
}

// Live returns the entry of a notice that is in the lists, as it comes into a row that
// mutes nothing.
func (b *Board) Live(seq uint64) (inbox.Entry, bool) {
	if e := b.entry(seq); e != nil {
		return *e, true
	}
	return inbox.Entry{}, false
}
