package kafkatest

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/parts"
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
// as Jars does. The test is skipped unless "spring" is named.
func SpringJars(t testing.TB) string {
	t.Helper()
	parts.Need(t, "spring")
	lib, err := resolve(t.Context(), "spring-boot-"+springVersion, func(ctx context.Context, lib string) error { return mavenJars(ctx, springPOM, lib) })
	if err != nil {
		t.Fatalf("get Spring: %v", err)
	}
	return filepath.Join(lib, "*")
}

// NodeModules gives a folder node_modules that has the Kafka client for Node,
// fetched once by npm. The test is skipped unless "node" is named.
func NodeModules(t testing.TB) string {
	t.Helper()
	parts.Need(t, "node")
	lib, err := resolve(t.Context(), "node-"+nodeClient, func(ctx context.Context, lib string) error {
		return fetchWith(ctx, "npm", "install", "--no-audit", "--no-fund", "--prefix", lib, nodeClient)
	})
	if err != nil {
		t.Fatalf("get the Kafka client for Node: %v", err)
	}
	return filepath.Join(lib, "node_modules")
}

// PythonPath gives a PYTHONPATH that has the Kafka client for Python, fetched
// once by pip for each version of Python. The test is skipped unless "python" is
// named.
func PythonPath(t testing.TB) string {
	t.Helper()
	parts.Need(t, "python")
	// The client is native: what pip picks depends on these two.
	out, err := exec.CommandContext(t.Context(), "python3", "-c", "import sys, platform; print('%d.%d-%s' % (*sys.version_info[:2], platform.machine()))").Output()
	if err != nil {
		t.Fatalf("ask python3: %v", err)
	}
	name := fmt.Sprintf("python-%s-%s", strings.TrimSpace(string(out)), pythonClient)
	lib, err := resolve(t.Context(), name, func(ctx context.Context, lib string) error {
		return fetchWith(ctx, "python3", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", "--target", lib, pythonClient)
	})
	if err != nil {
		t.Fatalf("get the Kafka client for Python: %v", err)
	}
	return lib
}
