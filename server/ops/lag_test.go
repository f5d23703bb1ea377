package ops_test

import (
	"flag"
	"net/http"
	"os"
	"testing"

	"github.com/belfry/belfry/internal/servertest"
)

var updateLag = flag.Bool("update-lag", false, "write testdata/lag.json anew")

func TestLagJSON(t *testing.T) {
	a, f := opsAPI(t)
	f.Set(func() { f.Collected = servertest.LagReport() })
	const file = "testdata/lag.json"
	got := a.get("/v1/lag").Want(http.StatusOK).Body.String()
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
