package cli

import (
	"encoding/json"
	"io"
	"text/tabwriter"
)

// Report is what a command has found. Its fields are what --json prints.
type Report interface {
	// Print writes it for people.
	Print(w io.Writer) error
}

// Print writes a report as one line of JSON, or for people.
func Print(w io.Writer, asJSON bool, r Report) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	return r.Print(w)
}

// NewTable returns a writer that lays out lines with tabs between their cells when it is
// flushed.
func NewTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }
