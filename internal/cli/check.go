package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/sources/yamlfile"
)

// Checked is what the report about a file that people write has as JSON, whatever the
// file is of.
type Checked struct {
	Valid    bool               `json:"valid"`
	Problems []yamlfile.Problem `json:"problems,omitempty"`
}

// Print writes a line for each problem.
func (c Checked) Print(w io.Writer) error {
	for _, problem := range c.Problems {
		if _, err := fmt.Fprintln(w, Printable(problem.String())); err != nil {
			return err
		}
	}
	return nil
}

// CheckCommand has c check its one argument, a file or folder of what, for continuous
// integration. Check returns what is printed of one that is right; a [yamlfile.Error] of it
// is printed as [Checked] and ends with 1, any other error is about the call.
func CheckCommand(p *Program, c *cobra.Command, what string, check func(path string) (Report, error)) *cobra.Command {
	var asJSON bool
	c.RunE = func(_ *cobra.Command, args []string) error {
		report, err := check(args[0])
		var wrong *yamlfile.Error
		switch {
		case errors.As(err, &wrong):
			report = Checked{Problems: wrong.Problems}
		case err != nil:
			return Usagef("%w", err)
		}
		if err := Print(p.Stdout, asJSON, report); err != nil || wrong == nil {
			return err
		}
		return fmt.Errorf("%s: %s in the %s", args[0], Counted(len(wrong.Problems), "problem"), what)
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
