// Belfry turns Kafka topics that services already write into a per-user inbox
// with an exact unread badge. This is its only program; `belfry help` lists its
// commands.
//
// # Settings
//
// Every flag can be given in three ways. The command line wins over the
// environment (BELFRY_STATE_DIR for --state-dir), which wins over the file
// named by --config, a flat YAML mapping whose keys are flag names. The file
// may be shared by all commands, so a key has to be a flag of one of them, not
// of the one that runs; anything else is an error. An empty environment
// variable counts as absent. One that no flag knows is told at start and has no
// effect, but for those that Kubernetes puts into every container beside a service
// named belfry (BELFRY_PORT and its like) and those of the tests (BELFRY_TEST_).
//
// # Exit codes
//
// 0 is success, also after a signal that a serving command has obeyed. 2 is a
// mistake in how the program was called: a flag, variable, setting of a file or
// argument that is not valid; the same call fails everywhere and always. 1 is all
// the rest: no Kafka at --brokers, an address or folder in use, topics that are
// missing or not as they must be, rules with problems, a check that says no.
// Errors are one line on stderr.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/cmd/belfry/broadcast"
	"github.com/belfry/belfry/cmd/belfry/channels"
	"github.com/belfry/belfry/cmd/belfry/deadletters"
	"github.com/belfry/belfry/cmd/belfry/demo"
	"github.com/belfry/belfry/cmd/belfry/inspect"
	"github.com/belfry/belfry/cmd/belfry/mail"
	"github.com/belfry/belfry/cmd/belfry/push"
	"github.com/belfry/belfry/cmd/belfry/rules"
	"github.com/belfry/belfry/internal/cli"
)

// version is set by the linker: go build -ldflags "-X main.version=1.2.3".
var version string

func main() {
	p := newProgram()
	p.Version = version
	p.Main()
}

// newProgram returns the program, as yet of no version.
func newProgram() *cli.Program {
	return &cli.Program{
		Name:  "belfry",
		Short: "An inbox with an exact unread badge for every user, out of Kafka topics",
		Long: `Belfry turns Kafka topics that services already write into a per-user inbox
with an exact unread badge: pushed live over SSE, polled as a badge, listed as
an inbox.`,
		Commands: commands,

		Hangups: hangups,
	}
}

// commands returns every command with settings, each a new one.
func commands(p *cli.Program) []*cobra.Command {
	return []*cobra.Command{
		demo.Command(p),
		runCommand(p),
		processorCommand(p),
		serverCommand(p),
		topicsCommand(p),
		emitCommand(p),
		broadcast.Command(p),
		inspect.Command(p),
		push.Command(p),
		push.VAPIDCommand(p),
		mail.Command(p),
		deadletters.Command(p),
		rules.Command(p),
		channels.Command(p),
		lagCommand(p),
		tokenCommand(p),
		brokerCommand(p),
		healthCommand(p),
	}
}

// hangups tells of SIGHUP, which ends the process before and after.
func hangups() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1) // several at once ask for the same
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}
