package chaos_test

import (
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/chaos"
)

func allFamilies() []chaos.Family {
	return []chaos.Family{
		chaos.KillProcessor, chaos.TermProcessor, chaos.PauseProcessor, chaos.KillServer, chaos.TermServer, chaos.PauseServer,
		chaos.RollingRestart, chaos.DeleteState, chaos.DamageState, chaos.FillDisk, chaos.KillBroker, chaos.PauseBroker,
		chaos.KillLeader, chaos.KillCoordinator, chaos.KillAllBrokers,
	}
}

func TestPlanIsAFunctionOfItsSeed(t *testing.T) {
	can := chaos.Abilities{Brokers: true, Disk: true}
	for seed := range uint64(20) {
		if a, b := chaos.Plan(seed, time.Minute, can), chaos.Plan(seed, time.Minute, can); !slices.Equal(a, b) {
			t.Errorf("seed %d: %v and %v", seed, a, b)
		}
		if a, b := chaos.Plan(seed, time.Minute, can), chaos.Plan(seed+1, time.Minute, can); slices.Equal(a, b) {
			t.Errorf("seeds %d and %d give the same", seed, seed+1)
		}
	}
}

// Any three seeds in a row have each family, any seed at least four faults, and
// all of them begin, in order, while there are events.
func TestPlanHasEveryFamily(t *testing.T) {
	for _, duration := range []time.Duration{chaos.MinDuration, 45 * time.Second, 3 * time.Minute} {
		for name, tt := range map[string]struct {
			can     chaos.Abilities
			without []chaos.Family
		}{
			"all":       {can: chaos.Abilities{Brokers: true, Disk: true}},
			"no disk":   {can: chaos.Abilities{Brokers: true}, without: []chaos.Family{chaos.FillDisk}},
			"processes": {can: chaos.Abilities{Disk: true}, without: []chaos.Family{chaos.KillBroker, chaos.PauseBroker, chaos.KillLeader, chaos.KillCoordinator, chaos.KillAllBrokers}},
		} {
			t.Run(duration.String()+" "+name, func(t *testing.T) {
				for first := range uint64(12) {
					got := map[chaos.Family]bool{}
					for seed := first; seed < first+3; seed++ {
						plan := chaos.Plan(seed, duration, tt.can)
						if len(plan) < 4 {
							t.Errorf("seed %d has %d faults", seed, len(plan))
						}
						last := time.Duration(0)
						for _, p := range plan {
							got[p.Family] = true
							if p.At < last || p.At >= duration || p.For < 0 || p.For > 40*time.Second || p.Target < 0 {
								t.Errorf("seed %d: %v after %s", seed, p, last)
							}
							last = p.At
						}
					}
					for _, f := range allFamilies() {
						if want := !slices.Contains(tt.without, f); got[f] != want {
							t.Errorf("seeds %d to %d: %s: %t, want %t", first, first+2, f, got[f], want)
						}
					}
				}
			})
		}
	}
}

func TestLongPlansHaveMore(t *testing.T) {
	can := chaos.Abilities{Brokers: true, Disk: true}
	for seed := range uint64(10) {
		plan := chaos.Plan(seed, 3*time.Minute, can)
		if n := len(plan); n < 15 || n > 60 {
			t.Errorf("seed %d: %d faults in three minutes", seed, n)
		}
		zombies := 0
		for _, p := range plan {
			if p.Family == chaos.PauseProcessor && p.For > 12*time.Second {
				zombies++
			}
		}
		t.Logf("seed %d: %d faults, %d zombies", seed, len(plan), zombies)
	}
}
