package docker_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

// The rules that compose.yaml mounts are sound, and every processor has them.
func TestComposeRules(t *testing.T) {
	const at = "/etc/belfry/rules"
	rules, err := rules.Load("rules", rules.Options{Decoder: envelope.NewDecoder(envelope.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	source, ok := rules.Source("orders")
	if !ok {
		t.Fatal("no source for the topic of the example")
	}
	deliveries, err := source.Route(sources.Record{Topic: "orders", Value: []byte(`{"id":"4711","type":"shipped","customer":"user-7"}`)})
	if err != nil || len(deliveries) != 1 || !slices.Equal(deliveries[0].Recipients, []string{"user-7"}) || deliveries[0].Rule != "order-shipped" {
		t.Errorf("the example's event makes %+v, %v", deliveries, err)
	}
	folder, err := filepath.Abs("rules")
	if err != nil {
		t.Fatal(err)
	}
	project := load(t, nil)
	for _, name := range []string{"processor-1", "processor-2"} {
		s := project.Services[name]
		if got := valueOf(s.Command, "--rules"); got != at {
			t.Errorf("%s reads rules from %q, want %s", name, got, at)
		}
		mounted := false
		for _, v := range s.Volumes {
			mounted = mounted || v.Source == folder && v.Target == at && v.ReadOnly
		}
		if !mounted {
			t.Errorf("%s mounts no %s at %s: %+v", name, folder, at, s.Volumes)
		}
	}
}
