package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/bench/client"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/child"
)

// Polls measures polls of badges that find nothing new.
type Polls struct {
	Connections int // kept open, one request at a time on each
	Duration    time.Duration
	Rounds      int
	// Mint makes a token of a user, with these scopes, that is signed with
	// Secret.
	Mint   func(user string, scopes ...string) (string, error)
	Secret string
	// Batches is how many calls for 100 badges each server of Belfry's answers;
	// 0: none.
	Batches int
}

// PollTable is what the polled table holds.
type PollTable struct{ Users, Items int }

const batchUsers = 100

// polled is one server and what a run of polls found.
type polled struct {
	name   string
	server *member
	rounds []pollRound
}

type pollRound struct {
	rate  float64 // a second
	cpu   time.Duration
	delay []time.Duration
}

// Polls measures in turn Belfry's server, the same without its memory of tokens,
// and the plain one, with the library that Belfry uses and without, on a table of
// its own.
func (c *Config) Polls(ctx context.Context, o Polls, table PollTable) (err error) {
	in, err := c.install(ctx, fmt.Sprintf("poll-%d-%d", table.Users, table.Items))
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return err
	}
	bytes, err := in.fillRows(ctx, table)
	if err != nil {
		return err
	}
	secret := filepath.Join(in.Dir, "jwt.secret")
	if err := os.WriteFile(secret, []byte(o.Secret), 0o600); err != nil {
		return fmt.Errorf("write the secret: %w", err)
	}
	belfry := []string{"server", "--poll-interval", "1ms", "--list-rate", "0", "--jwt-secret-file", secret}
	plain := []string{"bench", "plain", "--jwt-secret-file", secret}
	servers := []*polled{{name: "belfry"}, {name: "belfry, checking each token"}, {name: "plain, checking by hand"}, {name: "plain"}}
	for i, args := range [][]string{belfry, append(slices.Clone(belfry), "--token-trust", "0"), append(slices.Clone(plain), "--by-hand"), plain} {
		addr, err := child.FreeAddr()
		if err != nil {
			return err
		}
		if servers[i].server, err = in.add(in.programOf(args), fmt.Sprint("server-", i), addr, append(args, "--addr", addr)); err != nil {
			return err
		}
	}
	for _, s := range servers {
		if err := s.server.awaitReady(ctx); err != nil {
			return err
		}
	}
	c.Print("%d users, %d items each, rows of %d bytes", table.Users, table.Items, bytes)
	users, err := pollUsers(o, table.Users)
	if err != nil {
		return err
	}
	for round := range o.Rounds + 1 {
		for i := range servers {
			s := servers[(i+round)%len(servers)]
			one, err := s.measure(ctx, o, users)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if round > 0 { // the first fetches the tags and warms up
				s.rounds = append(s.rounds, one)
			}
		}
	}
	for _, s := range servers {
		c.Print("  %s: %s", s.name, s.summary(servers[len(servers)-1]))
	}
	if o.Batches == 0 || table.Users < batchUsers {
		return nil
	}
	return c.batches(ctx, o, servers[0].server)
}

