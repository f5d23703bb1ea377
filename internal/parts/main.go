package parts

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"testing"
)

// So many parallel tests of a package run at once. They wait for sessions, back-offs and
// brokers most of the time, so they are more than a small machine has cores; go test's
// own default is a test a core. Real parts need memory and processors of their own.
const (
	sideBySide          = "16"
	sideBySideRealParts = "8"
)

// garbage is the GOGC of tests: at Go's own 100 a tenth of their processor time collects
// the garbage of heaps that stay small. Benchmarks measure what is shipped.
const garbage = 200

// Main is the TestMain of a package whose parallel tests wait more than they
// compute: it runs sixteen of them at once, eight where real parts are named, or as
// many as -parallel says.
func Main(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		many := sideBySide
		if os.Getenv(RequireEnv) != "" {
			many = sideBySideRealParts
		}
		if err := flag.Set("test.parallel", many); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	if os.Getenv("GOGC") == "" && flag.Lookup("test.bench").Value.String() == "" {
		debug.SetGCPercent(garbage)
	}
	m.Run()
}
