// Belfry-lab measures Belfry beside its peers and proves it under faults. It is
// for people who work on Belfry: nothing that runs in production needs it.
//
// Its commands start the program belfry as it is run for real. They take the
// path of --belfry, or else the program in the folder that belfry-lab is in, or
// else build it with the go command out of the module around the current folder.
//
// Settings and exit codes are as those of belfry. Begin reading with bench.go,
// chaos.go and attack.go.
package main

import (
	"github.com/spf13/cobra"

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
		Name:  "belfry-lab",
		Short: "Measure Belfry beside its peers, and prove it under faults and attacks",
		Long:  `Belfry-lab measures Belfry beside its peers, and proves it under faults and attacks.`,
		Commands: func(p *cli.Program) []*cobra.Command {
			return []*cobra.Command{benchCommand(p), chaosCommand(p), attackCommand(p), attackerCommand(p)}
		},
	}
}
