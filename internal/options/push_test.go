package options

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders/push"
	"github.com/belfry/belfry/webpush"
)

func TestPush(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vapid.pem")
	keys, err := webpush.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteVAPIDKeys(file, keys); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file of its owner's", info.Mode(), err)
	}
	wantFlagError(t, WriteVAPIDKeys(file, keys), "vapid-key-file", "exists")
	open := programtest.WriteFile(t, "open.pem", "x")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	bad := programtest.WriteFile(t, "bad.pem", "secret")
	if err := os.Chmod(bad, 0o600); err != nil {
		t.Fatal(err)
	}
	secret := programtest.WriteFile(t, "link.secret", programtest.Secret)
	good := []string{"--send", "webpush", "--vapid-key-file", file, "--vapid-subject", "mailto:ops@example.com", "--public-url", "https://inbox.example.com/", "--link-secret-file", secret}
	var o Push
	if err := parseOptions(t, &o, good...); err != nil {
		t.Fatal(err)
	}
	config := func(jwtSecret []byte) (*push.Settings, error) {
		web, mail, err := o.Config(jwtSecret)
		if mail != nil {
			t.Error("mail is sent")
		}
		return web, err
	}
	if p, err := config(nil); err != nil || !p.Send || p.Keys.Public() != keys.Public() || p.PublicURL != "https://inbox.example.com" || p.Signer == nil {
		t.Errorf("got %+v, %v", p, err)
	}
	wantFlagError(t, o.CheckFeatures(inbox.FeatureTime), "send", "--features time,reach")
	if err := o.CheckFeatures(inbox.FeatureTime | inbox.FeatureReach); err != nil {
		t.Error(err)
	}
	o = Push{}
	if err := parseOptions(t, &o); err != nil {
		t.Fatal(err)
	}
	if p, err := config(nil); err != nil || p.Send || p.Keys != nil || p.Signer != nil {
		t.Errorf("got %+v, %v", p, err)
	}
	if p, err := config([]byte(strings.Repeat("s", 32))); err != nil || p.Signer == nil {
		t.Errorf("links of the secret of tokens: %+v, %v", p, err)
	}
	for _, tt := range []struct {
		args  []string
		parts []string
	}{
		{[]string{"--send", "sms"}, []string{"send", "webpush", "sms"}},
		{[]string{"--send", "webpush"}, []string{"vapid-key-file", "belfry vapid"}},
		{[]string{"--send", "webpush", "--vapid-key-file", file}, []string{"vapid-subject", "mailto:"}},
		{append(good, "--vapid-subject", "ops@example.com"), []string{"vapid-subject", "mailto:"}},
		{append(good, "--vapid-subject", "mailto:ops@localhost"), []string{"vapid-subject"}},
		{append(good, "--vapid-key-file", open), []string{"vapid-key-file", "chmod o="}},
		{append(good, "--vapid-key-file", bad), []string{"vapid-key-file", "private key"}},
		{append(good, "--vapid-key-file", "nowhere"), []string{"vapid-key-file", "no such file", "belfry vapid"}},
		{append(good, "--push-hosts", "10.0.0.1"), []string{"push-hosts", "10.0.0.1"}},
		{append(good, "--push-hosts", "http://push.example.com"), []string{"push-hosts", "loopback"}},
		{append(good, "--public-url", "inbox.example.com"), []string{"public-url"}},
		{append(good, "--public-url", "https://inbox.example.com/?a"), []string{"public-url"}},
		{append(good, "--link-secret-file", bad), []string{"link-secret-file", "at least"}},
	} {
		err := parseOptions(t, &Push{}, tt.args...)
		wantFlagError(t, err, tt.parts...)
		if strings.Contains(err.Error(), "secret\"") {
			t.Errorf("%v quotes a secret", err)
		}
	}
	if err := parseOptions(t, &o, append(good, "--push-hosts", "http://127.0.0.1:8090")...); err != nil || len(o.Warnings()) == 0 {
		t.Errorf("a service on this machine: %v, warned of %v", err, o.Warnings())
	}
}

// TestIdle holds that a way to send is idle where no channel is of its kind.
func TestIdle(t *testing.T) {
	o := Push{send: []string{sendWebPush, sendMail}}
	policy := &reach.Policy{Channels: []reach.Channel{{Name: "post", Kind: inbox.EndpointMail}}}
	if got := o.Idle(policy); !slices.Equal(got, []string{sendWebPush}) {
		t.Errorf("idle: %q", got)
	}
	if got := o.Idle(nil); len(got) != 2 {
		t.Errorf("idle without channels: %q", got)
	}
}
