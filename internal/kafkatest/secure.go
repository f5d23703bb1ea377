package kafkatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"github.com/belfry/belfry/internal/parts"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Secure is a second door of a cluster of one node: TLS, and a login by
// SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN.
type Secure struct {
	User, Password string
	CAFile         string // PEM, the authority of the node's certificate
	port           int
	certificate    string // PEM
	key            string // PEM, PKCS #8
}

// NewSecure makes a door for Config.Secure.
func NewSecure(t testing.TB, user, password string) *Secure {
	t.Helper()
	s := &Secure{User: user, Password: password, CAFile: filepath.Join(t.TempDir(), "ca.pem"), port: parts.FreePort(t)}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Kafka of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatalf("make a certificate: %v", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("encode a key: %v", err)
	}
	s.certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	s.key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
	if err := os.WriteFile(s.CAFile, []byte(s.certificate), 0o600); err != nil {
		t.Fatalf("write a certificate: %v", err)
	}
	return s
}

// Addr is the host:port of the door.
func (s *Secure) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// addTo adds the door's listener to the properties of a node.
func (s *Secure) addTo(properties map[string]string) {
	const listener = "listener.name.secure."
	properties["listeners"] += ",SECURE://" + s.Addr()
	properties["advertised.listeners"] += ",SECURE://" + s.Addr()
	properties["listener.security.protocol.map"] += ",SECURE:SASL_SSL"
	inLine := func(pem string) string { return strings.ReplaceAll(pem, "\n", `\n`) } // java.util.Properties
	maps.Copy(properties, map[string]string{
		"sasl.enabled.mechanisms":                          "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
		listener + "scram-sha-256.sasl.jaas.config":        "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		listener + "scram-sha-512.sasl.jaas.config":        "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		listener + "plain.sasl.jaas.config":                fmt.Sprintf("org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=%q;", s.User, s.Password),
		listener + "ssl.keystore.type":                     "PEM",
		listener + "ssl.keystore.certificate.chain":        inLine(s.certificate),
		listener + "ssl.keystore.key":                      inLine(s.key),
		listener + "ssl.endpoint.identification.algorithm": "",
	})
}

// formatArgs have the user stored when the node's folder is made.
func (s *Secure) formatArgs() []string {
	var args []string
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, s.User, s.Password))
	}
	return args
}
