package mail

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/senders/mail/letter"
)

// Report is what there is to say of a folder of templates that are right.
type Report struct {
	cli.Checked
	Languages []string `json:"languages,omitempty"` // that mails can be in, the built-in ones among them
}

// Print implements cli.Report.
func (r Report) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "the templates are right; mails are in %s\n", strings.Join(r.Languages, ", "))
	return err
}

func checkCommand(p *cli.Program) *cobra.Command {
	return cli.CheckCommand(p, &cobra.Command{
		Use:   "check FOLDER",
		Short: "Check a folder of templates, for continuous integration",
		Long: `Check a folder of templates as --mail-templates reads it: each is tried with
letters of all kinds, in each language. All that is wrong is printed, one
problem a line with its place and the fix, and the exit code is 1. It needs
neither Kafka nor a mail server.`,
		Example: `  belfry mail check templates
  belfry mail check templates --json`,
		Args: cli.OneArgument("folder", "FOLDER"),
	}, "templates", func(path string) (cli.Report, error) {
		templates, err := letter.Load(path)
		if err != nil {
			return nil, err
		}
		return Report{cli.Checked{Valid: true}, templates.Languages()}, nil
	})
}
