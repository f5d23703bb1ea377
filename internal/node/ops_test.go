package node

import (
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry/lag"
)

func TestFlows(t *testing.T) {
	behind := lag.NewReport(time.Time{}, []lag.Group{{Name: "acme-router-orders"}, {Name: "acme-router-acme.notifications"}, {Name: "billing"}})
	got := flows("acme", behind)
	var routers []string
	for _, f := range got {
		if slices.Contains(f.Outputs, "acme.journal") && f.Kind == "group" {
			routers = append(routers, f.Name+" of "+f.Inputs[0])
		}
	}
	want := []string{"acme-router-acme.notifications of acme.notifications", "acme-router-orders of orders"}
	if !slices.Equal(routers, want) {
		t.Errorf("got %q, want %q", routers, want)
	}
	if before := flows("acme", lag.Report{}); len(before) != 4 || before[1].Name != "acme-router-acme.notifications" {
		t.Errorf("got %+v before lag is known, want the built-in router", before)
	}
}
