package options

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/cli"
)

// Kafka say how to reach the cluster and which installation on it is
// meant.
type Kafka struct {
	Brokers  []string
	Prefix   string
	useTLS   bool
	caFile   string
	certFile string
	keyFile  string

	SASLMechanism    cli.Choice
	SASLUser         string
	saslPasswordFile string

	// Version is that of the program, set by the command that writes.
	Version string
	// TLS is set by validate; nil means plain text.
	TLS *tls.Config
	// SASLPassword is set by validate; empty without a mechanism.
	SASLPassword string

	warnings
}

// AddFlags adds the flags to fs.
func (o *Kafka) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Kafka")()
	fs.StringSliceVar(&o.Brokers, "brokers", nil, "Kafka brokers to start with, a `list` of host:port (required)")
	fs.StringVar(&o.Prefix, "prefix", belfry.DefaultPrefix, "what the `name` of every topic and group begins with")
	fs.BoolVar(&o.useTLS, "kafka-tls", false, "connect to Kafka with TLS")
	fs.StringVar(&o.caFile, "kafka-ca-file", "", "PEM `file` of the authorities to trust, instead of the system's")
	fs.StringVar(&o.certFile, "kafka-cert-file", "", "PEM `file` of the client certificate")
	fs.StringVar(&o.keyFile, "kafka-key-file", "", "PEM `file` of the client certificate's key")
	o.SASLMechanism = cli.NewChoice("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
	fs.Var(&o.SASLMechanism, "sasl-mechanism", "how to log in to Kafka; not at all if absent")
	fs.StringVar(&o.SASLUser, "sasl-user", "", "`user` to log in to Kafka as")
	fs.StringVar(&o.saslPasswordFile, "sasl-password-file", "", "`file` with the password to log in to Kafka with")
}

// Validate checks the options and loads what their files hold.
func (o *Kafka) Validate() error {
	o.warnings = nil
	if len(o.Brokers) == 0 {
		return cli.FlagErrorf("brokers", "required; name at least one broker, for example --brokers 127.0.0.1:9092")
	}
	for i, b := range o.Brokers {
		o.Brokers[i] = strings.TrimSpace(b)
		if err := cli.CheckHostPort(o.Brokers[i], 1); err != nil {
			return cli.FlagErrorf("brokers", "%w", err)
		}
	}
	if err := belfry.Prefix(o.Prefix).Check(); err != nil {
		return cli.FlagErrorf("prefix", "%w", cli.Problem(err))
	}
	if err := o.loadTLS(); err != nil {
		return err
	}
	return o.loadSASL()
}

