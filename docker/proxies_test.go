package docker_test

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestEnvoyLetsStreamsLive(t *testing.T) {
	raw, err := os.ReadFile("../docs/proxies/envoy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := yaml.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	at := func(keys ...any) any {
		t.Helper()
		var v any = config
		for _, key := range keys {
			switch key := key.(type) {
			case string:
				v = v.(map[string]any)[key]
			case int:
				v = v.([]any)[key]
			}
		}
		return v
	}
	manager := []any{"static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config"}
	routes := append(manager, "route_config", "virtual_hosts", 0, "routes")
	for want, got := range map[any]any{
		"0s":                     at(append(routes, 0, "route", "timeout")...),
		"/v1/users/[^/]+/stream": at(append(routes, 0, "match", "safe_regex", "regex")...),
		"/":                      at(append(routes, 1, "match", "prefix")...),
		"/readyz":                at("static_resources", "clusters", 0, "health_checks", 0, "http_health_check", "path"),
		true:                     at(append(manager, "use_remote_address")...),
		"300s":                   at(append(manager, "stream_idle_timeout")...),
		any("KEEP_UNCHANGED"):    at(append(manager, "path_with_escaped_slashes_action")...),
		at(append(routes, 0, "route", "cluster")...): at("static_resources", "clusters", 0, "name"),
	} {
		if got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestCaddyCompressesNoStreams(t *testing.T) {
	raw, err := os.ReadFile("../docs/proxies/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	conf := string(raw)
	for _, want := range []string{"match header Content-Type application/json*", "reverse_proxy server-1:8080 server-2:8080 {"} {
		if !strings.Contains(conf, want) {
			t.Errorf("the Caddyfile lacks %q", want)
		}
	}
	if strings.Count(conf, "{") != strings.Count(conf, "}") {
		t.Error("the Caddyfile has unequal braces")
	}
}
