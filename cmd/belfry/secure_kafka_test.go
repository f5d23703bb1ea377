package main

import (
	"net/http"
	"testing"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

// A real broker that speaks TLS and wants to know who comes.
func TestKafkaWithTLSAndLogin(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Kafka")
	}
	const user, password = "belfry", "correct horse: battery #7"
	secure := kafkatest.NewSecure(t, user, password)
	kafkatest.Start(t, kafkatest.Config{Secure: secure})
	good, bad := programtest.WriteFile(t, "password", password+"\n"), programtest.WriteFile(t, "wrong", "wrong\n")
	flags := func(mechanism, passwordFile string) []string {
		return []string{"--brokers", secure.Addr(), "--kafka-tls", "--kafka-ca-file", secure.CAFile,
			"--sasl-mechanism", mechanism, "--sasl-user", user, "--sasl-password-file", passwordFile}
	}
	call(t, nil, append([]string{"topics", "--partitions", "3"}, flags("SCRAM-SHA-512", good)...)...).WantOutput(t, "6 topics are as they must be")
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			args := append([]string{"run", "--addr", "127.0.0.1:0", "--auth", "none", "--partitions", "3", "--state-dir", t.TempDir()}, flags(mechanism, good)...)
			r := serveAll(t, args...)
			if got := callAPI(t, http.MethodPost, r.url+"/v1/notifications", "", `{"recipient":"`+mechanism+`","title":"x"}`, nil); got != http.StatusAccepted {
				t.Fatalf("status %d, want 202", got)
			}
			awaitBadge(t, r.url, "", mechanism, hasUnread(1))
			r.wantCleanStop()
		})
	}
	for name, tt := range map[string]struct {
		flags []string
		want  []string
	}{
		"wrong password":                   {flags("SCRAM-SHA-512", bad), []string{"--sasl-user", secure.Addr(), "fix the user"}},
		"no login":                         {[]string{"--brokers", secure.Addr(), "--kafka-tls", "--kafka-ca-file", secure.CAFile}, []string{"--brokers", "--sasl-mechanism"}},
		"no TLS":                           {[]string{"--brokers", secure.Addr()}, []string{"--brokers", "--kafka-tls"}},
		"an authority that is not trusted": {[]string{"--brokers", secure.Addr(), "--kafka-tls"}, []string{"--kafka-ca-file", "certificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call(t, nil, append([]string{"topics"}, tt.flags...)...).WantError(t, cli.ExitFailure, tt.want...)
		})
	}
}
