package bench

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/kafkatest"
)

// A group that nobody has joined yet is behind by all that there is.
func TestBehindBeforeTheGroupIsThere(t *testing.T) {
	const prefix = belfry.Prefix("test")
	cfg := kafkatest.Installation(t, prefix, 2)
	a, err := openAdmin(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	const records = 3
	for range records {
		if err := a.client.ProduceSync(t.Context(), &kgo.Record{Topic: prefix.Journal(), Key: []byte("user"), Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := a.behind(t.Context(), map[string][]string{prefix.UnreadGroup(): {prefix.Journal()}})
	if err != nil || got != records {
		t.Errorf("got %d, %v, want %d", got, err, records)
	}
}
