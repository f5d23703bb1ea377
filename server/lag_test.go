package server

import (
	"context"
	"flag"
	"net/http"
	"os"
	"testing"
)

var updateLag = flag.Bool("update-lag", false, "write testdata/lag.json anew")

func TestLagJSON(t *testing.T) {
	a := newAPI(t, func(c *Config) {
		c.Lag = func(context.Context) (any, error) { return lagReport(), nil }
	})
	const file = "testdata/lag.json"
	got := a.get("/v1/lag").want(http.StatusOK).Body.String()
	if *updateLag {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (-update-lag writes it anew); got:\n%s", file, got)
	}
}
