package senders_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
)

func TestMain(m *testing.M) { parts.Main(m) }

const prefix = belfry.Prefix(belfry.DefaultPrefix)

func outbound(t *testing.T, user string, o inbox.Outbound) *sarama.ProducerMessage {
	t.Helper()
	value, err := codec.EncodeOutbound(&o)
	if err != nil {
		t.Fatal(err)
	}
	return enginetest.On(0, enginetest.Text(prefix.Outbound(), user, string(value)))
}

// TestGroup has the group of a sender on a broker: what is done is committed in order, a
// decision that waits is read again by whoever comes next, and what cannot be sent is a
// dead letter, which a replay has decided anew.
func TestGroup(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, prefix.Outbound(), prefix.DeadLetters(), prefix.Journal())
	dead := enginetest.OpenDead(t, cfg, prefix.DeadLetters())
	w := newWorld(t)
	var letters []deadletter.Reason
	start := func() (stop func()) {
		w.sender = senders.New(senders.Config{
			Group: prefix.WebPushGroup(), Topic: prefix.Outbound(), Rows: w, Contents: w, Journal: w, Transport: w, DeadLetters: dead,
			Metrics: senders.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
			Processed: func(string, time.Time) {},
			Dead: func(r deadletter.Reason) {
				w.mu.Lock()
				defer w.mu.Unlock()
				letters = append(letters, r)
			},
		})
		return enginetest.Run(t, engine.NewProcessor(cfg, w.sender.Group()).Run)
	}
	committed := func(want int64) {
		t.Helper()
		var at int64
		await.Eventually(t, enginetest.Patience, func() string { return "committed wrong" }, func() bool {
			at = enginetest.Committed(t, cfg, prefix.WebPushGroup(), prefix.Outbound())
			return at == want
		})
	}
	w.subscribe("kim", "a.example/1")
	w.subscribe("lee", "a.example/2")
	waits := w.decide("kim", 0, w.notify("kim", "one"))
	waits.Decision += 1000 // its row is far behind
	second := w.decide("lee", 0, w.notify("lee", "two"))
	mail := second
	mail.Kind = inbox.EndpointMail
	enginetest.Produce(t, cfg,
		outbound(t, "lee", second), outbound(t, "kim", waits),
		enginetest.On(0, enginetest.Text(prefix.Outbound(), "kim", "\xff\xff")), outbound(t, "a/b", second), outbound(t, "lee", mail),
		enginetest.On(0, &sarama.ProducerMessage{Topic: prefix.Outbound(), Key: sarama.StringEncoder("kim")}),
	)
	stop := start()
	await.Eventually(t, enginetest.Patience, func() string { return "not all are tried" }, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.sent) == 1 && slices.Equal(letters, []deadletter.Reason{deadletter.ReasonUndecodable, deadletter.ReasonUndecodable})
	})
	committed(1) // kim's waits, and what is done behind it is not committed
	stop()
	committed(1)
	stop = start()
	await.Eventually(t, enginetest.Patience, func() string { return "what was not committed is not read again" }, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(letters) == 4
	})
	w.Mu.Lock()
	row := w.Rows["kim"]
	row.Version = waits.Decision
	w.Rows["kim"] = row
	w.Wake("kim")
	w.Mu.Unlock()
	committed(6)
	if got := w.messages(); len(got) != 1 || got[0].user != "lee" {
		t.Errorf("sent %+v, want lee's alone: of kim's nothing is left", got)
	}

	// The last attempt fails.
	w.answer = nil
	down := w.decide("lee", reach.MaxAttempts, w.notify("lee", "three"))
	down.GoodUntil = time.Now().Add(time.Hour).UnixMilli()
	w.reject()
	enginetest.Produce(t, cfg, outbound(t, "lee", down))
	committed(7)
	if n := len(w.given("lee", inbox.KindUntell)); n != 0 {
		t.Errorf("given back %d times", n)
	}
	stop()
	replayer, err := replay.Open(replay.Config{Engine: cfg, Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = replayer.Close() }()
	var results []string
	err = replayer.Matching(t.Context(), deadletter.Filter{Reasons: []deadletter.Reason{deadletter.ReasonUndelivered}}, 0, deadletter.ReplayOptions{Apply: true}, func(o deadletter.ReplayOutcome) error {
		results = append(results, string(o.Result)+" "+o.Letter.Error)
		return nil
	})
	if err != nil || len(results) != 1 || !strings.HasPrefix(results[0], string(deadletter.ReplayDone)) || !strings.Contains(results[0], "30 attempts") {
		t.Fatalf("replayed %q, %v", results, err)
	}
	// By now newer preferences, as it would be past its time.
	w.append("lee", inbox.Record{Kind: inbox.KindPrefs, Prefs: []byte(`{"language":"ko"}`)})
	start()
	committed(8)
	untells := w.given("lee", inbox.KindUntell)
	if len(untells) != 1 || untells[0].Untell.Decision != down.Decision || untells[0].Untell.Attempt != reach.MaxAttempts {
		t.Errorf("given back %+v, want the decision of the letter", untells)
	}
}
