package options

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// secretFile writes a file with that text and mode.
func secretFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return file
}

const goodSecret = "5f1c0c2d9b7e4a6883d2f0e1a7b4c69d"

// TestWarnings holds what an operator is told at the start, and that good settings
// tell nothing.
func TestWarnings(t *testing.T) {
	good, open := secretFile(t, goodSecret, 0o640), secretFile(t, goodSecret, 0o644)
	guessed := secretFile(t, strings.Repeat("secret", 6), 0o600)
	for name, tt := range map[string]struct {
		options interface {
			flagGroup
			Warnings() []string
		}
		args []string
		want string // "": nothing
	}{
		"secret":            {new(Server), []string{"--jwt-secret-file", good}, ""},
		"open secret":       {new(Server), []string{"--jwt-secret-file", open}, "--jwt-secret-file: everybody"},
		"guessed secret":    {new(Server), []string{"--jwt-secret-file", guessed}, "can be guessed"},
		"ticket secret":     {new(Server), []string{"--jwt-secret-file", good, "--ticket-secret-file", open}, "--ticket-secret-file: everybody"},
		"keys":              {new(Server), []string{"--jwks-url", "https://id.example/keys", "--jwt-audience", "belfry"}, ""},
		"keys for anything": {new(Server), []string{"--jwks-url", "https://id.example/keys"}, "--jwt-audience"},
		"PLAIN": {new(Kafka), []string{"--brokers", "k:9092", "--sasl-mechanism", "PLAIN", "--sasl-user", "u", "--sasl-password-file", good},
			"--kafka-tls"},
		"PLAIN within TLS": {new(Kafka), []string{"--brokers", "k:9092", "--kafka-tls", "--sasl-mechanism", "PLAIN", "--sasl-user", "u", "--sasl-password-file", good}, ""},
		"SCRAM":            {new(Kafka), []string{"--brokers", "k:9092", "--sasl-mechanism", "SCRAM-SHA-512", "--sasl-user", "u", "--sasl-password-file", good}, ""},
		"open password": {new(Kafka), []string{"--brokers", "k:9092", "--sasl-mechanism", "SCRAM-SHA-512", "--sasl-user", "u", "--sasl-password-file", open},
			"--sasl-password-file: everybody"},
		"registry": {new(Rules), []string{"--schema-registry", "http://r:8081", "--schema-registry-user", "u", "--schema-registry-password-file", good},
			"r:8081 without TLS"},
		"registry with TLS": {new(Rules), []string{"--schema-registry", "https://r:8081", "--schema-registry-user", "u", "--schema-registry-password-file", good}, ""},
		"registry here":     {new(Rules), []string{"--schema-registry", "http://127.0.0.1:8081", "--schema-registry-user", "u", "--schema-registry-password-file", good}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := parseOptions(t, tt.options, tt.args...); err != nil {
				t.Fatal(err)
			}
			got := strings.Join(tt.options.Warnings(), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}

// TestSecretsAreNotEchoed holds that a secret given in place of its file's name is in
// no error.
func TestSecretsAreNotEchoed(t *testing.T) {
	const secret = "kQ8/Zm3vN1pR7sT2uW5xY9aB4cD6eF0gH=="
	for _, tt := range []struct {
		options flagGroup
		args    []string
	}{
		{new(Server), []string{"--jwt-secret-file", secret}},
		{new(Server), []string{"--jwks-url", "https://id.example/keys", "--ticket-secret-file", secret}},
		{new(Kafka), []string{"--brokers", "k:9092", "--sasl-mechanism", "PLAIN", "--sasl-user", "u", "--sasl-password-file", secret}},
		{new(Rules), []string{"--schema-registry", "https://r", "--schema-registry-user", "u", "--schema-registry-password-file", secret}},
	} {
		err := parseOptions(t, tt.options, tt.args...)
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "not the secret") {
			t.Errorf("%v: got %v", tt.args, err)
		}
	}
}

func TestMountedSecrets(t *testing.T) {
	for file, want := range map[string]bool{
		"/run/secrets/jwt": true, "/run/secrets/belfry/jwt.secret": true, "/var/run/secrets/x/y": true,
		"/run/secretsx/jwt": false, "jwt.secret": false, "/home/run/secrets/jwt": false,
	} {
		if got := mounted(file); got != want {
			t.Errorf("%s: got %t, want %t", file, got, want)
		}
	}
}
