package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

// brokersOfFlag is where measurements with processes of their own are made.
const brokersOfFlag = "brokers of --brokers"

// measureOptions are those of the benchmarks that run processes of their own,
// on a Kafka that outlives them.
type measureOptions struct {
	benchOptions
	belfryOptions
	peer string // path, or empty for none

	// kafkaArgs are the flags by which the processes reach Kafka.
	kafkaArgs []string
}

func (o *measureOptions) addMeasureFlags(c *cobra.Command) {
	o.addCommonFlags(c)
	o.belfryOptions.AddFlags(c.Flags())
	fs := c.Flags()
	fs.Lookup("brokers").Usage = "Kafka brokers, a `list` of host:port (required)"
	// Enough for processes to share, few enough that each gets events all the
	// time.
	partitions := fs.Lookup("partitions")
	o.partitions, partitions.DefValue = 6, "6"
}

func (o *measureOptions) addPeerFlag(c *cobra.Command) {
	c.Flags().StringVar(&o.peer, "peer", "", "`path` of a program to measure beside this one, such as a build of internal/plaingoka")
}

func (o *measureOptions) Validate() error {
	if err := o.benchOptions.Validate(); err != nil {
		return err
	}
	if err := o.kafka.Validate(); err != nil {
		return err
	}
	// Each installation of a run adds its name.
	if err := (o.runPrefix(time.Now()) + "-restart-10").Check(); err != nil {
		return cli.FlagErrorf("prefix", "%w", cli.Problem(err))
	}
	return o.validatePeer()
}

func (o *measureOptions) validatePeer() error {
	if o.peer == "" {
		return nil
	}
	path, err := programAt("peer", o.peer)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: build one with: go build -o plaingoka ./internal/plaingoka", err)
	}
	o.peer = path
	return err
}

// programs are this one and the peer, if there is one.
func (o *measureOptions) programs(c *bench.Config) []bench.Program {
	programs := []bench.Program{c.BelfryProcessor("unread")}
	if o.peer != "" {
		programs = append(programs, bench.Program{Name: filepath.Base(o.peer), Path: o.peer})
	}
	return programs
}

// measure calls run with a place to measure at, which goes with it.
func measureWith(ctx context.Context, p *cli.Program, o *measureOptions, run func(*bench.Config) error) (err error) {
	dir, err := os.MkdirTemp("", "belfry-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the benchmark's state: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	cfg := &bench.Config{
		Kafka: o.kafka.Config(filepath.Join(dir, "bench"), slog.New(slog.DiscardHandler)), KafkaArgs: o.kafkaArgs,
		Prefix: o.runPrefix(time.Now()), Partitions: o.partitions, Users: o.users, Dir: dir, Lab: self,
		Print: func(format string, args ...any) { fmt.Fprintf(p.Stdout, format+"\n", args...) },
	}
	// Before anything is built or started: the flag is what to fix.
	topics, err := options.OpenTopics(cfg.Kafka)
	if err != nil {
		return err
	}
	if err := topics.Close(); err != nil {
		return err
	}
	if cfg.Belfry, err = o.find(ctx, dir); err != nil {
		return err
	}
	return run(cfg)
}

// kafkaArgs are the flags of a command, wherever they were set, that say how to
// reach Kafka.
func kafkaArgs(fs *pflag.FlagSet) []string {
	known := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&options.Kafka{}).AddFlags(known)
	var args []string
	known.VisitAll(func(f *pflag.Flag) {
		set := fs.Lookup(f.Name)
		if f.Name == "prefix" || !set.Changed {
			return
		}
		value := set.Value.String()
		if list, ok := set.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		args = append(args, "--"+f.Name+"="+value)
	})
	return args
}
