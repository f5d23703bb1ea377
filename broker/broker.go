// Package broker is the embedded broker: an Apache Kafka look-alike inside the
// process, for development, demos and tests. It is kfake of franz-go behind a
// small door, with what kfake leaves open closed as far as that goes from
// outside.
//
// It speaks the Kafka protocol to any client, is one node (id 0) that leads
// every partition, creates no topic by itself, and has neither TLS nor
// authentication. It must never hold data that matters.
//
// # What a data folder keeps
//
// With Config.DataDir, topics with their IDs and settings, records, committed
// offsets and producer state survive Close and Start. After a kill without
// Close the same holds for everything that reached the file system (nothing is
// flushed to the disk itself before Close), with these exceptions:
//
//   - duplicates of an idempotent producer from before the kill are no longer
//     recognised;
//   - a partition whose records retention had removed to the last one begins
//     again at the offset of the last Close, or at 0;
//   - records deleted by DeleteRecords may come back.
//
// # Where it differs from Kafka
//
//   - message.timestamp.type=LogAppendTime gives every record the time of its
//     arrival, but the batch still says CreateTime and the answer to the
//     producer carries no append time. The broker-wide default for the setting
//     is not looked at.
//   - Retention and compaction run at Start and once an hour, by batch,
//     whatever segment.ms and the compaction lags say: min.compaction.lag.ms
//     and max.compaction.lag.ms are kept and shown but not followed.
//   - Only an explicit retention.ms or retention.bytes removes records; the
//     default is to keep them. On a topic with cleanup.policy=compact they
//     remove records as well, which Kafka doesn't do.
//   - Offsets of groups without members are kept for a year, not for a week.
//   - Settings of topics aren't validated.
package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// DefaultAddr is where the broker listens if Config.Addr is empty.
const DefaultAddr = "127.0.0.1:9092"

// minSessionTimeout lets tests and demos find out fast that a group member has
// died; Kafka's own minimum is 6 s.
const minSessionTimeout = 100 * time.Millisecond

// cleanInterval is the time between two rounds of retention and compaction.
const cleanInterval = time.Hour

// Config says how to start a Broker. The zero value is a broker on DefaultAddr
// that keeps nothing.
type Config struct {
	// Addr is the host:port to listen on and to tell to clients. Empty is
	// DefaultAddr, port 0 any free port, an empty host 127.0.0.1. A wildcard
	// host (0.0.0.0, ::) is refused, since no client could be sent there.
	Addr string

	// DataDir is the folder to keep everything in, made if needed, of one
	// broker at a time. Empty keeps everything in memory and loses it at Close.
	DataDir string

	// Logger gets the warnings and errors of the broker, and each of its
	// doings at debug level. Nil logs nothing.
	Logger *slog.Logger
}

// Broker is a running broker. Its methods may be called concurrently.
type Broker struct {
	cluster *kfake.Cluster
	addrs   []string
	dir     *dataDir
	log     *bridge
	stamper *stamper

	cleaning context.CancelFunc
	cleaned  sync.WaitGroup
	close    func() error
}

// Start starts a broker that serves clients when Start returns. The caller
// owns it and must Close it.
//
// An address that is malformed, a wildcard or in use, and a data folder that
// can't be written, belongs to a running broker or was written by a newer
// version are errors.
func Start(cfg Config) (*Broker, error) {
	addr, err := listenAddr(cfg.Addr)
	if err != nil {
		return nil, err
	}
	b := &Broker{log: newBridge(cfg.Logger)}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.GroupMinSessionTimeout(minSessionTimeout),
		kfake.WithLogger(b.log),
		kfake.MaxVersions(versions()),
		kfake.BrokerConfigs(map[string]string{
			// kfake applies the default retention to compacted topics too:
			// a table would lose its rows after a week.
			"log.retention.ms": "-1",
			// A developer's broker is often off for longer than a week.
			"offsets.retention.minutes": "525600",
			// Never: kfake's own rounds end with a restart, see clean.
			"log.cleaner.backoff.ms": "31536000000",
		}),
	}
	if cfg.DataDir != "" {
		if b.dir, err = openDataDir(cfg.DataDir); err != nil {
			return nil, err
		}
		b.dir.checkMode(cfg.Logger)
		opts = append(opts, kfake.DataDir(cfg.DataDir))
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, closing(b.dir, fmt.Errorf("listen on %s: %w", addr, err))
	}
	gate := make(chan struct{})
	defer close(gate)
	opts = append(opts, kfake.ListenFn(func(string, string) (net.Listener, error) { return gated{ln, gate}, nil }))
	if b.cluster, err = kfake.NewCluster(opts...); err != nil {
		return nil, closing(b.dir, fmt.Errorf("start embedded broker on %s: %w", addr, err))
	}
	b.addrs = []string{ln.Addr().String()}
	b.stamper = newStamper(b.cluster)
	b.cluster.ControlKey(int16(kmsg.Produce), b.stamper.control)
	b.close = sync.OnceValue(b.shut)
	var ctx context.Context
	ctx, b.cleaning = context.WithCancel(context.Background())
	b.cluster.Compact()
	b.cleaned.Go(func() { b.clean(ctx) })
	if err := b.dir.started(); err != nil {
		return nil, closing(b, err)
	}
	return b, nil
}

// gated lets nobody in before the gate opens, so that no request comes past the
// stamper or before Start has done its cleaning.
type gated struct {
	net.Listener
	gate <-chan struct{}
}

func (g gated) Accept() (net.Conn, error) {
	<-g.gate
	return g.Listener.Accept()
}

// Addrs gives the host:port of each node, one, to bootstrap clients from. The
// caller owns the slice.
func (b *Broker) Addrs() []string { return slices.Clone(b.addrs) }

// Close cuts all connections, stops the broker, writes what is not yet in the
// data folder and frees the folder. The error says what could not be written.
// Later calls do nothing and give the same error.
func (b *Broker) Close() error { return b.close() }

func (b *Broker) shut() error {
	b.cleaning()
	b.cleaned.Wait()
	b.stamper.stop()
	b.log.collect()
	b.cluster.Close()
	return closing(b.dir, b.log.failure())
}

// clean applies retention and compaction. kfake does so by itself only from
// the first change of a topic on, thus not in a broker that just goes on.
func (b *Broker) clean(ctx context.Context) {
	tick := time.NewTicker(cleanInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.cluster.Compact()
		}
	}
}

// listenAddr completes the address and refuses what clients could not use.
func listenAddr(addr string) (string, error) {
	if addr == "" {
		return DefaultAddr, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("parse broker address %q: %w", addr, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return "", fmt.Errorf("broker address %q: clients are told this address, so it must name one host, such as 127.0.0.1:%s", addr, port)
	}
	return net.JoinHostPort(host, port), nil
}

// versions are those of the protocol that the broker speaks: all, but produce
// requests name topics instead of giving their IDs, since two topics that it
// doesn't know (any longer) in one request end kfake with a panic.
func versions() *kversion.Versions {
	v := kversion.Tip()
	v.SetMaxKeyVersion(kmsg.Produce.Int16(), 12)
	return v
}
