package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/await"
)

// TestDemoMails has the demo show the mail of what nobody has read, in the language of its
// user. The channels of its folder are those of the demo, sooner.
func TestDemoMails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "state", "channels.yaml"), []byte("channels: {mail: {kind: mail, tell: [{category: approval, if_unread_after: 1s}]}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, "--rate", "0", "--data-dir", dir)
	fetch := func(path string, want int) (*http.Response, string) {
		t.Helper()
		response, err := http.Get(d.url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != want {
			t.Fatalf("GET %s: %s, %v", path, response.Status, err)
		}
		return response, string(text)
	}
	if _, text := fetch("/demo/mails", http.StatusOK); !strings.Contains(text, "Nothing yet") {
		t.Errorf("before anything: %s", text)
	}
	d.post("/demo/events", `{"kind":"approval.requested","recipients":["사용자-7"]}`, http.StatusAccepted)
	await.Eventually(t, await.Patience, func() string { return "no mail is shown" }, func() bool {
		_, text := fetch("/demo/mails", http.StatusOK)
		return strings.Contains(text, `<a href="/demo/mails/1">`) && strings.Contains(text, "결재를 요청했습니다")
	})
	response, text := fetch("/demo/mails/1", http.StatusOK)
	if policy := response.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'unsafe-inline'") || !strings.Contains(text, `<html lang="ko"`) || !strings.Contains(text, d.url+"/v1/links/") {
		t.Errorf("with the policy %q: %s", policy, text)
	}
	for _, path := range []string{"/demo/mails/0", "/demo/mails/2", "/demo/mails/x"} {
		fetch(path, http.StatusNotFound)
	}
}
