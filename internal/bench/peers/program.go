package peers

import (
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/peers"
)

// program is one to measure.
type program struct {
	name string
	// journal says that it reads the journal; otherwise the notifications topic.
	journal bool
	// command gives the program and its arguments.
	command func(r *run) (path string, args []string)
	// inputs are its groups with their topics, the first of which is that of the fold.
	inputs func(p belfry.Prefix) []input
}

type input struct{ group, topic string }

// BelfryFromNotifications is Belfry with its router.
const BelfryFromNotifications = "belfry, from notifications"

// programs are all, in the order of the table.
func programs() []program {
	fold := func(p belfry.Prefix) []input { return []input{{p.UnreadGroup(), p.Journal()}} }
	processor := func(path func(*run) string, args ...string) func(*run) (string, []string) {
		return func(r *run) (string, []string) {
			return path(r), append(append(append([]string{}, args...), r.KafkaArgs...), "--prefix", string(r.prefix), "--state-dir", r.state)
		}
	}
	belfryPath := func(r *run) string { return r.Belfry }
	all := []program{
		{"belfry, from the journal", true, processor(belfryPath, "processor", "--groups", "unread", "--metrics-addr", "127.0.0.1:0"), fold},
		{BelfryFromNotifications, false, processor(belfryPath, "processor", "--groups", "router,unread", "--metrics-addr", "127.0.0.1:0"), func(p belfry.Prefix) []input {
			return append(fold(p), input{p.RouterGroup(p.Notifications()), p.Notifications()})
		}},
	}
	for _, guarantee := range []string{"at least once", "exactly once"} {
		for _, store := range []string{"RocksDB", "in memory"} {
			for _, cache := range []string{"", ", cache"} {
				for _, hop := range []string{"", ", one hop"} {
					form := peers.Streams{ExactlyOnce: guarantee == "exactly once", Memory: store == "in memory", Cache: cache != "", OneHop: hop != ""}
					all = append(all, streams("streams, "+guarantee+", "+store+cache+hop, form))
				}
			}
		}
	}
	return append(all,
		program{"plain goka", true, processor(func(r *run) string { return r.Goka }), fold},
		program{"bare loop", true, processor(func(r *run) string { return r.Lab }, "bench", "bare"), fold},
	)
}

func streams(name string, form peers.Streams) program {
	app := func(p belfry.Prefix) string { return string(p) + "-streams" }
	return program{
		name: name,
		command: func(r *run) (string, []string) {
			form.ClassPath, form.Threads = r.Streams, r.Threads
			return form.Command(r.Kafka.Brokers[0], app(r.prefix), r.prefix.Notifications(), r.prefix.InboxTable(), r.state)
		},
		inputs: func(p belfry.Prefix) []input {
			in := []input{{app(p), p.Notifications()}}
			if !form.OneHop {
				in = append(in, input{app(p), p.InboxTable()})
			}
			return in
		},
	}
}

// Names are those of all programs, in the order of the table.
func Names() []string {
	var names []string
	for _, p := range programs() {
		names = append(names, p.name)
	}
	return names
}

// Check returns an error for a name that no program has.
func Check(names []string) error {
	for _, name := range names {
		if _, ok := named(name); !ok {
			return fmt.Errorf("no program is called %.80q", name)
		}
	}
	return nil
}

func named(name string) (program, bool) {
	for _, p := range programs() {
		if p.name == name {
			return p, true
		}
	}
	return program{}, false
}
