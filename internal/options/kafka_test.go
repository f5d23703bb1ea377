package options

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/programtest"
)

// parseKafka parses args into kafka options and validates them.
func parseKafka(t *testing.T, args ...string) (*Kafka, error) {
	t.Helper()
	var o Kafka
	fs := pflag.NewFlagSet(t.Name(), pflag.ContinueOnError)
	o.AddFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &o, o.Validate()
}

func TestKafkaDefaults(t *testing.T) {
	o, err := parseKafka(t, "--brokers", "a:9092, [::1]:9093")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a:9092", "[::1]:9093"}; !slices.Equal(o.Brokers, want) {
		t.Errorf("brokers %q, want %q", o.Brokers, want)
	}
	if o.Prefix != "belfry" || o.TLS != nil || o.SASLMechanism.Value != "" || o.SASLPassword != "" {
		t.Errorf("got prefix %q, tls %v, sasl %q", o.Prefix, o.TLS, o.SASLMechanism.Value)
	}
}

func TestKafkaTLS(t *testing.T) {
	cert, key := keyPair(t)
	o, err := parseKafka(t, "--brokers", "a:1", "--kafka-tls")
	if err != nil || o.TLS == nil || o.TLS.RootCAs != nil || o.TLS.InsecureSkipVerify {
		t.Errorf("plain --kafka-tls: %+v, %v", o.TLS, err)
	}
	o, err = parseKafka(t, "--brokers", "a:1", "--kafka-tls", "--kafka-ca-file", cert, "--kafka-cert-file", cert, "--kafka-key-file", key)
	if err != nil || o.TLS.RootCAs == nil || len(o.TLS.Certificates) != 1 {
		t.Errorf("with files: %+v, %v", o.TLS, err)
	}
}

func TestKafkaSASL(t *testing.T) {
	password := programtest.WriteFile(t, "password", " pass word \r\n")
	o, err := parseKafka(t, "--brokers", "a:1", "--sasl-mechanism", "SCRAM-SHA-512", "--sasl-user", "u", "--sasl-password-file", password)
	if err != nil || o.SASLMechanism.Value != "SCRAM-SHA-512" || o.SASLUser != "u" || o.SASLPassword != " pass word " {
		t.Errorf("got %q, %q, %q, %v", o.SASLMechanism.Value, o.SASLUser, o.SASLPassword, err)
	}
}

func TestKafkaRefuses(t *testing.T) {
	cert, key := keyPair(t)
	empty := programtest.WriteFile(t, "empty", "\n")
	tests := []struct {
		name string
		args string
		want []string
	}{
		{"no broker", "", []string{"--brokers", "required", "127.0.0.1:9092"}},
		{"no port", "--brokers kafka", []string{"--brokers", `"kafka"`, "host:port"}},
		{"port 0", "--brokers kafka:0", []string{"--brokers", "1 to 65535"}},
		{"port too high", "--brokers a:1,kafka:65536", []string{"--brokers", `"kafka:65536"`}},
		{"no host", "--brokers :9092", []string{"--brokers", "127.0.0.1:9092"}},
		{"scheme", "--brokers kafka://a:1", []string{"--brokers", "scheme"}},
		{"empty broker", "--brokers a:1,", []string{"--brokers", `""`}},
		{"prefix", "--brokers a:1 --prefix a/b", []string{"--prefix", `"a/b"`, "letters"}},
		{"ca without tls", "--brokers a:1 --kafka-ca-file " + cert, []string{"--kafka-ca-file", "--kafka-tls"}},
		{"cert without key", "--brokers a:1 --kafka-tls --kafka-cert-file " + cert, []string{"--kafka-cert-file", "--kafka-key-file"}},
		{"key without cert", "--brokers a:1 --kafka-tls --kafka-key-file " + key, []string{"--kafka-key-file", "--kafka-cert-file"}},
		{"ca not there", "--brokers a:1 --kafka-tls --kafka-ca-file no-such-file", []string{"--kafka-ca-file", "no-such-file"}},
		{"ca is no certificate", "--brokers a:1 --kafka-tls --kafka-ca-file " + empty, []string{"--kafka-ca-file", "no PEM certificate"}},
		{"cert is a key", "--brokers a:1 --kafka-tls --kafka-cert-file " + key + " --kafka-key-file " + key, []string{"--kafka-cert-file"}},
		{"user without mechanism", "--brokers a:1 --sasl-user u", []string{"--sasl-user", "--sasl-mechanism", "SCRAM-SHA-512"}},
		{"password without mechanism", "--brokers a:1 --sasl-password-file x", []string{"--sasl-password-file", "--sasl-mechanism"}},
		{"mechanism without user", "--brokers a:1 --sasl-mechanism PLAIN", []string{"--sasl-user", "required"}},
		{"mechanism without password", "--brokers a:1 --sasl-mechanism PLAIN --sasl-user u", []string{"--sasl-password-file", "required"}},
		{"empty password", "--brokers a:1 --sasl-mechanism PLAIN --sasl-user u --sasl-password-file " + empty, []string{"--sasl-password-file", "empty"}},
		{"password not there", "--brokers a:1 --sasl-mechanism PLAIN --sasl-user u --sasl-password-file no-such-file", []string{"--sasl-password-file", "no such file"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseKafka(t, strings.Fields(tt.args)...)
			wantFlagError(t, err, tt.want...)
		})
	}
}

// keyPair returns the files of a self-signed certificate and its key.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = programtest.WriteFile(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	key = programtest.WriteFile(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})))
	return cert, key
}
