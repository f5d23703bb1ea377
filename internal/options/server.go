package options

import (
	"cmp"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/auth"
)

const (
	DefaultAddr  = "127.0.0.1:8080"
	defaultGrace = 10 * time.Second
	// day bounds times that are added to and multiplied.
	day = 24 * time.Hour

	defaultDrainNotice = time.Second
)

// The ways of --auth.
const (
	authJWT  = "jwt"
	authNone = "none"
)

// Server say where the HTTP server listens, whom it believes and how
// much of each it takes.
type Server struct {
	Addr   string
	auth   cli.Choice
	Tokens JWT
	trust  Trust
	limit  Limits
	stream Streams

	userTopics   []string
	pollInterval time.Duration
	tokenTrust   time.Duration
	drainNotice  time.Duration
}

// AddFlags adds the flags to fs.
func (o *Server) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "HTTP")()
	fs.StringVar(&o.Addr, "addr", DefaultAddr, "`host:port` to serve HTTP on; \":8080\" is every address of the machine")
	o.auth = cli.NewChoice(authJWT, authJWT, authNone)
	fs.Var(&o.auth, "auth", "whom to believe: bearers of a JWT, or everybody, on a loopback --addr only")
	o.Tokens.AddFlags(fs)
	o.trust.AddFlags(fs)
	o.limit.AddFlags(fs)
	o.stream.AddFlags(fs)
	fs.StringSliceVar(&o.userTopics, "user-topics", nil, "`names` of topics that users may subscribe to themselves; to all others services with scope belfry:notify subscribe them")
	fs.DurationVar(&o.pollInterval, "poll-interval", server.DefaultPollInterval, "how long clients should wait between polls of a badge, longer under load; one user may ask 20 times as often")
	fs.DurationVar(&o.tokenTrust, "token-trust", server.DefaultTokenTrust, "how long a token that was found good is believed without checking its signature again, never beyond its end; 0 checks each time")
	fs.DurationVar(&o.drainNotice, "drain-notice", defaultDrainNotice, "how long, after SIGTERM or Ctrl-C, /readyz says draining before connections are refused: as long as the load balancer needs to notice; at most 15 % of --grace")
}

// Validate checks the options and loads the secret, if one is needed.
func (o *Server) Validate() error {
	if err := cli.CheckHostPort(o.Addr, 0); err != nil {
		return cli.FlagErrorf("addr", "%w", err)
	}
	if err := errors.Join(o.limit.Validate(), o.stream.Validate(), o.trust.Validate()); err != nil {
		return err
	}
	for _, name := range o.userTopics {
		if err := belfry.CheckTopic(name); err != nil {
			return cli.FlagErrorf("user-topics", "%.80q: %w", name, cli.Problem(err))
		}
	}
	if o.pollInterval < time.Millisecond || o.pollInterval > day {
		return cli.FlagErrorf("poll-interval", "must be at least 1ms, and 24h at the most, is %s", o.pollInterval)
	}
	if o.tokenTrust < 0 || o.tokenTrust > day {
		return cli.FlagErrorf("token-trust", "must not be negative, and 24h at the most, is %s", o.tokenTrust)
	}
	if o.drainNotice < 0 {
		return cli.FlagErrorf("drain-notice", "must not be negative, is %s", o.drainNotice)
	}
	if o.auth.Value == authJWT {
		if o.trust.JWKSURL != "" && o.Tokens.SecretFile == "" {
			return nil
		}
		return o.Tokens.Validate()
	}
	if !cli.IsLoopback(o.Addr) {
		return cli.FlagErrorf("auth", "none lets everybody in who reaches %s; listen on loopback (--addr %s) or use --auth jwt", o.Addr, DefaultAddr)
	}
	return nil
}

// Warnings are those of the last Validate.
func (o *Server) Warnings() []string {
	all := slices.Concat(o.Tokens.Warnings(), o.trust.Warnings())
	if o.auth.Value == authJWT && o.trust.JWKSURL != "" && o.Tokens.Audience == "" {
		all = append(all, "--jwks-url without --jwt-audience: a token that its issuer made for any other service is good here; have tokens made for Belfry and name their audience")
	}
	return all
}

