package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/child"
)

// Streams measures a server that holds many streams.
type Streams struct {
	// Steps are how many streams are open, rising. Memory is measured at each.
	Steps []int
	// Connections of Steps is how many stay open to measure the rest with.
	Connections int
	Settle      time.Duration // before memory is measured
	Idle        time.Duration // over which processor time without events is measured; 0: not
	Rates       []int         // of events a second to random users
	Duration    time.Duration // of each of them
	// Hot is how many more streams one user has, who gets HotRate events a second
	// beside the first of Rates; 0: not measured.
	Hot, HotRate int
	// Notice has a notice to everybody sent beside the first of Rates, once more.
	Notice bool

	TLS, HTTP2 bool
	// Limits are the flags that allow a server as many streams.
	Limits []string
}

const (
	// warmUp is how many streams come and go before memory is measured.
	warmUp = 100
	// hotSample is how many streams of the hot user are asked when each event came.
	hotSample = 50
)

// Streams measures Belfry's server and the plain one in turn, on one
// installation with a processor.
func (c *Config) Streams(ctx context.Context, o Streams, rounds int) (err error) {
	in, err := c.install(ctx, "stream")
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return err
	}
	processor, err := in.processor(ctx, c.BelfryProcessor("unread"), "processor")
	if err != nil {
		return err
	}
	if err := processor.awaitReady(ctx); err != nil {
		return err
	}
	events, err := openWriter(in.Kafka, in.Prefix)
	if err != nil {
		return err
	}
	defer events.close()
	extra, scheme := []string(nil), "http"
	if o.TLS {
		cert, key, err := certificate(in.Dir)
		if err != nil {
			return err
		}
		extra, scheme = []string{"--tls-cert", cert, "--tls-key", key}, "https"
	}
	for round := range rounds {
		for _, s := range []struct {
			name string
			args []string
		}{
			{"belfry", append([]string{"server", "--auth", "none"}, o.Limits...)},
			{"plain", []string{"bench", "plain"}},
		} {
			one := crowdRun{Streams: o, in: in, events: events, name: fmt.Sprintf("round %d, %s", round+1, s.name)}
			if err := one.measure(ctx, fmt.Sprintf("%s-%d", s.name, round), scheme, append(s.args, extra...)); err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
		}
	}
	return nil
}

// crowdRun measures one server.
type crowdRun struct {
	Streams
	in     *installation
	events *writer
	name   string

	server *member
	crowd  *crowd
	base   child.Footprint
}

func (r *crowdRun) print(format string, args ...any) { r.in.Print(r.name+": "+format, args...) }

func (r *crowdRun) measure(ctx context.Context, name, scheme string, args []string) (err error) {
	addr, err := child.FreeAddr()
	if err != nil {
		return err
	}
	if r.server, err = r.in.add(r.in.programOf(args), name, addr, append(args, "--addr", addr)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.server.terminate()) }()
	r.server.url = scheme + "://" + addr
	if err := r.server.awaitReady(ctx); err != nil {
		return err
	}
	if r.crowd, err = newCrowd(r.server.url, r.HTTP2); err != nil {
		return err
	}
	defer func() { r.crowd.close() }()
	if err := r.crowd.open(ctx, r.users(0, min(warmUp, r.Steps[0]))); err != nil {
		return err
	}
	r.crowd.keep(0)
	if err := Pause(ctx, r.Settle); err != nil {
		return err
	}
	if r.base, err = r.server.footprint(); err != nil {
		return err
	}
	r.print("%.1f MiB before any stream", float64(r.base.Resident)/(1<<20))
	if err := r.grow(ctx); err != nil {
		return err
	}
	r.crowd.keep(r.Connections)
	for i, rate := range r.Rates {
		if err := r.deliver(ctx, fmt.Sprintf("%d events/s to %d streams", rate, r.Connections), load{rate, r.users(0, r.Connections)}); err != nil {
			return err
		}
		if i == 0 && r.Hot > 0 {
			if err := r.deliverHot(ctx, rate); err != nil {
				return err
			}
		}
		if i == 0 && r.Notice && r.server.path == r.in.Belfry {
			if err := r.deliverNotice(ctx, rate); err != nil {
				return err
			}
		}
	}
	return nil
}

// users are the users from a number on to another.
func (r *crowdRun) users(from, to int) []string {
	users := make([]string, 0, max(0, to-from))
	for i := from; i < to; i++ {
		users = append(users, Recipient(i, to))
	}
	return users
}

