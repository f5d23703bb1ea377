package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/lag"
)

func TestFlows(t *testing.T) {
	behind := lag.NewReport(time.Time{}, []lag.Group{
		{Name: "acme-router-orders"}, {Name: "acme-router-acme.notifications"}, {Name: "billing"}, {Name: "acme-mail"},
		{Name: "acme-requests", Partitions: []lag.Partition{{Topic: "asked"}, {Topic: "asked", Partition: 1}}},
	})
	got := flows("acme", behind)
	var routers []string
	for _, f := range got {
		if slices.Contains(f.Outputs, "acme.journal") && f.Kind == "group" {
			routers = append(routers, f.Name+" of "+strings.Join(f.Inputs, " and "))
		}
	}
	want := []string{"acme-router-acme.notifications of acme.notifications", "acme-router-orders of orders", "acme-requests of asked"}
	if !slices.Equal(routers, want) {
		t.Errorf("got %q, want %q", routers, want)
	}
	if last := got[len(got)-1]; last.Name != "acme-mail" || !slices.Equal(last.Inputs, []string{"acme.outbound"}) {
		t.Errorf("the last is %+v, want the sender of mail", last)
	}
	if before := flows("acme", lag.Report{}); len(before) != 4 || before[1].Name != "acme-router-acme.notifications" {
		t.Errorf("got %+v before lag is known, want the built-in router", before)
	}
}

func TestOtherGroups(t *testing.T) {
	others := OtherGroups("acme", nil)
	for group, want := range map[string]bool{
		"acme-webpush": true, "acme-mail": true, "acme-requests": true, "acme-router-orders": true,
		"acme-push": false, "billing": false, "belfry-mail": false,
	} {
		if got := others(group); got != want {
			t.Errorf("%s: got %v, want %v", group, got, want)
		}
	}
}