// Config returns the settings of a server, and the keys that its Auth fetches,
// nil for none; the options must have been validated.
func (o *Server) Config(log *slog.Logger) (cfg server.Config, keys *auth.Keys, err error) {
	cfg = server.Config{
		TicketSecret: o.trust.ticketSecret, CORSOrigins: o.trust.origins, Limits: o.limit.limits,
		Streams: o.stream.limits, TrustedProxies: o.stream.trusted,
		UserTopics: o.userTopics, PollInterval: o.pollInterval, TokenTrust: cmp.Or(o.tokenTrust, -1), DrainNotice: o.drainNotice, TrustTraceparent: o.trust.traceparent,
	}
	cfg.Limits.WriteRate = cmp.Or(cfg.Limits.WriteRate, -1)
	cfg.Limits.ListRate = cmp.Or(cfg.Limits.ListRate, -1)
	if cfg.Certificate, err = o.stream.certificate(log); err != nil {
		return cfg, nil, err
	}
	if o.auth.Value == authNone {
		cfg.Auth = auth.None()
		return cfg, nil, nil
	}
	if o.trust.JWKSURL != "" {
		if keys, err = auth.NewKeys(auth.KeysConfig{URL: o.trust.JWKSURL, Logger: log}); err != nil {
			return cfg, nil, cli.FlagErrorf("jwks-url", "%w", err)
		}
	}
	cfg.Auth, err = auth.NewJWT(auth.JWTConfig{
		Secret: o.Tokens.Secret, Keys: keys, Audience: o.Tokens.Audience, Issuer: o.Tokens.Issuer, Leeway: o.trust.leeway,
	})
	if err != nil {
		return cfg, nil, cli.FlagErrorf("jwt-secret-file", "%w", err)
	}
	return cfg, keys, nil
}

// JWT say how tokens are signed with a secret (HS256), and what they
// have to say whoever signed them.
type JWT struct {
	SecretFile       string
	Audience, Issuer string

	// Secret is set by validate.
	Secret []byte

	warnings
}

// AddFlags adds the flags to fs.
func (o *JWT) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Tokens")()
	fs.StringVar(&o.SecretFile, "jwt-secret-file", "", "`file` with the secret that tokens are signed with (HS256), at least 32 bytes")
	fs.StringVar(&o.Audience, "jwt-audience", "", "`audience` that tokens must have in \"aud\"; any if absent")
	fs.StringVar(&o.Issuer, "jwt-issuer", "", "`issuer` that tokens must have as \"iss\"; any if absent")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *JWT) Validate() error {
	const name = "jwt-secret-file"
	if o.SecretFile == "" {
		return cli.FlagErrorf(name, "required to check and sign tokens; make one with: openssl rand -hex 32 > jwt.secret")
	}
	o.warnings = nil
	secret, err := readSecret(name, o.SecretFile, &o.warnings)
	o.Secret = secret
	return err
}

// Process are those of every serving process.
type Process struct {
	MetricsAddr string
	Grace       time.Duration
}

// AddFlags adds the flags to fs.
func (o *Process) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Process")()
	fs.StringVar(&o.MetricsAddr, "metrics-addr", "", "`host:port` to serve /metrics on, open to whoever reaches it")
	fs.DurationVar(&o.Grace, "grace", defaultGrace, "how long to drain after SIGTERM or Ctrl-C before giving up")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Process) Validate() error {
	if o.MetricsAddr != "" {
		if err := cli.CheckHostPort(o.MetricsAddr, 0); err != nil {
			return cli.FlagErrorf("metrics-addr", "%w", err)
		}
	}
	if o.Grace < 0 || o.Grace > day {
		return cli.FlagErrorf("grace", "must not be negative, and 24h at the most, is %s", o.Grace)
	}
	return nil
}

// CheckDistinct refuses two listeners on one address, where the second would say
// that somebody else has it. Both addresses have been validated.
func CheckDistinct(api, metrics string) error {
	if metrics != "" && cli.Overlap(api, metrics) {
		return cli.FlagErrorf("metrics-addr", "%s is taken by --addr %s: name another port, or leave --metrics-addr away to serve /metrics there", metrics, api)
	}
	return nil
}
