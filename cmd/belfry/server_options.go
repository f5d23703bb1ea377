package main

import (
	"bytes"
	"cmp"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/auth"
)

const (
	defaultAddr  = "127.0.0.1:8080"
	defaultGrace = 10 * time.Second

	defaultDrainNotice = time.Second
)

// The ways of --auth.
const (
	authJWT  = "jwt"
	authNone = "none"
)

// serverOptions say where the HTTP server listens, whom it believes and how
// much of each it takes.
type serverOptions struct {
	addr   string
	auth   choice
	jwt    jwtOptions
	trust  trustOptions
	limit  limitOptions
	stream streamOptions

	pollInterval time.Duration
	tokenTrust   time.Duration
	drainNotice  time.Duration
}

func (o *serverOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.addr, "addr", defaultAddr, "`host:port` to serve HTTP on; \":8080\" is every address of the machine")
	o.auth = newChoice(authJWT, authJWT, authNone)
	fs.Var(&o.auth, "auth", "whom to believe: bearers of a JWT, or everybody, on a loopback --addr only")
	o.jwt.addFlags(fs)
	o.trust.addFlags(fs)
	o.limit.addFlags(fs)
	o.stream.addFlags(fs)
	fs.DurationVar(&o.pollInterval, "poll-interval", server.DefaultPollInterval, "how long clients are told to wait between polls of a badge, longer under load; one user may ask 20 times as often")
	fs.DurationVar(&o.tokenTrust, "token-trust", server.DefaultTokenTrust, "how long a token that was found good is believed without checking its signature again, never beyond its end; 0 checks each time")
	fs.DurationVar(&o.drainNotice, "drain-notice", defaultDrainNotice, "how long, after SIGTERM or Ctrl-C, /readyz says draining before connections are refused: as long as the load balancer needs to notice; at most 15 % of --grace")
}

// validate checks the options and loads the secret, if one is needed.
func (o *serverOptions) validate() error {
	if err := checkHostPort(o.addr, 0); err != nil {
		return flagErrorf("addr", "%w", err)
	}
	if err := o.limit.validate(); err != nil {
		return err
	}
	if err := o.stream.validate(); err != nil {
		return err
	}
	if err := o.trust.validate(); err != nil {
		return err
	}
	if o.pollInterval < time.Millisecond {
		return flagErrorf("poll-interval", "must be at least 1ms, is %s", o.pollInterval)
	}
	if o.tokenTrust < 0 {
		return flagErrorf("token-trust", "must not be negative, is %s", o.tokenTrust)
	}
	if o.drainNotice < 0 {
		return flagErrorf("drain-notice", "must not be negative, is %s", o.drainNotice)
	}
	if o.auth.value == authJWT {
		if o.trust.jwksURL != "" && o.jwt.secretFile == "" {
			return nil
		}
		return o.jwt.validate()
	}
	if !isLoopback(o.addr) {
		return flagErrorf("auth", "none lets everybody in who reaches %s; listen on loopback (--addr %s) or use --auth jwt", o.addr, defaultAddr)
	}
	return nil
}

// config returns the settings of a server, and the keys that its Auth fetches,
// nil for none; the options must have been validated.
func (o *serverOptions) config(log *slog.Logger) (cfg server.Config, keys *auth.Keys, err error) {
	cfg = server.Config{
		TicketSecret: o.trust.ticketSecret, CORSOrigins: o.trust.origins, Limits: o.limit.limits,
		Streams: o.stream.limits, TrustedProxies: o.stream.trusted,
		PollInterval: o.pollInterval, TokenTrust: cmp.Or(o.tokenTrust, -1), DrainNotice: o.drainNotice,
	}
	cfg.Limits.PostRate = cmp.Or(cfg.Limits.PostRate, -1)
	if cfg.Certificate, err = o.stream.certificate(log); err != nil {
		return cfg, nil, err
	}
	if o.auth.value == authNone {
		cfg.Auth = auth.None()
		return cfg, nil, nil
	}
	if o.trust.jwksURL != "" {
		if keys, err = auth.NewKeys(auth.KeysConfig{URL: o.trust.jwksURL, Logger: log}); err != nil {
			return cfg, nil, flagErrorf("jwks-url", "%w", err)
		}
	}
	cfg.Auth, err = auth.NewJWT(auth.JWTConfig{
		Secret: o.jwt.secret, Keys: keys, Audience: o.jwt.audience, Issuer: o.jwt.issuer, Leeway: o.trust.leeway,
	})
	if err != nil {
		return cfg, nil, flagErrorf("jwt-secret-file", "%w", err)
	}
	return cfg, keys, nil
}

// jwtOptions say how tokens are signed with a secret (HS256), and what they
// have to say whoever signed them.
type jwtOptions struct {
	secretFile       string
	audience, issuer string

	// secret is set by validate.
	secret []byte
}

func (o *jwtOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.secretFile, "jwt-secret-file", "", "`file` with the secret that tokens are signed with (HS256), at least 32 bytes")
	fs.StringVar(&o.audience, "jwt-audience", "", "`audience` that tokens must have in \"aud\"; any if absent")
	fs.StringVar(&o.issuer, "jwt-issuer", "", "`issuer` that tokens must have as \"iss\"; any if absent")
}

func (o *jwtOptions) validate() error {
	const name = "jwt-secret-file"
	if o.secretFile == "" {
		return flagErrorf(name, "required to check and sign tokens; make one with: openssl rand -hex 32 > jwt.secret")
	}
	secret, err := readSecret(name, o.secretFile)
	o.secret = secret
	return err
}

// readSecret returns the secret in the file that a flag names.
func readSecret(flag, file string) ([]byte, error) {
	raw, err := readSmallFile(file)
	if err != nil {
		return nil, flagErrorf(flag, "%w", err)
	}
	secret := bytes.TrimSpace(raw)
	if len(secret) < auth.MinSecretBytes {
		return nil, flagErrorf(flag, "%s holds %d bytes, at least %d are needed; make one with: openssl rand -hex 32 > %[1]s", file, len(secret), auth.MinSecretBytes)
	}
	return secret, nil
}

// processOptions are those of every serving process.
type processOptions struct {
	metricsAddr string
	grace       time.Duration
}

func (o *processOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.metricsAddr, "metrics-addr", "", "`host:port` to serve /metrics on, open to whoever reaches it")
	fs.DurationVar(&o.grace, "grace", defaultGrace, "how long to drain after SIGTERM or Ctrl-C before giving up")
}

func (o *processOptions) validate() error {
	if o.metricsAddr != "" {
		if err := checkHostPort(o.metricsAddr, 0); err != nil {
			return flagErrorf("metrics-addr", "%w", err)
		}
	}
	if o.grace < 0 {
		return flagErrorf("grace", "must not be negative, is %s", o.grace)
	}
	return nil
}

// distinct refuses two listeners on one address, where the second would say
// that somebody else has it. Both addresses have been validated.
func distinct(api, metrics string) error {
	if metrics != "" && overlap(api, metrics) {
		return flagErrorf("metrics-addr", "%s is taken by --addr %s: name another port, or leave --metrics-addr away to serve /metrics there", metrics, api)
	}
	return nil
}
