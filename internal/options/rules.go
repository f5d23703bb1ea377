package options

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // rules name time zones, and a container has no files of them

	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
	"github.com/belfry/belfry/sources/schema"
	"github.com/belfry/belfry/sources/yamlfile"
)

// Rules say where the rules are and what they need beside their text.
type Rules struct {
	Path         string
	Timezone     string
	registry     string
	registryUser string
	registryFile string

	// location is set by validate.
	location *time.Location
	// registryPassword is set by validate; empty without a user.
	registryPassword string
	// decoder is set by validate.
	decoder *envelope.Decoder

	warnings
}

// AddFlags adds the flags to fs.
func (o *Rules) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Rules")()
	fs.StringVar(&o.Path, "rules", "", "rules `file` or folder: which topics to read, and who gets what of them")
	fs.StringVar(&o.Timezone, "timezone", "UTC", "time `zone` of dates in events that name none, such as Asia/Seoul")
	fs.StringVar(&o.registry, "schema-registry", "", "`URL` of the schema registry, for events in Avro and Protobuf; several servers of one: a,b")
	fs.StringVar(&o.registryUser, "schema-registry-user", "", "`user` to log in to the schema registry as")
	fs.StringVar(&o.registryFile, "schema-registry-password-file", "", "`file` with the password to log in to the schema registry with")
}

// Validate checks the options and loads what their files hold, but for the
// rules, and makes the decoder, which keeps the schemas it has fetched.
func (o *Rules) Validate() error {
	o.warnings = nil
	var err error
	if o.location, err = rules.ParseZone(o.Timezone); err != nil {
		return cli.FlagErrorf("timezone", "%w", cli.Problem(err))
	}
	if o.registry != "" {
		for server := range strings.SplitSeq(o.registry, ",") {
			u, err := url.Parse(strings.TrimSpace(server))
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
				return cli.FlagErrorf("schema-registry", "must be an http(s) URL such as http://127.0.0.1:8081, or several separated by commas")
			}
			if u.User != nil {
				return cli.FlagErrorf("schema-registry", "must hold no user or password; use --schema-registry-user and --schema-registry-password-file")
			}
		}
	}
	if err := o.loadLogin(); err != nil {
		return err
	}
	config := envelope.Config{Location: o.location}
	if o.registry != "" {
		config.Schemas = schema.NewRegistry(schema.Config{URL: o.registry, User: o.registryUser, Password: o.registryPassword})
	}
	o.decoder = envelope.NewDecoder(config)
	return nil
}

func (o *Rules) loadLogin() error {
	if o.registry == "" && o.registryUser+o.registryFile != "" {
		return cli.FlagErrorf("schema-registry-user", "needs --schema-registry as well")
	}
	if err := cli.Together("schema-registry-user", o.registryUser, "schema-registry-password-file", o.registryFile); err != nil || o.registryUser == "" {
		return err
	}
	for server := range strings.SplitSeq(o.registry, ",") {
		if u, err := url.Parse(strings.TrimSpace(server)); err == nil && u.Scheme == "http" && !cli.IsLoopback(net.JoinHostPort(u.Hostname(), "0")) {
			o.add("--schema-registry %s without TLS: whoever is on the way reads the password and can answer with other schemas; use https", u.Host)
		}
	}
	var err error
	o.registryPassword, err = readPassword("schema-registry-password-file", o.registryFile, &o.warnings)
	return err
}

// Refusal is the error of Load for the command line: a file that cannot be read is
// a mistake of the call, rules with problems are not.
func (o *Rules) Refusal(err error) error { return refusal("rules", err) }

// refusal is the error about the file that a flag names and that people write.
func refusal(flag string, err error) error {
	if _, wrong := errors.AsType[*yamlfile.Error](err); wrong {
		return cli.FlagFailuref(flag, "%w", err)
	}
	return cli.FlagErrorf(flag, "%w", err)
}

// Load reads the rules, nil if --rules names none. It may be called again for
// rules that have changed.
func (o *Rules) Load(prefix belfry.Prefix) (*rules.Set, error) {
	if o.Path == "" {
		return nil, nil
	}
	return rules.Load(o.Path, rules.Options{Decoder: o.decoder, Prefix: prefix, Location: o.location})
}
