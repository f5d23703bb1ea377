package kafkatest

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/parts"
)

// Null stands for a null key or value in the records of JavaProduce.
const Null = `\N`

//go:embed java/Produce.java
var produceSource []byte

// JavaProduce writes records, each a key and a value, with the KafkaProducer of
// kafka-clients at its defaults (its partitioner, idempotent, acks=all) to an
// existing topic of any brokers, and returns when all are acknowledged. It
// takes a second or two for the JVM. Keys must hold no tab, and neither keys
// nor values a line break.
//
// It may be called on another goroutine than the test's once Jars or Start has
// succeeded; it returns early when the test's context ends.
func JavaProduce(t testing.TB, brokers []string, topic string, records [][2]string) error {
	t.Helper()
	var in bytes.Buffer
	for i, r := range records {
		if strings.ContainsAny(r[0], "\t\r\n") || strings.ContainsAny(r[1], "\r\n") {
			return fmt.Errorf("record %d: a tab in the key, or a line break", i)
		}
		fmt.Fprintf(&in, "%s\t%s\n", r[0], r[1])
	}
	classpath := Jars(t)
	java, err := quickJava(t, classpath)
	if err != nil {
		return err
	}
	end, err := parts.Heavy(t.Context())
	if err != nil {
		return err
	}
	defer end()
	args := append(java.flags, "-Xmx256m", "-cp", classpath+string(os.PathListSeparator)+java.programs, "Produce", strings.Join(brokers, ","), topic)
	cmd := exec.CommandContext(t.Context(), "java", args...)
	cmd.WaitDelay = time.Second
	cmd.Stdin = &in
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("produce %d records to %s with Java: %w\n%s", len(records), topic, err, tail(append(out.Bytes(), log.Bytes()...), 20))
	}
	// Its logger writes to the same output, the number comes last.
	if got, err := strconv.Atoi(tail(out.Bytes(), 1)); err != nil || got != len(records) {
		return fmt.Errorf("produce %d records to %s with Java: acknowledged %q", len(records), topic, tail(out.Bytes(), 5))
	}
	return nil
}
