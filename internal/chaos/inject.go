package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/chaos/history"
)

// injector does what a schedule says.
type injector struct {
	in         *installation
	brokers    Brokers // nil: they are left alone
	admin      *admin
	partitions int
	record     func(history.Fault)
	trouble    func(format string, args ...any)

	brokerFault sync.Mutex // held while something is done to brokers
}

// run begins each fault at its time and returns when all are over and mended. A
// process or the brokers have one fault at a time: a second one waits.
func (j *injector) run(ctx context.Context, plan []Planned) {
	var faults sync.WaitGroup
	defer faults.Wait()
	began := time.Now()
	for _, p := range plan {
		if !pause(ctx, time.Until(began.Add(p.At))) {
			return
		}
		faults.Go(func() {
			if err := j.inject(ctx, p); err != nil && ctx.Err() == nil {
				j.trouble("%s: %v", p.Family, err)
			}
		})
	}
}

func (j *injector) note(format string, args ...any) {
	j.record(history.Fault{At: time.Now(), What: fmt.Sprintf(format, args...)})
}

func (j *injector) inject(ctx context.Context, p Planned) error {
	dice := rand.New(rand.NewPCG(p.Dice, 0))
	processor := j.in.processors[p.Target%len(j.in.processors)]
	server := j.in.servers[p.Target%len(j.in.servers)]
	switch p.Family {
	case KillProcessor:
		return j.down(ctx, processor, p.For, (*member).kill, nil)
	case KillServer:
		return j.down(ctx, server, p.For, (*member).kill, nil)
	case TermProcessor:
		return j.down(ctx, processor, p.For, (*member).terminate, nil)
	case TermServer:
		return j.down(ctx, server, p.For, (*member).terminate, nil)
	case PauseProcessor:
		return j.paused(ctx, processor, p.For)
	case PauseServer:
		return j.paused(ctx, server, p.For)
	case RollingRestart:
		for _, m := range j.in.members() {
			if err := j.down(ctx, m, 0, (*member).terminate, nil); err != nil {
				return err
			}
		}
		return nil
	case DeleteState:
		return j.down(ctx, processor, p.For, (*member).kill, func(m *member) error {
			j.note("delete the state folder of %s", m.name)
			return emptyState(m.dir)
		})
	case DamageState:
		// After a SIGKILL or, with all of it on disk, a SIGTERM.
		end := (*member).kill
		if dice.IntN(2) == 0 {
			end = (*member).terminate
		}
		return j.down(ctx, processor, p.For, end, func(m *member) error {
			what, err := flipByte(m.dir, dice)
			j.note("flip in the state folder of %s %s", m.name, what)
			return err
		})
	case FillDisk:
		return j.full(ctx, p.For)
	case KillBroker:
		return j.brokersDown(ctx, p.For, j.anyBroker(p))
	case KillLeader:
		return j.leaderDown(ctx, p, dice)
	case KillCoordinator:
		return j.coordinatorDown(ctx, p, dice)
	case KillAllBrokers:
		return j.brokersDown(ctx, p.For, j.brokers.IDs()...)
	case PauseBroker:
		return j.brokerPaused(ctx, p.For, j.anyBroker(p))
	}
	return fmt.Errorf("no such fault")
}

// down ends a member and starts it again after a while; meanwhile, if not nil,
// is called while it is down.
func (j *injector) down(ctx context.Context, m *member, d time.Duration, end func(*member) error, meanwhile func(*member) error) error {
	m.fault.Lock()
	defer m.fault.Unlock()
	j.note("end %s", m.name)
	if err := end(m); err != nil {
		return err
	}
	if meanwhile != nil {
		if err := meanwhile(m); err != nil {
			return err
		}
	}
	if d > 0 && !pause(ctx, d) {
		return nil
	}
	j.note("start %s", m.name)
	if err := m.start(); err != nil {
		return err
	}
	if err := m.awaitReady(ctx); err != nil {
		// It is looked at again when the faults are over.
		j.note("%v", err)
		return nil
	}
	j.note("%s is ready", m.name)
	return nil
}

