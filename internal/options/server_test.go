package options

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/auth"
)

func TestServerConfigDefaults(t *testing.T) {
	var o Server
	if err := parseOptions(t, &o, "--jwt-secret-file", programtest.WriteFile(t, "jwt.secret", programtest.Secret)); err != nil {
		t.Fatal(err)
	}
	cfg, keys, err := o.Config(nil)
	if err != nil {
		t.Fatal(err)
	}
	if keys != nil || cfg.TicketSecret != nil || cfg.CORSOrigins != nil || o.trust.leeway != auth.DefaultLeeway {
		t.Errorf("got %+v, keys %v, %s, want no keys, ticket secret or origins, and the default leeway", cfg, keys, o.trust.leeway)
	}
	want := server.Limits{
		WriteRate: server.DefaultWriteRate, WriteBurst: server.DefaultWriteBurst,
		ListRate: server.DefaultListRate, ListBurst: server.DefaultListBurst,
		Connections: server.DefaultConnections, PerAddress: server.DefaultPerAddress, SilentPerAddress: server.DefaultSilentPerAddress,
	}
	if cfg.Limits != want {
		t.Errorf("got limits %+v, want %+v", cfg.Limits, want)
	}
}

func TestServerConfigGiven(t *testing.T) {
	secret, tickets := programtest.WriteFile(t, "jwt.secret", programtest.Secret), programtest.WriteFile(t, "ticket.secret", "\n"+strings.ToUpper(programtest.Secret)+"\n")
	var o Server
	err := parseOptions(t, &o, "--jwt-secret-file", secret, "--jwks-url", "https://id.example/jwks", "--ticket-secret-file", tickets,
		"--cors-origins", "https://a.example,http://localhost:3000", "--jwt-leeway", "0", "--post-rate", "0", "--list-rate", "0", "--trust-traceparent", "--max-connections", "7")
	if err != nil {
		t.Fatal(err)
	}
	cfg, keys, err := o.Config(nil)
	if err != nil {
		t.Fatal(err)
	}
	if keys == nil || string(cfg.TicketSecret) != strings.ToUpper(programtest.Secret) || len(cfg.CORSOrigins) != 2 || cfg.Limits.WriteRate >= 0 || cfg.Limits.ListRate >= 0 || !cfg.TrustTraceparent || cfg.Limits.Connections != 7 {
		t.Errorf("got %+v, keys %v", cfg, keys)
	}
	// Keys alone will do.
	var keysOnly Server
	if err := parseOptions(t, &keysOnly, "--jwks-url", "http://127.0.0.1:8081/jwks"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := keysOnly.Config(nil); err != nil {
		t.Error(err)
	}
}

func TestServerRefuses(t *testing.T) {
	secret := programtest.WriteFile(t, "jwt.secret", programtest.Secret)
	for name, tt := range map[string]struct {
		args []string
		want []string
	}{
		"plain keys":        {[]string{"--jwks-url", "http://id.example/jwks"}, []string{"--jwks-url", "https"}},
		"keys that are not": {[]string{"--jwks-url", "https://user:word@"}, []string{"--jwks-url", "absolute"}},
		"long leeway":       {[]string{"--jwt-leeway", "6m"}, []string{"--jwt-leeway", "5m0s", "6m0s"}},
		"negative leeway":   {[]string{"--jwt-leeway", "-1s"}, []string{"--jwt-leeway", "-1s"}},
		"wildcard":          {[]string{"--cors-origins", "*"}, []string{"--cors-origins", "wildcard"}},
		"origin with path":  {[]string{"--cors-origins", "https://a.example/"}, []string{"--cors-origins", `"https://a.example/"`}},
		"short secret":      {[]string{"--ticket-secret-file", programtest.WriteFile(t, "short", programtest.Secret[:31])}, []string{"--ticket-secret-file", "31 bytes"}},
		"no secret":         {[]string{"--ticket-secret-file", "no-such-file"}, []string{"--ticket-secret-file", "no such file"}},
		"negative rate":     {[]string{"--post-rate", "-1"}, []string{"--post-rate", "-1"}},
		"no list":           {[]string{"--list-burst", "0"}, []string{"--list-burst", "at least 1"}},
		"no number":         {[]string{"--post-rate", "NaN"}, []string{"--post-rate", "NaN"}},
		"no burst":          {[]string{"--post-burst", "0"}, []string{"--post-burst", "at least 1"}},
		"no connection":     {[]string{"--max-connections", "0"}, []string{"--max-connections", "at least 1"}},
		"none silent":       {[]string{"--max-silent-per-address", "-3"}, []string{"--max-silent-per-address", "-3"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := parseOptions(t, new(Server), append([]string{"--jwt-secret-file", secret}, tt.args...)...)
			wantFlagError(t, err, tt.want...)
			if strings.Contains(err.Error(), "word") || strings.Contains(err.Error(), programtest.Secret[:8]) {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}
