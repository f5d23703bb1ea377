package bench

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/internal/child"
)

// LagScene is consumer groups without members that are all behind.
type LagScene struct {
	Groups     int
	Topics     int // that they share
	Partitions int // of each topic
	Scrapes    int
}

// lagBehind is how many records each group is behind in each partition.
const lagBehind = 2

// Lag measures what it takes a process of Belfry to watch the groups of a scene
// and to be scraped, beside one that watches its own alone.
func (c *Config) Lag(ctx context.Context, o LagScene) (err error) {
	in, err := c.install(ctx, "lag")
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return err
	}
	client, err := connect(c.Kafka, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	defer func() { err = errors.Join(err, o.remove(context.WithoutCancel(ctx), admin, in)) }()
	if err := o.make(ctx, client, admin, in); err != nil {
		return err
	}
	alone, err := in.processor(ctx, c.BelfryProcessor("router"), "alone")
	if err != nil {
		return err
	}
	watching, err := in.processor(ctx, c.BelfryProcessor("router"), "watching", "--lag-groups", regexp.QuoteMeta(o.group(in, ""))+".*")
	if err != nil {
		return err
	}
	for _, m := range []*member{alone, watching} {
		if err := m.awaitReady(ctx); err != nil {
			return err
		}
	}
	small, err := o.scrape(ctx, alone)
	if err != nil {
		return err
	}
	var all []scraped
	for range max(o.Scrapes, 1) {
		one, err := o.scrape(ctx, watching)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b scraped) int { return int(a.took - b.took) })
	last := all[len(all)-1]
	c.Print("%d groups, %d partitions each: collected with %.0f requests in %.2f s", o.Groups, o.Partitions,
		last.values["belfry_lag_requests"], last.values["belfry_lag_collection_seconds"])
	c.Print("  %d series, %.1f MiB, %.1f MiB on the wire; scraped in %.1f ms, at most %.1f ms (%d)", last.series, mib(last.bytes), mib(last.wire),
		millis(all[len(all)/2].took), millis(last.took), len(all))
	most := int64(0)
	for _, s := range all {
		most = max(most, s.resident)
	}
	c.Print("  %.1f MiB resident at most; a process that watches its own groups has %.1f MiB", mib(most), mib(small.resident))
	return nil
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (o *LagScene) topic(in *installation, n int) string {
	return fmt.Sprintf("%s-lag-%d", in.Prefix, n)
}

func (o *LagScene) group(in *installation, n string) string { return string(in.Prefix) + "-group-" + n }

// make writes a few records into each partition and commits the first for all
// groups.
func (o *LagScene) make(ctx context.Context, client *kgo.Client, admin *kadm.Client, in *installation) error {
	for i := range o.Topics {
		if _, err := admin.CreateTopic(ctx, int32(o.Partitions), -1, nil, o.topic(in, i)); err != nil {
			return fmt.Errorf("create topic: %w", err)
		}
	}
	var records []*kgo.Record
	for i := range o.Topics {
		for p := range int32(o.Partitions) {
			for range 1 + lagBehind {
				records = append(records, &kgo.Record{Topic: o.topic(in, i), Partition: p, Value: []byte("v")})
			}
		}
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for n := range o.Groups {
		g.Go(func() error {
			at := kadm.Offsets{}
			for p := range int32(o.Partitions) {
				at.AddOffset(o.topic(in, n%o.Topics), p, 1, -1)
			}
			if err := admin.CommitAllOffsets(ctx, o.group(in, strconv.Itoa(n)), at); err != nil {
				return fmt.Errorf("commit offsets: %w", err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (o *LagScene) remove(ctx context.Context, admin *kadm.Client, in *installation) error {
	var topics, groups []string
	for i := range o.Topics {
		topics = append(topics, o.topic(in, i))
	}
	for n := range o.Groups {
		groups = append(groups, o.group(in, strconv.Itoa(n)))
	}
	// Groups that are left are forgotten by the brokers, with time.
	_, _ = admin.DeleteGroups(ctx, groups...)
	if _, err := admin.DeleteTopics(ctx, topics...); err != nil {
		return fmt.Errorf("delete topics: %w", err)
	}
	return nil
}

// scraped is one page of lag.
type scraped struct {
	took        time.Duration
	bytes, wire int64
	series      int
	resident    int64
	values      map[string]float64 // of metrics without labels
}

// scrape asks for the page as Prometheus does, until it has collected lag.
func (o *LagScene) scrape(ctx context.Context, m *member) (s scraped, err error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	waited := child.Await(ctx, 500*time.Millisecond, func() bool {
		s, err = scrapeOnce(ctx, m)
		return err != nil || s.values["belfry_lag_up"] == 1
	})
	if err == nil && waited != nil {
		err = fmt.Errorf("wait for lag: %w", waited)
	}
	return s, err
}

func scrapeOnce(ctx context.Context, m *member) (s scraped, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url+"/metrics/lag", nil)
	if err != nil {
		return s, err
	}
	request.Header.Set("Accept-Encoding", "gzip")
	begin := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return s, fmt.Errorf("scrape lag: %w", err)
	}
	defer response.Body.Close()
	compressed, err := io.ReadAll(response.Body)
	if err != nil {
		return s, fmt.Errorf("scrape lag: %w", err)
	}
	s.took, s.wire = time.Since(begin), int64(len(compressed))
	z, err := gzip.NewReader(strings.NewReader(string(compressed)))
	if err != nil {
		return s, fmt.Errorf("read the page of lag: %w", err)
	}
	page, err := io.ReadAll(z)
	if err != nil {
		return s, fmt.Errorf("read the page of lag: %w", err)
	}
	s.bytes, s.values = int64(len(page)), map[string]float64{}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		s.series++
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.Contains(name, "{") {
			if s.values[name], err = strconv.ParseFloat(value, 64); err != nil {
				return s, fmt.Errorf("read the page of lag: %w", err)
			}
		}
	}
	f, err := m.footprint()
	s.resident = f.Resident
	return s, err
}