func (j *injector) paused(ctx context.Context, m *member, d time.Duration) error {
	m.fault.Lock()
	defer m.fault.Unlock()
	j.note("pause %s", m.name)
	if err := m.pause(); err != nil {
		return err
	}
	pause(ctx, d)
	j.note("resume %s", m.name)
	return m.resume()
}

func (j *injector) full(ctx context.Context, d time.Duration) error {
	m := j.in.processors[0]
	m.fault.Lock()
	defer m.fault.Unlock()
	j.note("fill the disk of %s", m.name)
	if err := j.in.disk.fill(); err != nil {
		return err
	}
	pause(ctx, d)
	j.note("free the disk of %s", m.name)
	return j.in.disk.free()
}

func (j *injector) anyBroker(p Planned) int32 {
	ids := j.brokers.IDs()
	return ids[p.Target%len(ids)]
}

func (j *injector) leaderDown(ctx context.Context, p Planned, dice *rand.Rand) error {
	prefix := j.admin.prefix
	topics := []string{prefix.Journal(), prefix.UnreadTable(), prefix.InboxTable(), prefix.Notifications()}
	topic, partition := topics[dice.IntN(len(topics))], int32(dice.IntN(j.partitions))
	id, err := j.admin.leader(ctx, topic, partition)
	if err != nil || id < 0 {
		id = j.anyBroker(p)
		j.note("no leader of %s/%d found: broker %d instead: %v", topic, partition, id, err)
	} else {
		j.note("broker %d leads %s/%d", id, topic, partition)
	}
	return j.brokersDown(ctx, p.For, id)
}

func (j *injector) coordinatorDown(ctx context.Context, p Planned, dice *rand.Rand) error {
	groups := groupsOf(j.admin.prefix)
	group := groups[dice.IntN(len(groups))]
	id, err := j.admin.coordinator(ctx, group)
	if err != nil {
		id = j.anyBroker(p)
		j.note("no coordinator of %s found: broker %d instead: %v", group, id, err)
	} else {
		j.note("broker %d coordinates %s", id, group)
	}
	return j.brokersDown(ctx, p.For, id)
}

func (j *injector) brokersDown(ctx context.Context, d time.Duration, ids ...int32) error {
	j.brokerFault.Lock()
	defer j.brokerFault.Unlock()
	j.note("kill brokers %v", ids)
	if len(ids) == len(j.brokers.IDs()) {
		j.outage(true)
		defer j.outage(false)
	}
	if err := j.brokers.Kill(ids...); err != nil {
		return err
	}
	pause(ctx, d)
	j.note("start brokers %v", ids)
	if err := j.brokers.Start(ctx, ids...); err != nil {
		return err
	}
	j.note("brokers %v serve", ids)
	return j.recovered(ctx)
}

// recovered waits until a next fault does not add to this one: two brokers that
// lag behind at once are an outage, and that is a family of its own.
func (j *injector) recovered(ctx context.Context) error {
	if err := j.admin.awaitInSync(ctx, readyTimeout); err != nil {
		return err
	}
	j.note("all replicas are in sync")
	return nil
}

// outage tells all members that there are no brokers, or some again.
func (j *injector) outage(now bool) {
	for _, m := range j.in.members() {
		m.outage.Store(now)
	}
}

func (j *injector) brokerPaused(ctx context.Context, d time.Duration, id int32) error {
	j.brokerFault.Lock()
	defer j.brokerFault.Unlock()
	j.note("pause broker %d", id)
	if err := j.brokers.Pause(id); err != nil {
		return err
	}
	pause(ctx, d)
	j.note("resume broker %d", id)
	if err := j.brokers.Resume(id); err != nil {
		return err
	}
	return j.recovered(ctx)
}

// groupsOf lists the groups of an installation in a fixed order.
func groupsOf(prefix belfry.Prefix) []string {
	return []string{prefix.RouterGroup(prefix.Notifications()), prefix.UnreadGroup()}
}
