package ops_test

import (
	"flag"
	"net/http"
	"testing"

	"github.com/belfry/belfry/internal/servertest"
)

var updateLag = flag.Bool("update-lag", false, "write testdata/lag.json anew")

func TestLagJSON(t *testing.T) {
	a, f := opsAPI(t)
	f.Set(func() { f.Collected = servertest.LagReport() })
	servertest.WantGolden(t, "testdata/lag.json", a.get("/v1/lag").Want(http.StatusOK).Body.String(), *updateLag)
}
