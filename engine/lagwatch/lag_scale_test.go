package lagwatch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/lagwatch"
	"github.com/belfry/belfry/internal/kafkatest"
)

// A thousand groups cost a few requests, not thousands.
func TestLagOfManyGroups(t *testing.T) {
	const topics, partitions, groups = 5, 100, 1000
	brokers := kafkatest.Embedded(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	var records []*kgo.Record
	for i := range topics {
		if _, err := admin.CreateTopic(t.Context(), partitions, 1, nil, fmt.Sprint("many-", i)); err != nil {
			t.Fatal(err)
		}
		for p := range int32(partitions) {
			for range 3 {
				records = append(records, &kgo.Record{Topic: fmt.Sprint("many-", i), Partition: p, Value: []byte("v")})
			}
		}
	}
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	commits, ctx := errgroup.WithContext(t.Context())
	commits.SetLimit(4)
	for g := range groups {
		commits.Go(func() error {
			at := kadm.Offsets{}
			for p := range int32(partitions) {
				at.AddOffset(fmt.Sprint("many-", g%topics), p, 1, -1)
			}
			return admin.CommitAllOffsets(ctx, fmt.Sprintf("group-%03d", g), at)
		})
	}
	if err := commits.Wait(); err != nil {
		t.Fatal(err)
	}

	var reports []int
	what := lagwatch.Config{Others: func(group string) bool { return strings.HasPrefix(group, "group-") }}
	report, err := lagwatch.Read(context.WithoutCancel(t.Context()), kafka.Config{Brokers: brokers}, what)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range report.Groups {
		reports = append(reports, len(g.Partitions))
		if len(g.Partitions) != partitions || g.Lag != 2*partitions || g.State != "Empty" {
			t.Fatalf("%s is %s, %d behind in %d partitions, want Empty, %d in %d", g.Name, g.State, g.Lag, len(g.Partitions), 2*partitions, partitions)
		}
	}
	if len(reports) != groups {
		t.Errorf("%d groups, want %d", len(reports), groups)
	}
	// To describe and to read the offsets of 100 groups each, besides a list, a
	// look-up of the topics, two of their bounds, one of coordinators for each
	// request, and of versions on each connection.
	if most := 4*groups/100 + 20; report.Requests > most {
		t.Errorf("%d requests, want %d at the most", report.Requests, most)
	}
	t.Logf("%d groups with %d partitions each: %d requests, %.2f s", groups, partitions, report.Requests, report.TookSeconds)
}
