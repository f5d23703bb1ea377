package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/server/auth"
)

// knownScopes returns the scopes that the server looks at.
func knownScopes() []string {
	return []string{"belfry:notify", "belfry:broadcast", "belfry:admin", "belfry:ops", "belfry:deliver"}
}

func tokenCommand(p *cli.Program) *cobra.Command {
	var (
		user    string
		scopes  []string
		sources []string
		ttl     time.Duration
		jwt     options.JWT
	)
	c := &cobra.Command{
		Use:     "token",
		GroupID: cli.GroupOperate,
		Short:   "Mint a JWT to try the API with",
		Long: `Mint a JWT (HS256) that the server takes with the same --jwt-secret-file, and
print it. Without a scope it opens that user's inbox alone.

Scopes: belfry:notify to send and to read many badges, belfry:admin to act for
any user, to erase and to see records, dead letters and journals, belfry:ops to
see groups, lag, topics and metrics, belfry:deliver to see what is to be sent to
users, and where, belfry:broadcast to announce something to everybody or to a
topic, and to take it back.`,
		Example: `  belfry token --user user-7 --jwt-secret-file jwt.secret
  belfry token --user billing --scope belfry:notify --ttl 8h --jwt-secret-file jwt.secret
  belfry token --user portal --scope belfry:broadcast --jwt-secret-file jwt.secret
  curl -H "Authorization: Bearer $(belfry token --user user-7 --jwt-secret-file jwt.secret)" \
      http://127.0.0.1:8080/v1/users/user-7/unread`,
		RunE: func(*cobra.Command, []string) error {
			if user == "" {
				return cli.FlagErrorf("user", "required; name the user or service that the token stands for")
			}
			if err := belfry.CheckRecipient(user); err != nil {
				return cli.FlagErrorf("user", "%w", cli.Problem(err))
			}
			for _, s := range scopes {
				if !slices.Contains(knownScopes(), s) {
					return cli.FlagErrorf("scope", "must be of %s, not %.80q", strings.Join(knownScopes(), ", "), s)
				}
			}
			if ttl < time.Second {
				return cli.FlagErrorf("ttl", "must be at least 1s, is %s", ttl)
			}
			if err := jwt.Validate(); err != nil {
				return err
			}
			token, err := auth.Token{
				Subject: user, Scopes: scopes, Sources: sources, Audience: jwt.Audience, Issuer: jwt.Issuer, TTL: ttl,
			}.Sign(jwt.Secret)
			if err != nil {
				return fmt.Errorf("mint token: %w", err)
			}
			if _, err := fmt.Fprintln(p.Stdout, token); err != nil {
				return fmt.Errorf("print token: %w", err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&user, "user", "", "the user or service that the token stands for (required)")
	c.Flags().StringSliceVar(&scopes, "scope", nil, "a `scope` of the token; may be given several times")
	c.Flags().StringSliceVar(&sources, "source", nil, "a `source` that what it sends may have, * for any text; may be given several times. Without it: any")
	c.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long the token is good for")
	jwt.AddFlags(c.Flags())
	return c
}
