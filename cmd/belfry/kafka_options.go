package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/IBM/sarama"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
)

// kafkaOptions say how to reach the cluster and which installation on it is
// meant.
type kafkaOptions struct {
	brokers  []string
	prefix   string
	useTLS   bool
	caFile   string
	certFile string
	keyFile  string

	saslMechanism    choice
	saslUser         string
	saslPasswordFile string

	// version is that of the program, set by the command that writes.
	version string
	// tls is set by validate; nil means plain text.
	tls *tls.Config
	// saslPassword is set by validate; empty without a mechanism.
	saslPassword string
}

func (o *kafkaOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.brokers, "brokers", nil, "Kafka brokers to begin with, a `list` of host:port (required)")
	fs.StringVar(&o.prefix, "prefix", belfry.DefaultPrefix, "what the `name` of every topic and group begins with")
	fs.BoolVar(&o.useTLS, "kafka-tls", false, "connect to Kafka with TLS")
	fs.StringVar(&o.caFile, "kafka-ca-file", "", "PEM `file` of the authorities to trust, instead of the system's")
	fs.StringVar(&o.certFile, "kafka-cert-file", "", "PEM `file` of the client certificate")
	fs.StringVar(&o.keyFile, "kafka-key-file", "", "PEM `file` of the client certificate's key")
	o.saslMechanism = newChoice("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
	fs.Var(&o.saslMechanism, "sasl-mechanism", "how to log in to Kafka; not at all if absent")
	fs.StringVar(&o.saslUser, "sasl-user", "", "`user` to log in to Kafka as")
	fs.StringVar(&o.saslPasswordFile, "sasl-password-file", "", "`file` with the password to log in to Kafka with")
}

// validate checks the options and loads what their files hold.
func (o *kafkaOptions) validate() error {
	if len(o.brokers) == 0 {
		return flagErrorf("brokers", "required; name at least one broker, for example --brokers 127.0.0.1:9092")
	}
	for i, b := range o.brokers {
		o.brokers[i] = strings.TrimSpace(b)
		if err := checkHostPort(o.brokers[i], 1); err != nil {
			return flagErrorf("brokers", "%w", err)
		}
		if strings.HasPrefix(o.brokers[i], ":") {
			return flagErrorf("brokers", "%q has no host; write 127.0.0.1%[1]s for this machine", o.brokers[i])
		}
	}
	if err := belfry.Prefix(o.prefix).Check(); err != nil {
		return flagErrorf("prefix", "%w", problem(err))
	}
	if err := o.loadTLS(); err != nil {
		return err
	}
	return o.loadSASL()
}

func (o *kafkaOptions) loadTLS() error {
	for _, f := range []struct{ name, value string }{
		{"kafka-ca-file", o.caFile}, {"kafka-cert-file", o.certFile}, {"kafka-key-file", o.keyFile},
	} {
		// Taking it as a wish for TLS would hide a forgotten flag; leaving it
		// aside would send in plain text what was meant to be encrypted.
		if f.value != "" && !o.useTLS {
			return flagErrorf(f.name, "needs --kafka-tls as well")
		}
	}
	switch {
	case !o.useTLS:
		o.tls = nil
		return nil
	case o.certFile != "" && o.keyFile == "":
		return flagErrorf("kafka-cert-file", "needs --kafka-key-file as well")
	case o.keyFile != "" && o.certFile == "":
		return flagErrorf("kafka-key-file", "needs --kafka-cert-file as well")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.caFile != "" {
		pem, err := readSmallFile(o.caFile)
		if err != nil {
			return flagErrorf("kafka-ca-file", "%w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return flagErrorf("kafka-ca-file", "%s holds no PEM certificate", o.caFile)
		}
	}
	if o.certFile != "" {
		pair, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
		if err != nil {
			return flagErrorf("kafka-cert-file", "load it with the key of --kafka-key-file: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	o.tls = config
	return nil
}

func (o *kafkaOptions) loadSASL() error {
	if o.saslMechanism.value == "" {
		if o.saslUser != "" {
			return flagErrorf("sasl-user", "needs --sasl-mechanism %s as well", o.saslMechanism.Type())
		}
		if o.saslPasswordFile != "" {
			return flagErrorf("sasl-password-file", "needs --sasl-mechanism %s as well", o.saslMechanism.Type())
		}
		return nil
	}
	if o.saslUser == "" {
		return flagErrorf("sasl-user", "required with --sasl-mechanism")
	}
	if o.saslPasswordFile == "" {
		return flagErrorf("sasl-password-file", "required with --sasl-mechanism")
	}
	var err error
	o.saslPassword, err = readPassword("sasl-password-file", o.saslPasswordFile)
	return err
}

// readPassword returns the password in the file that a flag names.
func readPassword(flag, file string) (string, error) {
	raw, err := readSmallFile(file)
	if err != nil {
		return "", flagErrorf(flag, "%w", err)
	}
	// Editors and echo end a file with a line break; blanks may be meant.
	password := strings.TrimRight(string(raw), "\r\n")
	if password == "" {
		return "", flagErrorf(flag, "%s is empty", file)
	}
	return password, nil
}

// openTopics connects to the brokers that --brokers names.
func openTopics(cfg kafka.Config) (*kafka.Topics, error) {
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		return nil, unreachable(err)
	}
	return topics, nil
}

// unreachable says which flag to look at when no broker lets us in.
func unreachable(err error) error {
	var authority x509.UnknownAuthorityError
	switch {
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed):
		return flagErrorf("sasl-user", "%w: mend the user, --sasl-password-file or --sasl-mechanism", err)
	case errors.Is(err, sarama.ErrUnsupportedSASLMechanism):
		return flagErrorf("sasl-mechanism", "%w: the brokers take another one", err)
	case errors.As(err, &authority):
		return flagErrorf("kafka-ca-file", "%w: name the file of the authority that the brokers' certificates are of", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		// What a broker does to who doesn't speak as the port wants it.
		return flagErrorf("brokers", "%w: the brokers hang up; does that port want --kafka-tls or --sasl-mechanism?", err)
	}
	return flagErrorf("brokers", "%w: start Kafka there, or name brokers that can be reached from here", err)
}

// engineConfig says how to reach Kafka; the options must have been validated.
func (o *kafkaOptions) engineConfig(stateDir string, log *slog.Logger) kafka.Config {
	return kafka.Config{
		Brokers: o.brokers, StateDir: stateDir, TLS: o.tls, Version: o.version, Logger: log,
		SASL: kafka.SASL{Mechanism: o.saslMechanism.value, User: o.saslUser, Password: o.saslPassword},
	}
}
