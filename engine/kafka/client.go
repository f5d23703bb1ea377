package kafka

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/belfry/belfry/engine/inflate"
)

// NewClient returns a franz-go client of these brokers. It connects to none
// before the first request. The caller must Close it.
func (c *Config) NewClient(clientID string, more ...kgo.Opt) (*kgo.Client, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(c.ClientOptions(clientID), more...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka settings: %w", err)
	}
	return client, nil
}

// Inflated are further options of a client that reads what others produce: its
// fetches are decompressed within bounds, see package inflate.
func (c *Config) Inflated() []kgo.Opt {
	d := &inflate.Dialer{TLS: c.TLS, Timeout: connectTimeout}
	return []kgo.Opt{kgo.DialTLSConfig(nil), kgo.Dialer(d.DialContext)} // the dialer encrypts
}

// check returns the error of settings that no client can work with.
func (c *Config) check() error {
	if len(c.Brokers) == 0 {
		return errors.New("no brokers given")
	}
	switch c.SASL.Mechanism {
	case "":
		return nil
	case sarama.SASLTypePlaintext, sarama.SASLTypeSCRAMSHA256, sarama.SASLTypeSCRAMSHA512:
	default:
		return fmt.Errorf("sasl mechanism %q is not PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", c.SASL.Mechanism)
	}
	if c.SASL.User == "" || c.SASL.Password == "" {
		return fmt.Errorf("sasl mechanism %s needs a user and a password", c.SASL.Mechanism)
	}
	return nil
}

// ClientOptions are the options with which a franz-go client reaches these
// brokers: where they are, encryption, log-in and the name to be known by.
func (c *Config) ClientOptions(clientID string) []kgo.Opt {
	options := []kgo.Opt{kgo.SeedBrokers(c.Brokers...), kgo.ClientID(clientID)}
	if c.TLS != nil {
		options = append(options, kgo.DialTLSConfig(c.TLS))
	}
	switch c.SASL.Mechanism {
	case sarama.SASLTypePlaintext:
		options = append(options, kgo.SASL(plain.Auth{User: c.SASL.User, Pass: c.SASL.Password}.AsMechanism()))
	case sarama.SASLTypeSCRAMSHA256:
		options = append(options, kgo.SASL(scram.Auth{User: c.SASL.User, Pass: c.SASL.Password}.AsSha256Mechanism()))
	case sarama.SASLTypeSCRAMSHA512:
		options = append(options, kgo.SASL(scram.Auth{User: c.SASL.User, Pass: c.SASL.Password}.AsSha512Mechanism()))
	}
	return options
}
