package engine_test

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/engine"
)

func TestSettingsAreRefusedWithAReason(t *testing.T) {
	broker := []string{"127.0.0.1:1"}
	tests := []struct {
		name string
		cfg  engine.Config
		want string
	}{
		{"no brokers", engine.Config{}, "no brokers given"},
		{"no user", engine.Config{Brokers: broker, SASL: engine.SASL{Mechanism: "PLAIN"}}, "sasl mechanism PLAIN needs a user and a password"},
		{"unknown mechanism", engine.Config{Brokers: broker, SASL: engine.SASL{Mechanism: "GSSAPI", User: "u", Password: "secret"}}, `sasl mechanism "GSSAPI" is not`},
		{"session time-out", engine.Config{Brokers: broker, SessionTimeout: 1}, "kafka settings"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := engine.OpenTopics(tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v shows the password", err)
			}
		})
	}
}
