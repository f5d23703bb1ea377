// Plaingoka does the job of `belfry processor --groups unread` on goka as
// its documentation tells a careful user to: durable settings, LevelDB, topics
// created beforehand, and nothing of Belfry's engine. It is the peer that the
// benchmarks measure Belfry against, no program to run for anything else.
//
// It takes the flags of that command which a benchmark gives. --fold says what
// a record does to a row: "belfry" is Belfry's own fold, which knows a record
// that it gets twice; "plain" takes each record for a new one, as the examples
// of goka's documentation do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

// settings are the flags.
type settings struct {
	brokers     string
	prefix      string
	stateDir    string
	metricsAddr string
	fold        string
}

func run(ctx context.Context, args []string) error {
	var s settings
	fs := flag.NewFlagSet("plaingoka", flag.ContinueOnError)
	fs.StringVar(&s.brokers, "brokers", "", "Kafka brokers to start with, a list of host:port")
	fs.StringVar(&s.prefix, "prefix", belfry.DefaultPrefix, "what the name of every topic and group begins with")
	fs.StringVar(&s.stateDir, "state-dir", "", "folder for local stores")
	fs.StringVar(&s.metricsAddr, "metrics-addr", "127.0.0.1:0", "host:port to serve /readyz and /metrics on")
	fs.StringVar(&s.fold, "fold", foldBelfry, "what a record does to a row: "+foldBelfry+" or "+foldPlain)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if s.brokers == "" || s.stateDir == "" {
		return errors.New("--brokers and --state-dir are required")
	}
	fold, err := foldOf(s.fold)
	if err != nil {
		return err
	}
	prefix := belfry.Prefix(s.prefix)
	p, err := s.processor(unread(prefix, fold))
	if err != nil {
		return fmt.Errorf("make processor: %w", err)
	}
	// Its failure takes the process with it, for its supervisor to start it again:
	// a goka processor runs once.
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return p.Run(ctx) })
	running.Go(func() error { return serve(ctx, s.metricsAddr, p) })
	return running.Wait()
}

// config is goka's own with what makes it durable: nothing acknowledged is lost
// by a broker, nothing is written twice by a retry, and no record is skipped
// that came before the group's first commit.
func config() *sarama.Config {
	c := goka.DefaultConfig()
	c.Version = sarama.V2_8_0_0
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent, c.Net.MaxOpenRequests = true, 1
	return c
}

func (s *settings) processor(g *goka.GroupGraph) (*goka.Processor, error) {
	topics := goka.NewTopicManagerConfig()
	topics.NoCreate = true
	// goka writes into the configuration that it is given: each builder gets
	// its own.
	return goka.NewProcessor(strings.Split(s.brokers, ","), g,
		goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithConfig(config(), topics)),
		goka.WithConsumerGroupBuilder(goka.ConsumerGroupBuilderWithConfig(config())),
		goka.WithConsumerSaramaBuilder(goka.SaramaConsumerBuilderWithConfig(config())),
		goka.WithProducerBuilder(goka.ProducerBuilderWithConfig(config())),
		goka.WithStorageBuilder(storage.DefaultBuilder(filepath.Join(s.stateDir, string(g.Group())))),
		// Records lie where Java's partitioner puts them.
		goka.WithHasher(func() hash.Hash32 { return kafka.Hasher() }),
		goka.WithNilHandling(goka.NilProcess),
	)
}

// serve answers /readyz and /metrics until ctx ends.
func serve(ctx context.Context, addr string, p *goka.Processor) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.Handler())
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !p.Recovered() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	srv := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", addr, err)
	}
	return nil
}
