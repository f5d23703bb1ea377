package promtest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/promtest"
)

func TestServer(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rules := write("rules.yaml", `{groups: [{name: g, rules: [{alert: Always, expr: vector(7) > 1}]}]}`)
	s := promtest.Start(t, write("prometheus.yml", `{global: {evaluation_interval: 1s}, rule_files: ["`+rules+`"]}`))
	got, err := s.Query(`label_replace(vector(2.5), "a", "b", "", "")`)
	if err != nil || len(got) != 1 || got[0].Value != 2.5 || got[0].Labels["a"] != "b" {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := s.Query("none"); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v; want nothing", got, err)
	}
	if _, err := s.Query("sum("); err == nil {
		t.Error("no error for what is no expression")
	}
	await.Eventually(t, await.Patience, func() string { return "the alert does not fire" }, func() bool {
		alerts, err := s.Alerts()
		return err == nil && len(alerts) == 1 && alerts[0].State == "firing" && alerts[0].Labels["alertname"] == "Always"
	})
}
