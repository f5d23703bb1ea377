package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/server"
)

// A server whose identity provider is away starts, says so, and is ready once
// the provider is there.
func TestServerWaitsForKeys(t *testing.T) {
	t.Parallel()
	up := make(chan struct{})
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-up:
			// RFC 8037 appendix A.2.
			_, _ = w.Write([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
		default:
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(provider.Close)
	brokers := kafkatest.Embedded(t)
	api := parts.FreeAddr(t)
	p := startServing(t, "run", "--brokers", brokers[0], "--partitions", "1", "--replication", "1", "--state-dir", t.TempDir(),
		"--addr", api, "--jwks-url", provider.URL+"/jwks")
	var ready struct {
		Conditions []server.Condition `json:"conditions"`
	}
	state := func() string { b, _ := json.Marshal(ready); return string(b) }
	probe := func() int {
		res, err := http.Get("http://" + api + "/readyz")
		if err != nil {
			return 0
		}
		defer res.Body.Close()
		_ = json.NewDecoder(res.Body).Decode(&ready)
		return res.StatusCode
	}
	// All but the keys.
	await.Eventually(t, await.Patience, state, func() bool {
		code, missing := probe(), 0
		for _, c := range ready.Conditions {
			if !c.Ready {
				missing++
			}
		}
		return code == http.StatusServiceUnavailable && missing == 1 && strings.Contains(state(), "token keys")
	})
	close(up)
	await.Eventually(t, await.Patience, state, func() bool { return probe() == http.StatusOK })
	p.wantCleanStop()
}