func (o *Kafka) loadTLS() error {
	for _, f := range []struct{ name, value string }{
		{"kafka-ca-file", o.caFile}, {"kafka-cert-file", o.certFile}, {"kafka-key-file", o.keyFile},
	} {
		// Taking it as a wish for TLS would hide a forgotten flag; leaving it
		// aside would send in plain text what was meant to be encrypted.
		if f.value != "" && !o.useTLS {
			return cli.FlagErrorf(f.name, "needs --kafka-tls as well")
		}
	}
	o.TLS = nil
	if !o.useTLS {
		return nil
	}
	if err := cli.Together("kafka-cert-file", o.certFile, "kafka-key-file", o.keyFile); err != nil {
		return err
	}
	roots, err := readRoots("kafka-ca-file", o.caFile)
	if err != nil {
		return err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if o.certFile != "" {
		pair, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
		if err != nil {
			return cli.FlagErrorf("kafka-cert-file", "load it with the key of --kafka-key-file: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	o.TLS = config
	return nil
}

// readRoots reads the authorities in the file that a flag names, nil for none: those of
// the system.
func readRoots(flag, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := cli.ReadSmallFile(file)
	if err != nil {
		return nil, cli.FlagErrorf(flag, "%w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, cli.FlagErrorf(flag, "%s holds no PEM certificate", file)
	}
	return roots, nil
}

func (o *Kafka) loadSASL() error {
	if o.SASLMechanism.Value == "" {
		if o.SASLUser != "" {
			return cli.FlagErrorf("sasl-user", "needs --sasl-mechanism %s as well", o.SASLMechanism.Type())
		}
		if o.saslPasswordFile != "" {
			return cli.FlagErrorf("sasl-password-file", "needs --sasl-mechanism %s as well", o.SASLMechanism.Type())
		}
		return nil
	}
	if o.SASLUser == "" {
		return cli.FlagErrorf("sasl-user", "required with --sasl-mechanism")
	}
	if o.saslPasswordFile == "" {
		return cli.FlagErrorf("sasl-password-file", "required with --sasl-mechanism")
	}
	if o.SASLMechanism.Value == "PLAIN" && !o.useTLS {
		o.add("--sasl-mechanism PLAIN without --kafka-tls: whoever is on the way reads the password; use --kafka-tls, or SCRAM-SHA-512")
	}
	var err error
	o.SASLPassword, err = readPassword("sasl-password-file", o.saslPasswordFile, &o.warnings)
	return err
}

// OpenTopics connects to the brokers that --brokers names.
func OpenTopics(cfg kafka.Config) (*kafka.Topics, error) {
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		return nil, unreachable(err)
	}
	return topics, nil
}

// TopicInfos looks up topics of an installation. Those that do not exist are an error
// that says how to create them.
func TopicInfos(topics *kafka.Topics, cfg kafka.Config, names ...string) (map[string]kafka.TopicInfo, error) {
	infos, err := topics.Existing(names...)
	if err != nil {
		return nil, fmt.Errorf("topics of prefix %s: %w", cfg.Prefix, err)
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := infos[name]; return ok })
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: %s does not exist: create what is missing with %q", kafka.ErrTopic, strings.Join(missing, ", "), cfg.TopicsCommand())
	}
	return infos, nil
}

// LookUp is TopicInfos for who asks nothing else of the brokers.
func LookUp(cfg kafka.Config, names ...string) (map[string]kafka.TopicInfo, error) {
	topics, err := OpenTopics(cfg)
	if err != nil {
		return nil, err
	}
	defer topics.Close()
	return TopicInfos(topics, cfg, names...)
}

// unreachable says which flag to look at when no broker lets us in.
func unreachable(err error) error {
	var authority x509.UnknownAuthorityError
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return cli.FlagFailuref("sasl-user", "%w: fix the user, --sasl-password-file or --sasl-mechanism", err)
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return cli.FlagFailuref("sasl-mechanism", "%w: the brokers take another one", err)
	case errors.Is(err, kerr.IllegalSaslState):
		return cli.FlagFailuref("sasl-mechanism", "%w: that port takes no log-in: leave --sasl-mechanism out, or name the brokers' port for SASL", err)
	case errors.As(err, &authority):
		return cli.FlagFailuref("kafka-ca-file", "%w: name the file of the authority that the brokers' certificates are of", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(err.Error(), "tls alert"):
		// A broker hangs up on a client that does not speak as the port wants it.
		return cli.FlagFailuref("brokers", "%w: the brokers hang up; does that port want --kafka-tls or --sasl-mechanism, or none of them?", err)
	}
	return cli.FlagFailuref("brokers", "%w: start Kafka there, or name brokers that can be reached from here", err)
}

// Config says how to reach Kafka; the options must have been validated.
func (o *Kafka) Config(stateDir string, log *slog.Logger) kafka.Config {
	return kafka.Config{
		Brokers: o.Brokers, Prefix: belfry.Prefix(o.Prefix), StateDir: stateDir, TLS: o.TLS, Version: o.Version, Logger: log,
		SASL: kafka.SASL{Mechanism: o.SASLMechanism.Value, User: o.SASLUser, Password: o.SASLPassword},
	}
}

// Reachable is Config without a state folder, or the error of OpenTopics, for commands that
// go on with connections of their own.
func (o *Kafka) Reachable(log *slog.Logger) (kafka.Config, error) {
	cfg := o.Config("", log)
	topics, err := OpenTopics(cfg)
	if err != nil {
		return cfg, err
	}
	topics.Close()
	return cfg, nil
}
