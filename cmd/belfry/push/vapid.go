package push

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/webpush"
)

// VAPIDCommand returns the command vapid.
func VAPIDCommand(p *cli.Program) *cobra.Command {
	var (
		file   string
		public bool
	)
	c := &cobra.Command{
		Use:     "vapid",
		GroupID: cli.GroupOperate,
		Short:   "Make the keys by which push services know this installation",
		Long: `Make a key pair (VAPID, RFC 8292) and write the private key to a file that only
its owner can read; the public one is printed. All servers need the same file,
and browsers subscribe with its public key, which GET /v1/push-key gives to
pages: keep the file as long as there are subscriptions. A file that exists is
never overwritten.`,
		Example: `  belfry vapid --vapid-key-file vapid.pem
  belfry vapid --vapid-key-file vapid.pem --public   # of a file that exists`,
		RunE: func(*cobra.Command, []string) error {
			if file == "" {
				return cli.FlagErrorf("vapid-key-file", "required; name the file to write, such as vapid.pem")
			}
			keys, err := keysIn(file, public)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(p.Stdout, keys.Public()); err != nil {
				return fmt.Errorf("print the public key: %w", err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&file, "vapid-key-file", "", "`file` to write the private key to (required)")
	c.Flags().BoolVar(&public, "public", false, "write nothing, print the public key of the file")
	return c
}

func keysIn(file string, public bool) (*webpush.Keys, error) {
	if public {
		return options.ReadVAPIDKeys(file)
	}
	keys, err := webpush.GenerateKeys()
	if err != nil {
		return nil, err
	}
	return keys, options.WriteVAPIDKeys(file, keys)
}
