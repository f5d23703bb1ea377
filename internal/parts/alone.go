package parts

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// aloneEnv names the test that a process is for.
const aloneEnv = "BELFRY_TEST_ALONE"

// Alone reports whether t has its process to itself, as a test needs that counts the
// goroutines of all. If not, it runs t in such a process, beside other tests of the
// package, fails with it, and the caller returns at once. It must be called first in a
// test at the top, on its goroutine.
func Alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(aloneEnv) == t.Name() {
		return true
	}
	t.Parallel()
	args := []string{"-test.run=^" + regexp.QuoteMeta(t.Name()) + "$", "-test.timeout=10m", "-test.v"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), aloneEnv+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	return false
}
