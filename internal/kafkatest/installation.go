package kafkatest

import (
	"log/slog"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
)

// Installation starts an embedded broker that has the topics of an installation, for this
// test alone, and gives the configuration of a process there.
func Installation(t testing.TB, prefix belfry.Prefix, partitions int) kafka.Config {
	t.Helper()
	cfg := kafka.Config{Brokers: Embedded(t), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	Install(t, cfg, prefix, partitions)
	return cfg
}

// Install makes the topics of an installation.
func Install(t testing.TB, cfg kafka.Config, prefix belfry.Prefix, partitions int) {
	t.Helper()
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	if _, err := topics.Ensure(t.Context(), prefix.Topics(partitions), 0); err != nil {
		t.Fatal(err)
	}
}