// grow opens the streams in steps and measures what they take.
func (r *crowdRun) grow(ctx context.Context) error {
	for _, n := range r.Steps {
		before, err := r.server.footprint()
		if err != nil {
			return err
		}
		opened := n - len(r.crowd.held)
		began := time.Now()
		if err := r.crowd.open(ctx, r.users(len(r.crowd.held), n)); err != nil {
			return err
		}
		took := time.Since(began)
		after, err := r.server.footprint()
		if err != nil {
			return err
		}
		if err := Pause(ctx, r.Settle); err != nil {
			return err
		}
		now, err := r.server.footprint()
		if err != nil {
			return err
		}
		r.print("%d streams: %.2f KiB resident each; the last %d opened at %.0f/s, %.0f CPU-us each", n,
			float64(now.Resident-r.base.Resident)/1024/float64(n), opened, float64(opened)/took.Seconds(),
			float64((after.CPU-before.CPU).Microseconds())/float64(opened))
		if n != r.Connections || r.Idle == 0 {
			continue
		}
		if err := Pause(ctx, r.Idle); err != nil {
			return err
		}
		later, err := r.server.footprint()
		if err != nil {
			return err
		}
		r.print("%d idle streams over %s: %.2f %% of a processor", n, r.Idle, 100*(later.CPU-now.CPU).Seconds()/r.Idle.Seconds())
	}
	return nil
}

// deliverHot has one user with many streams beside the rest.
func (r *crowdRun) deliverHot(ctx context.Context, rate int) error {
	const hot = "user-hot"
	if err := r.crowd.open(ctx, slices.Repeat([]string{hot}, r.Hot)); err != nil {
		return err
	}
	err := r.deliver(ctx, fmt.Sprintf("%d events/s to %d streams", rate, r.Connections),
		load{rate, r.users(0, r.Connections)}, load{r.HotRate, []string{hot}})
	r.crowd.keep(r.Connections)
	return err
}

// deliver writes the loads and tells how long the events of each took from the
// brokers' acknowledgement until the badge with them was read.
func (r *crowdRun) deliver(ctx context.Context, title string, loads ...load) error {
	for _, h := range r.crowd.held {
		h.forget()
	}
	before, err := r.server.footprint()
	if err != nil {
		return err
	}
	events, err := r.events.write(ctx, r.Duration, loads...)
	if err != nil {
		return err
	}
	missing := r.awaitAll(ctx, events)
	after, err := r.server.footprint()
	if err != nil {
		return err
	}
	byUser := map[string][]*heldStream{}
	for _, h := range r.crowd.held {
		if len(byUser[h.user]) < hotSample {
			byUser[h.user] = append(byUser[h.user], h)
		}
	}
	delays, acks := make([][]time.Duration, len(loads)), []time.Duration{}
	for _, e := range events {
		acks = append(acks, e.acked.Sub(e.due))
		i := 0
		if len(loads) > 1 && loads[1].users[0] == e.user {
			i = 1
		}
		for _, h := range byUser[e.user] {
			if at, ok := h.reached(e.version); ok {
				// A processor may be done before the writer has its answer.
				delays[i] = append(delays[i], max(0, at.Sub(e.acked)))
			}
		}
	}
	if len(loads) > 1 {
		title += fmt.Sprintf(", %d events/s to %d streams of one user", loads[1].rate, r.Hot)
	}
	r.print("%s: %s", title, delaysOf(delays[0]))
	if len(loads) > 1 {
		r.print("  the one user's: %s", delaysOf(delays[1]))
	}
	r.print("  %d events, %d streams without their last; due to acknowledged %s; %.0f CPU-us an event", len(events), len(missing), delaysOf(acks),
		float64((after.CPU-before.CPU).Microseconds())/float64(max(1, len(events))))
	r.explainMissed(ctx, missing)
	return nil
}