// fillRows writes a row for each user into the table and returns how long one
// is.
func (in *installation) fillRows(ctx context.Context, table PollTable) (bytes int, err error) {
	client, err := connect(in.Kafka, kgo.DefaultProduceTopic(in.Prefix.UnreadTable()))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	row := inbox.State{}
	for i := range table.Items {
		r := inbox.Record{Kind: inbox.KindNotify, Notification: Event(i, 1, time.Time{})}
		row, _ = inbox.Fold(row, r, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: int64(i)}, Time: time.Now(), Cap: inbox.MaxCap})
	}
	value, err := codec.EncodeState(&row)
	if err != nil {
		return 0, err
	}
	var failed atomic.Pointer[error]
	for i := range table.Users {
		client.Produce(ctx, &kgo.Record{Key: []byte(Recipient(i, table.Users)), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return 0, fmt.Errorf("write rows: %w", err)
	}
	if err := failed.Load(); err != nil {
		return 0, fmt.Errorf("write rows: %w", *err)
	}
	return len(value), nil
}

// pollUser is one user's request, up to its tag.
type pollUser struct{ request []byte }

func pollUsers(o Polls, n int) ([]pollUser, error) {
	users := make([]pollUser, n)
	for i := range users {
		user := Recipient(i, n)
		token, err := o.Mint(user)
		if err != nil {
			return nil, err
		}
		users[i].request = fmt.Appendf(nil, "GET /v1/users/%s/unread HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n", user, token)
	}
	return users, nil
}

// measure polls for all users in turn, as fast as the server answers.
func (s *polled) measure(ctx context.Context, o Polls, users []pollUser) (pollRound, error) {
	at, err := url.Parse(s.server.url)
	if err != nil {
		return pollRound{}, err
	}
	// All rows are equal, so that one tag is everybody's.
	tag, err := s.tag(ctx, at.Host, users[0])
	if err != nil {
		return pollRound{}, err
	}
	before, err := s.server.footprint()
	if err != nil {
		return pollRound{}, err
	}
	began := time.Now()
	delays := make([][]time.Duration, o.Connections)
	g, gctx := errgroup.WithContext(ctx)
	for i := range o.Connections {
		g.Go(func() error {
			conn, err := client.DialPoll(gctx, at.Host)
			if err != nil {
				return err
			}
			defer conn.Close()
			var request []byte
			for n := i; time.Since(began) < o.Duration && gctx.Err() == nil; n += o.Connections {
				start := time.Now()
				request = append(append(request[:0], users[n%len(users)].request...), tag...)
				answer, err := conn.Exchange(request)
				if err == nil && answer.Status != http.StatusNotModified {
					err = fmt.Errorf("%w: status %d", client.ErrAnswer, answer.Status)
				}
				if err != nil {
					return err
				}
				delays[i] = append(delays[i], time.Since(start))
			}
			return nil
		})
	}
	if err := errors.Join(g.Wait(), ctx.Err()); err != nil {
		return pollRound{}, err
	}
	took := time.Since(began)
	after, err := s.server.footprint()
	if err != nil {
		return pollRound{}, err
	}
	all := slices.Concat(delays...)
	slices.Sort(all)
	n := len(all)
	return pollRound{rate: float64(n) / took.Seconds(), cpu: (after.CPU - before.CPU) / time.Duration(max(1, n)), delay: all}, nil
}

// tag fetches a badge and returns the end of a request by who has it.
func (s *polled) tag(ctx context.Context, host string, u pollUser) ([]byte, error) {
	conn, err := client.DialPoll(ctx, host)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	answer, err := conn.Exchange(append(slices.Clone(u.request), "\r\n"...))
	if err == nil && (answer.Status != http.StatusOK || answer.Tag == "") {
		err = fmt.Errorf("%w: status %d, tag %q", client.ErrAnswer, answer.Status, answer.Tag)
	}
	return []byte("If-None-Match: " + answer.Tag + "\r\n\r\n"), err
}

// summary sums up the rounds, compared with the server that is the measure.
func (s *polled) summary(plain *polled) string {
	rate := func(p *polled) float64 {
		var rates []float64
		for _, r := range p.rounds {
			rates = append(rates, r.rate)
		}
		return figures.Median(rates)
	}
	var ratios []float64
	var cpus, p50s, p99s []time.Duration
	for i, r := range s.rounds {
		ratios = append(ratios, r.rate/plain.rounds[i].rate)
		cpus = append(cpus, r.cpu)
		p50s, p99s = append(p50s, figures.Quantile(r.delay, .5)), append(p99s, figures.Quantile(r.delay, .99))
	}
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	line := fmt.Sprintf("%.0f polls/s, %.1f CPU-us each, p50 %.0f us, p99 %.0f us", rate(s), us(figures.Median(cpus)), us(figures.Median(p50s)), us(figures.Median(p99s)))
	if s != plain {
		line += fmt.Sprintf("; %.0f %% of plain (rounds: %s)", 100*figures.Median(ratios), percents(ratios))
	}
	return line
}

func percents(ratios []float64) string {
	var out []string
	for _, r := range ratios {
		out = append(out, strconv.FormatFloat(100*r, 'f', 0, 64))
	}
	return strings.Join(out, ", ")
}

// batches asks for the badges of 100 users at a time.
func (c *Config) batches(ctx context.Context, o Polls, m *member) error {
	at, err := url.Parse(m.url)
	if err != nil {
		return err
	}
	token, err := o.Mint("service", "belfry:notify")
	if err != nil {
		return err
	}
	query := url.Values{}
	for i := range batchUsers {
		query.Add("user", Recipient(i, batchUsers))
	}
	request := fmt.Appendf(nil, "GET /v1/unread?%s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n\r\n", query.Encode(), token)
	conn, err := client.DialPoll(ctx, at.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	before, err := m.footprint()
	if err != nil {
		return err
	}
	var delays []time.Duration
	for range o.Batches {
		start := time.Now()
		answer, err := conn.Exchange(request)
		if err == nil && answer.Status != http.StatusOK {
			err = fmt.Errorf("%w: status %d", client.ErrAnswer, answer.Status)
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		delays = append(delays, time.Since(start))
	}
	after, err := m.footprint()
	if err != nil {
		return err
	}
	c.Print("  belfry, %d badges in one call: %.2f CPU-ms each, %s", batchUsers,
		1000*(after.CPU-before.CPU).Seconds()/float64(o.Batches), delaysOf(delays))
	return nil
}
