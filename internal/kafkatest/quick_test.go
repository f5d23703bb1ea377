package kafkatest

import (
	"os/exec"
	"slices"
	"testing"
)

// A JVM that may not start without the archive of classes starts.
func TestQuickJava(t *testing.T) {
	t.Parallel()
	classpath := Jars(t)
	java, err := quickJava(t, classpath)
	if err != nil {
		t.Fatal(err)
	}
	args := append(slices.Clone(java.flags), "-Xshare:on", "-cp", classpath, "kafka.tools.StorageTool", "random-uuid")
	if out, err := exec.CommandContext(t.Context(), "java", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
