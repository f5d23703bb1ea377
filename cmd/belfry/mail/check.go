package mail

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/senders/mail/letter"
	"github.com/belfry/belfry/sources/yamlfile"
)

// Report is what there is to say of a folder of templates.
type Report struct {
	Valid     bool               `json:"valid"`
	Languages []string           `json:"languages,omitempty"` // that mails can be in, the built-in ones among them
	Problems  []yamlfile.Problem `json:"problems,omitempty"`
}

func checkCommand(p *cli.Program) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check FOLDER",
		Short: "Check a folder of templates, for continuous integration",
		Long: `Check a folder of templates as --mail-templates reads it: each is tried with
letters of all kinds, in each language. All that is wrong is printed, one
problem a line with its place and the fix, and the exit code is 1. It needs
neither Kafka nor a mail server.`,
		Example: `  belfry mail check templates
  belfry mail check templates --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return cli.Usagef("name one folder: belfry mail check FOLDER")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			templates, err := letter.Load(args[0])
			var wrong *yamlfile.Error
			if err != nil && !errors.As(err, &wrong) {
				return cli.Usagef("%w", err)
			}
			report := Report{Valid: wrong == nil}
			if wrong != nil {
				report.Problems = wrong.Problems
			} else {
				report.Languages = templates.Languages()
			}
			switch {
			case asJSON:
				err = json.NewEncoder(p.Stdout).Encode(report)
			case wrong != nil:
				err = cli.PrintLines(p.Stdout, wrong.Problems)
			default:
				_, err = fmt.Fprintf(p.Stdout, "the templates are right; mails are in %s\n", strings.Join(report.Languages, ", "))
			}
			if err == nil && wrong != nil {
				err = fmt.Errorf("%s: %s in the templates", args[0], cli.Counted(len(wrong.Problems), "problem"))
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
