package figures

import "time"

// Quantity is one of the things that a [Sample] tells.
type Quantity string

// The quantities, with their units.
const (
	Memory     Quantity = "memory MiB" // resident
	Goroutines Quantity = "goroutines"
	Files      Quantity = "open files"
	Disk       Quantity = "state folder MiB"
)

// Quantities are all quantities in the order of tables and plots.
func Quantities() []Quantity { return []Quantity{Memory, Goroutines, Files, Disk} }

// Sample is what one process amounts to at one time.
type Sample struct {
	Process string
	At      time.Duration // since the load began
	Values  map[Quantity]float64
}
