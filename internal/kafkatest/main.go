package kafkatest

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// sideBySide is how many parallel tests of a package run at once. They wait for
// sessions, back-offs and brokers most of the time, so they are more than a
// small machine has cores; go test's own default is a test a core.
const sideBySide = "8"

// Main is the TestMain of a package whose parallel tests wait more than they
// compute: it runs eight of them at once, or as many as -parallel says.
func Main(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", sideBySide); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	m.Run()
}
