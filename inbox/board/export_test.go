package board

import "time"

// Small returns the board of a row with limits that a short history comes to.
func Small(stays, horizons int, age time.Duration, row Row) *Board {
	return (&Board{limits: limits{stays, horizons, age}}).with(row)
}
