package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Family is a kind of fault.
type Family string

// The families.
const (
	KillProcessor   Family = "kill a processor"      // SIGKILL, and started again
	TermProcessor   Family = "terminate a processor" // SIGTERM, and started again
	PauseProcessor  Family = "pause a processor"     // SIGSTOP, SIGCONT
	KillServer      Family = "kill a server"
	TermServer      Family = "terminate a server"
	PauseServer     Family = "pause a server"
	RollingRestart  Family = "restart all in turn"    // SIGTERM, one process after the other
	DeleteState     Family = "delete a state folder"  // of a processor, while it is down
	DamageState     Family = "flip a byte of a state" // of a processor, while it is down
	FillDisk        Family = "fill a state's disk"    // of a processor that goes on
	KillBroker      Family = "kill a broker"          // SIGKILL, and started again
	PauseBroker     Family = "pause a broker"
	KillLeader      Family = "kill a partition's leader"
	KillCoordinator Family = "kill a group's coordinator"
	KillAllBrokers  Family = "kill all brokers"
)

// Abilities are what can be done besides faults of the processes, which always
// can.
type Abilities struct {
	Brokers bool // they can be killed and paused
	Disk    bool // a processor has a state folder on a small file system
}

// Planned is one fault of a schedule.
type Planned struct {
	At     time.Duration // since the begin of the workload
	Family Family
	Target int           // which processor, server or broker, from 0
	For    time.Duration // how long it is down, paused or full
	Dice   uint64        // for what is chosen when it comes to it, as which byte to flip
}

// String is one line for people.
func (p Planned) String() string {
	return fmt.Sprintf("%5.1fs  %s %d for %.1fs", p.At.Seconds(), p.Family, p.Target+1, p.For.Seconds())
}

// warmUp is how long the workload runs before the first fault.
const warmUp = 2 * time.Second

// meanInterval is the mean time between two faults of a long schedule.
const meanInterval = 7 * time.Second

// Plan makes the schedule of one run: a function of its arguments alone, by
// rising time, with all faults begun within the duration, of at least ten
// seconds. Seeds that follow each other share out the families, so that three
// of them have each at least once.
func Plan(seed uint64, duration time.Duration, can Abilities) []Planned {
	dice := rand.New(rand.NewPCG(seed, 0xbe1f))
	p := planner{dice: dice, can: can, end: duration, processes: warmUp, brokers: warmUp}
	must := slices.DeleteFunc(slices.Clone(shares()[seed%3]), func(f Family) bool { return !p.possible(f) })
	dice.Shuffle(len(must), func(i, j int) { must[i], must[j] = must[j], must[i] })
	// A long fault begins early, or it would outlast the run.
	long := func(f Family) int {
		if f == KillAllBrokers || f == RollingRestart {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(must, func(a, b Family) int { return cmp.Compare(long(a), long(b)) })
	p.pace = max((duration-warmUp)/time.Duration(2*len(must)), time.Second)
	for _, f := range must {
		p.add(f)
	}
	p.pace = meanInterval
	optional := slices.DeleteFunc(slices.Concat(shares()...), func(f Family) bool { return !p.possible(f) })
	for p.processes < duration-meanInterval && len(p.plan) < 1000 {
		f := optional[dice.IntN(len(optional))]
		if isOfBrokers(f) && p.brokers > p.processes {
			continue
		}
		p.add(f)
	}
	slices.SortStableFunc(p.plan, func(a, b Planned) int { return cmp.Compare(a.At, b.At) })
	return p.plan
}

// shares are the families that each of three seeds in a row must have.
func shares() [][]Family {
	return [][]Family{
		{KillProcessor, PauseServer, KillBroker, DeleteState, RollingRestart},
		{PauseProcessor, KillServer, KillLeader, FillDisk, TermProcessor},
		{KillAllBrokers, KillCoordinator, DamageState, TermServer, PauseBroker, PauseProcessor, KillProcessor},
	}
}

func isOfBrokers(f Family) bool {
	return slices.Contains([]Family{KillBroker, PauseBroker, KillLeader, KillCoordinator, KillAllBrokers}, f)
}

// planner places faults on two tracks: processes and brokers.
type planner struct {
	dice      *rand.Rand
	can       Abilities
	end       time.Duration
	pace      time.Duration // mean time between two faults of the processes
	processes time.Duration // when the next fault of that track may begin
	brokers   time.Duration
	plan      []Planned
}

func (p *planner) possible(f Family) bool {
	return (p.can.Brokers || !isOfBrokers(f)) && (p.can.Disk || f != FillDisk)
}

func (p *planner) add(f Family) {
	// Three of each, but for servers; whoever acts takes it modulo.
	fault := Planned{Family: f, Target: p.dice.IntN(3), For: p.length(f), Dice: p.dice.Uint64()}
	last := p.end - time.Second
	if isOfBrokers(f) {
		// A node takes some seconds to serve again. Two that are down at once
		// are an outage, and that is a family of its own.
		fault.At = min(p.brokers, last)
		p.brokers += fault.For + p.between(8*time.Second, 14*time.Second)
	} else {
		fault.At = min(p.processes, last)
		p.processes += p.between(p.pace/2, p.pace*3/2)
	}
	p.plan = append(p.plan, fault)
}

// length is how long a fault lasts. Pauses are longer than a session's time-out
// as often as not, but leave a short run time to see what comes of it.
func (p *planner) length(f Family) time.Duration {
	switch f {
	case PauseProcessor, PauseServer:
		return p.between(5*time.Second, min(40*time.Second, max(p.end/3, 6*time.Second)))
	case PauseBroker:
		return p.between(5*time.Second, 10*time.Second)
	case KillAllBrokers:
		return 20 * time.Second
	case FillDisk:
		return p.between(5*time.Second, 15*time.Second)
	case KillBroker, KillLeader, KillCoordinator:
		return p.between(2*time.Second, 8*time.Second)
	case RollingRestart:
		return 0
	}
	return p.between(100*time.Millisecond, 3*time.Second)
}

func (p *planner) between(low, high time.Duration) time.Duration {
	return low + time.Duration(p.dice.Int64N(int64(high-low)+1))
}
