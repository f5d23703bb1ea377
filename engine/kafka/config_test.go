package kafka_test

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/engine/kafka"
)

func TestSettingsAreRefusedWithAReason(t *testing.T) {
	broker := []string{"127.0.0.1:1"}
	tests := []struct {
		name string
		cfg  kafka.Config
		want string
	}{
		{"no brokers", kafka.Config{}, "no brokers given"},
		{"no user", kafka.Config{Brokers: broker, SASL: kafka.SASL{Mechanism: "PLAIN"}}, "sasl mechanism PLAIN needs a user and a password"},
		{"unknown mechanism", kafka.Config{Brokers: broker, SASL: kafka.SASL{Mechanism: "GSSAPI", User: "u", Password: "secret"}}, `sasl mechanism "GSSAPI" is not`},
		{"session time-out", kafka.Config{Brokers: broker, SessionTimeout: 1}, "kafka settings"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := kafka.OpenTopics(tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v shows the password", err)
			}
		})
	}
}
