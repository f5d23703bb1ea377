package servertest

import (
	"time"

	"github.com/belfry/belfry/lag"
)

// LagReport has a running group, one that has stopped, of which one partition
// was never committed, and one that never was. In one partition a transaction is
// open.
func LagReport() lag.Report {
	at := func(offset int64) *int64 { return &offset }
	open := time.Date(2026, 1, 2, 3, 2, 35, 678e6, time.UTC)
	return lag.NewReport(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), []lag.Group{
		{
			Name: "belfry-unread", State: "Stable",
			Protocol: "sticky", Coordinator: 3, CatchUpSeconds: new(2.5),
			Members: []lag.Member{
				{ID: "belfry-1", ClientID: "belfry", Host: "10.0.0.1", Partitions: 2, Topics: map[string]int{"belfry.journal": 2}},
				{ID: "belfry-2", ClientID: "belfry", Host: "10.0.0.2"},
			},
			Partitions: []lag.Partition{
				{Topic: "belfry.journal", Partition: 0, CurrentOffset: at(90), EndOffset: 100, OldestOffset: 10, Lag: 10, LagSeconds: 1.5},
				{Topic: "belfry.journal", Partition: 1, CurrentOffset: at(7), EndOffset: 10, HeldBack: 3, HeldSince: open},
			},
		},
		{
			Name: "audit", State: "Empty", CatchUpNever: true,
			Partitions: []lag.Partition{
				{Topic: "belfry.items", Partition: 10, CurrentOffset: at(0), EndOffset: 3_000_000_000, Lag: 3_000_000_000, LagSeconds: 86400},
				{Topic: "belfry.journal", Partition: 0, EndOffset: 100, OldestOffset: 10, Lag: 90, LagSeconds: 9},
				{Topic: "belfry.journal", Partition: 1, CurrentOffset: at(5), EndOffset: 10, Lag: 2, LagSeconds: 3, HeldBack: 3, HeldSince: open},
			},
		},
		{Name: "belfry-inbox", State: "Dead"},
	})
}
