package options

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"

	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/server/stream"
)

func TestStreamOptions(t *testing.T) {
	secret := programtest.WriteFile(t, "jwt.secret", programtest.Secret)
	var o Server
	err := parseOptions(t, &o, "--jwt-secret-file", secret, "--max-streams", "7", "--max-streams-per-user", "-1",
		"--max-streams-per-address", "3", "--trusted-proxies", "10.1.2.3/8,192.0.2.1,2001:db8::/32")
	if err != nil {
		t.Fatal(err)
	}
	cfg, _, err := o.Config(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if want := (stream.Limits{Total: 7, PerUser: -1, PerAddress: 3}); cfg.Streams != want || cfg.Certificate != nil {
		t.Errorf("got %+v, certificate %v, want %+v and none", cfg.Streams, cfg.Certificate, want)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/32")}
	if !slices.Equal(cfg.TrustedProxies, want) {
		t.Errorf("got proxies %v, want %v", cfg.TrustedProxies, want)
	}
}

func TestStreamOptionsRefuse(t *testing.T) {
	secret := programtest.WriteFile(t, "jwt.secret", programtest.Secret)
	for name, tt := range map[string]struct {
		args []string
		want []string
	}{
		"none in all":       {[]string{"--max-streams", "0"}, []string{"--max-streams", "at least 1"}},
		"none per user":     {[]string{"--max-streams-per-user", "-2"}, []string{"--max-streams-per-user", "-2"}},
		"none per address":  {[]string{"--max-streams-per-address", "0"}, []string{"--max-streams-per-address", "-1 for no limit"}},
		"no network":        {[]string{"--trusted-proxies", "proxy.example"}, []string{"--trusted-proxies", `"proxy.example"`}},
		"key alone":         {[]string{"--tls-key", "tls.key"}, []string{"--tls-cert", "required with --tls-key"}},
		"certificate alone": {[]string{"--tls-cert", "tls.crt"}, []string{"--tls-key", "required with --tls-cert"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFlagError(t, parseOptions(t, new(Server), append([]string{"--jwt-secret-file", secret}, tt.args...)...), tt.want...)
		})
	}
	var o Server
	if err := parseOptions(t, &o, "--jwt-secret-file", secret, "--tls-cert", "no-such.crt", "--tls-key", "no-such.key"); err != nil {
		t.Fatal(err)
	}
	_, _, err := o.Config(slog.New(slog.DiscardHandler))
	wantFlagError(t, err, "--tls-cert", "no-such.crt")
}
