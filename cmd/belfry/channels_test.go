package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func channelsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "channels.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestChannelsCheck(t *testing.T) {
	t.Parallel()
	good := channelsFile(t, `
channels:
  browser: {kind: webpush, tell: [{priority: [urgent, high], if_unseen_after: 30s}, {category: comment, if_unseen_after: 5m}], daily_cap: 20}
  mail: {kind: mail, tell: [{digest: {at: "08:30", days: [mon, fri]}}]}
`)
	call(t, nil, "channels", "check", good).WantOutput(t,
		"browser  webpush  20     urgent or high after 30s; of comment after 5m0s", "mail     mail     any    all at 08:30 on mon, fri", "2 channels and 3 rules are right")
	bad := channelsFile(t, "channels:\n  browser: {kind: sms, tell: []}\n")
	r := call(t, nil, "channels", "check", bad)
	if r.Code != 1 || !strings.Contains(r.Stderr, "2 problems in the channels") {
		t.Errorf("got %d, %s", r.Code, r.Stderr)
	}
	for _, want := range []string{"channels.yaml:2:19: channels.browser.kind: must be webpush, mail or text", "channels.yaml:2:30: channels.browser.tell: is empty"} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("got %s, want %s", r.Stdout, want)
		}
	}
	if r := call(t, nil, "channels", "check", bad, "--json"); r.Code != 1 || !strings.Contains(r.Stdout, `"valid":false`) {
		t.Errorf("got %d, %s", r.Code, r.Stdout)
	}
	call(t, nil, "channels", "check").WantError(t, 2, "name one file")
	call(t, nil, "channels", "check", filepath.Join(t.TempDir(), "none.yaml")).WantError(t, 2, "open channels")
	// The same refusal keeps a processor from starting.
	call(t, nil, "processor", "--brokers", "127.0.0.1:1", "--state-dir", t.TempDir(), "--channels", bad).WantFailureIn(t, "must be webpush, mail or text")
}