// deliverNotice has a notice come to all streams in the middle of direct events, and
// tells how long each took from the call until it was told, and the direct events of that
// time.
func (r *crowdRun) deliverNotice(ctx context.Context, rate int) error {
	const around = 2 * time.Second // of the notice
	for _, h := range r.crowd.held {
		h.forget()
	}
	journal, err := Follow(ctx, r.in.Kafka, r.in.Prefix.Journal())
	if err != nil {
		return err
	}
	defer journal.Close()
	var posted time.Time
	var g errgroup.Group
	g.Go(func() error {
		if err := Pause(ctx, r.Duration/2); err != nil {
			return err
		}
		posted = time.Now()
		response, err := http.Post(r.server.url+"/v1/notifications", "application/json", strings.NewReader(`{"audience":"all","id":"notice","source":"/bench","title":"The canteen is closed today"}`))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusAccepted {
			return fmt.Errorf("post a notice: %s", response.Status)
		}
		return nil
	})
	events, err := r.events.write(ctx, r.Duration, load{rate, r.users(0, r.Connections)})
	if err := errors.Join(err, g.Wait()); err != nil {
		return err
	}
	missing := r.awaitAll(ctx, events)
	versions, err := r.noticed(ctx, journal)
	if err != nil {
		return err
	}
	byUser, notice := map[string]*heldStream{}, map[string]uint64{}
	for _, h := range r.crowd.held {
		byUser[h.user], notice[h.user] = h, versions[kafka.Partition(h.user, r.in.Partitions)]
	}
	late := r.await(ctx, notice)
	var told, then, others []time.Duration
	for _, h := range r.crowd.held {
		if at, ok := h.reached(notice[h.user]); ok {
			told = append(told, at.Sub(posted))
		}
	}
	for _, e := range events {
		at, ok := byUser[e.user].reached(e.version)
		if !ok {
			continue
		}
		if d := max(0, at.Sub(e.acked)); e.due.After(posted) && e.due.Before(posted.Add(around)) {
			then = append(then, d)
		} else {
			others = append(others, d)
		}
	}
	r.print("a notice to %d streams beside %d events/s: told %s, %d not at all", r.Connections, rate, delaysOf(told), len(late))
	r.print("  direct events within %s of it: %s; all others: %s; %d streams without their last", around, delaysOf(then), delaysOf(others), len(missing))
	if len(late) == 0 {
		late = missing
	}
	r.explainMissed(ctx, late)
	return nil
}

// noticed returns the version of the notice that came, by partition.
func (r *crowdRun) noticed(ctx context.Context, journal *Follower) (map[int32]uint64, error) {
	following, stop := context.WithTimeout(ctx, arriveTimeout)
	defer stop()
	versions := map[int32]uint64{}
	err := journal.Run(following, func(m *kgo.Record, _ time.Time) {
		if string(m.Key) == belfry.PartitionKey(m.Partition) {
			versions[m.Partition] = uint64(m.Offset) + 1
		}
		if len(versions) == r.in.Partitions {
			stop()
		}
	})
	if err == nil && len(versions) < r.in.Partitions {
		err = fmt.Errorf("the notice is in %d of %d partitions of the journal", len(versions), r.in.Partitions)
	}
	return versions, err
}

// awaitAll waits until every stream has the last event of its user, as await does.
func (r *crowdRun) awaitAll(ctx context.Context, events []written) (missing []missed) {
	last := map[string]uint64{}
	for _, e := range events {
		last[e.user] = max(last[e.user], e.version)
	}
	return r.await(ctx, last)
}

// await waits until every stream has the version of its user, and returns those that have
// not after arriveTimeout.
func (r *crowdRun) await(ctx context.Context, versions map[string]uint64) (missing []missed) {
	deadline := time.Now().Add(arriveTimeout)
	for {
		missing = missing[:0]
		for i, h := range r.crowd.held {
			if want := versions[h.user]; h.newest() < want {
				missing = append(missing, missed{i, h, want})
			}
		}
		if len(missing) == 0 || time.Now().After(deadline) || Pause(ctx, 100*time.Millisecond) != nil {
			return missing
		}
	}
}

// delaysOf sorts delays and sums them up.
func delaysOf(delays []time.Duration) string {
	slices.Sort(delays)
	var b strings.Builder
	for _, q := range []struct {
		name string
		q    float64
	}{{"p50", .5}, {"p99", .99}, {"max", 1}} {
		fmt.Fprintf(&b, "%s %.2f ms, ", q.name, float64(figures.Quantile(delays, q.q).Microseconds())/1000)
	}
	fmt.Fprintf(&b, "(%d)", len(delays))
	return strings.Replace(b.String(), ", (", " (", 1)
}

// certificate writes one for this machine, signed by itself and good for a day,
// into files of dir.
func certificate(dir string) (certFile, keyFile string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	return certFile, keyFile, errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
