package parts_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/parts"
)

// A test that is alone fails in the process of its package as it does in its own.
func TestAlone(t *testing.T) {
	if !parts.Alone(t) {
		return
	}
	if os.Getenv("BELFRY_TEST_FAILS") != "" {
		t.Fatal("as it is asked to")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAlone$")
	cmd.Env = append(os.Environ(), "BELFRY_TEST_ALONE=", "BELFRY_TEST_FAILS=yes")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "as it is asked to") {
		t.Errorf("%v\n%s", err, out)
	}
}
