package main

import (
	"net/url"
	"time"
	_ "time/tzdata" // rules name time zones, and a container has no files of them

	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
	"github.com/belfry/belfry/sources/schema"
)

// rulesOptions say where the rules are and what they need beside their text.
type rulesOptions struct {
	path         string
	timezone     string
	registry     string
	registryUser string
	registryFile string

	// location is set by validate.
	location *time.Location
	// registryPassword is set by validate; empty without a user.
	registryPassword string
	// decoder is set by validate.
	decoder *envelope.Decoder
}

func (o *rulesOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.path, "rules", "", "rules `file` or folder: which topics to read, and who gets what of them")
	fs.StringVar(&o.timezone, "timezone", "UTC", "time `zone` of dates in events that name none, such as Asia/Seoul")
	fs.StringVar(&o.registry, "schema-registry", "", "`URL` of the schema registry, for events in Avro and Protobuf")
	fs.StringVar(&o.registryUser, "schema-registry-user", "", "`user` to log in to the schema registry as")
	fs.StringVar(&o.registryFile, "schema-registry-password-file", "", "`file` with the password to log in to the schema registry with")
}

// validate checks the options and loads what their files hold, but for the
// rules, and makes the decoder, which keeps the schemas it has fetched.
func (o *rulesOptions) validate() error {
	var err error
	if o.location, err = rules.ParseZone(o.timezone); err != nil {
		return flagErrorf("timezone", "%w", problem(err))
	}
	if o.registry != "" {
		u, err := url.Parse(o.registry)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return flagErrorf("schema-registry", "must be an http(s) URL such as http://127.0.0.1:8081")
		}
		if u.User != nil {
			return flagErrorf("schema-registry", "must hold no user or password; use --schema-registry-user and --schema-registry-password-file")
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

func (o *rulesOptions) loadLogin() error {
	switch {
	case o.registryUser == "" && o.registryFile == "":
		return nil
	case o.registry == "":
		return flagErrorf("schema-registry-user", "needs --schema-registry as well")
	case o.registryUser == "":
		return flagErrorf("schema-registry-password-file", "needs --schema-registry-user as well")
	case o.registryFile == "":
		return flagErrorf("schema-registry-user", "needs --schema-registry-password-file as well")
	}
	var err error
	o.registryPassword, err = readPassword("schema-registry-password-file", o.registryFile)
	return err
}

// load reads the rules, nil if --rules names none. It may be called again for
// rules that have changed.
func (o *rulesOptions) load(prefix belfry.Prefix) (*rules.Set, error) {
	if o.path == "" {
		return nil, nil
	}
	return rules.Load(o.path, rules.Options{Decoder: o.decoder, Prefix: prefix, Location: o.location})
}
