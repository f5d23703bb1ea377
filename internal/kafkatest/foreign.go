package kafkatest

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Versions of the clients that docs/producers.md names; java/spring.xml has that
// of Spring Boot.
const (
	springVersion = "4.1.1"
	nodeClient    = "kafkajs@2.2.4"
	pythonClient  = "confluent-kafka==2.16.1"
)

//go:embed java/spring.xml
var springPOM []byte

// SpringJars gives the Java class path of Spring Boot with Spring Kafka, fetched
// as Jars does. Without Java or the jars the test ends as Missing("spring")
// says.
func SpringJars(t testing.TB) string {
	t.Helper()
	for _, tool := range []string{"java", "javac"} {
		if _, err := exec.LookPath(tool); err != nil {
			Missing(t, "spring", err.Error())
		}
	}
	lib, err := resolve(t.Context(), "spring-boot-"+springVersion, func(ctx context.Context, lib string) error { return mavenJars(ctx, springPOM, lib) })
	if err != nil {
		Missing(t, "spring", err.Error())
	}
	return filepath.Join(lib, "*")
}

// NodeModules gives a folder node_modules that has the Kafka client for Node,
// fetched once by npm. Without them the test ends as Missing("node") says.
func NodeModules(t testing.TB) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			Missing(t, "node", err.Error())
		}
	}
	lib, err := resolve(t.Context(), "node-"+nodeClient, func(ctx context.Context, lib string) error {
		return fetchWith(ctx, "npm", "install", "--no-audit", "--no-fund", "--prefix", lib, nodeClient)
	})
	if err != nil {
		Missing(t, "node", err.Error())
	}
	return filepath.Join(lib, "node_modules")
}

// PythonPath gives a PYTHONPATH that has the Kafka client for Python, fetched
// once by pip for each version of Python. Without them the test ends as
// Missing("python") says.
func PythonPath(t testing.TB) string {
	t.Helper()
	// The client is native: what pip picks depends on these two.
	out, err := exec.CommandContext(t.Context(), "python3", "-c", "import sys, platform; print('%d.%d-%s' % (*sys.version_info[:2], platform.machine()))").Output()
	if err != nil {
		Missing(t, "python", fmt.Sprintf("python3: %v", err))
	}
	name := fmt.Sprintf("python-%s-%s", strings.TrimSpace(string(out)), pythonClient)
	lib, err := resolve(t.Context(), name, func(ctx context.Context, lib string) error {
		return fetchWith(ctx, "python3", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", "--target", lib, pythonClient)
	})
	if err != nil {
		Missing(t, "python", err.Error())
	}
	return lib
}
