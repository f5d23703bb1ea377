package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry/engine/kafka"
)

// missedPolls is how many users of streams that lack a version are asked for by a poll.
const missedPolls = 50

// missed is a stream that lacks a version after arriveTimeout.
type missed struct {
	number int // of the crowd's streams, from 0
	stream *heldStream
	want   uint64
}

// explainMissed prints what ended of the crowd, and what the streams have in common that
// lack a version: whether they are open at both ends, which they are, when they heard last
// and whether the server's answers to their users have the version. It prints nothing if
// nothing ended and none lacks any.
func (r *crowdRun) explainMissed(ctx context.Context, all []missed) {
	if n := r.crowd.ended(); n > 0 {
		r.print("  %d of %d streams ended before their time, the first with: %v", n, len(r.crowd.held), r.crowd.firstEnd())
	}
	if len(all) == 0 {
		return
	}
	var ended, silent int
	var last []time.Time
	partitions, sources := map[int32]int{}, map[int]int{}
	for _, m := range all {
		if m.stream.over() {
			ended++
		}
		if at, ok := m.stream.heard(); ok {
			last = append(last, at)
		} else {
			silent++
		}
		partitions[kafka.Partition(m.stream.user, r.in.Partitions)]++
		sources[m.number/perSource]++
	}
	slices.SortFunc(last, time.Time.Compare)
	r.print("  %d streams lack a version: %d ended, %d are open; numbers %d to %d; by partition %s; by source address %s", len(all),
		ended, len(all)-ended, all[0].number, all[len(all)-1].number, countsOf(partitions), countsOf(sources))
	if len(last) > 0 {
		r.print("  their last badges came %.1f to %.1f s ago; %d never had one", time.Since(last[0]).Seconds(), time.Since(last[len(last)-1]).Seconds(), silent)
	}
	newer, asked := 0, all[:min(len(all), missedPolls)]
	var failed error
	for _, m := range asked {
		version, err := r.server.polled(ctx, m.stream.user)
		failed = errors.Join(failed, err)
		if err == nil && version >= m.want {
			newer++
		}
	}
	r.print("  polls show the version to %d of %d of their users", newer, len(asked))
	counts, err := r.server.streamCounts(ctx)
	if err := errors.Join(failed, err); err != nil {
		r.print("  not all could be asked: %v", err)
	}
	r.print("  the server of %d streams: %s", len(r.crowd.held), strings.Join(counts, ", "))
}

// countsOf lists counts by what is counted.
func countsOf[K int | int32](counts map[K]int) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d: %d", k, counts[k]))
	}
	return strings.Join(list, ", ")
}

// polled returns the version of the badge that a poll of the user is answered with.
func (m *member) polled(ctx context.Context, user string) (uint64, error) {
	var badge struct {
		Version uint64 `json:"version"`
	}
	err := m.ask(ctx, "/v1/users/"+url.PathEscape(user)+"/unread", func(response *http.Response) error {
		return json.NewDecoder(response.Body).Decode(&badge)
	})
	return badge.Version, err
}

// streamCounts returns the server's metrics of open streams and of streams that ended.
func (m *member) streamCounts(ctx context.Context) (counts []string, err error) {
	err = m.ask(ctx, "/metrics", func(response *http.Response) error {
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			if line := lines.Text(); strings.HasPrefix(line, "belfry_stream_connections ") || strings.HasPrefix(line, "belfry_stream_ends_total{") {
				counts = append(counts, line)
			}
		}
		return lines.Err()
	})
	return counts, err
}

// ask has read read the answer to a request of the process.
func (m *member) ask(ctx context.Context, path string, read func(*http.Response) error) error {
	client := &http.Client{Timeout: askTimeout, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: anyCertificate()}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", m.name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s for %s: %s", m.name, path, response.Status)
	}
	if err := read(response); err != nil {
		return fmt.Errorf("read %s of %s: %w", path, m.name, err)
	}
	return nil
}
