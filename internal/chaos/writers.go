package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry/internal/chaos/history"
)

const (
	// httpShare is the part of the notifications that goes over HTTP.
	httpShare = 0.4
	// writeInterval is the time between two batches of a writer.
	writeInterval = 100 * time.Millisecond
	// recentSent is how many notifications a duplicate or a retraction is chosen
	// from.
	recentSent = 300
)

// message is a notification or a retraction as a sender writes it.
type message struct {
	ID          string   `json:"id,omitempty"`
	Recipient   string   `json:"recipient,omitempty"`
	Recipients  []string `json:"recipients,omitempty"`
	Audience    string   `json:"audience,omitempty"` // of a notice
	ExpiresAt   string   `json:"expires_at,omitempty"`
	DeliverAt   string   `json:"deliver_at,omitempty"`
	Source      string   `json:"source,omitempty"`
	Category    string   `json:"category,omitempty"`
	Priority    string   `json:"priority,omitempty"`
	Title       string   `json:"title,omitempty"`
	CollapseKey string   `json:"collapse_key,omitempty"`
	Retract     bool     `json:"retract,omitempty"`
}

func (m *message) recipients() []string {
	if m.Recipient != "" {
		return []string{m.Recipient}
	}
	return m.Recipients
}

// author makes up what is sent. It is safe for concurrent use.
type author struct {
	name  string // begins every id
	users []string

	mu     sync.Mutex
	dice   *rand.Rand
	count  int
	recent []message
}

func newAuthor(name string, users []string, dice *rand.Rand) *author {
	return &author{name: name, users: users, dice: dice}
}

// next makes up a message; about one in twenty is one that was sent before, and
// as many take something back.
func (a *author) next() message {
	a.mu.Lock()
	defer a.mu.Unlock()
	roll := a.dice.IntN(100)
	if len(a.recent) > 10 {
		old := a.recent[a.dice.IntN(len(a.recent))]
		switch {
		case roll < 5:
			return old
		case roll < 7:
			return message{Recipient: old.Recipient, Recipients: old.Recipients, Source: old.Source, ID: old.ID, Retract: true}
		case roll < 8 && old.CollapseKey != "":
			return message{Recipient: old.Recipient, Recipients: old.Recipients, Source: old.Source, CollapseKey: old.CollapseKey, Retract: true}
		}
	}
	a.count++
	m := message{
		ID:       fmt.Sprintf("%s-%d", a.name, a.count),
		Source:   pick(a.dice, "/orders", "/comments", "/approvals"),
		Category: pick(a.dice, "", "order", "comment", "approval"),
		Priority: pick(a.dice, "", "", "", "", "low", "high", "urgent"),
		Title:    fmt.Sprintf("Number %d of %s", a.count, a.name),
	}
	if a.dice.IntN(20) == 0 {
		for range 3 {
			if u := a.user(); !slices.Contains(m.Recipients, u) {
				m.Recipients = append(m.Recipients, u)
			}
		}
	} else {
		m.Recipient = a.user()
	}
	if a.dice.IntN(10) == 0 {
		m.CollapseKey = fmt.Sprintf("thread-%d", a.dice.IntN(3))
	}
	if len(a.recent) == recentSent {
		a.recent[a.dice.IntN(recentSent)] = m
	} else {
		a.recent = append(a.recent, m)
	}
	return m
}

// user prefers the first ones: a few users have much, most have little.
func (a *author) user() string {
	return a.users[min(a.dice.IntN(len(a.users)), a.dice.IntN(len(a.users)))]
}

func pick(dice *rand.Rand, from ...string) string { return from[dice.IntN(len(from))] }

// writers send until they are told to stop, and then see to it that what they
// began is acknowledged.
type writers struct {
	history *history.History
	api     *api
	kafka   *producer
	author  *author
	rate    int // notifications per second, of all
	// partitions is how many boards there are.
	partitions int
	trouble    func(format string, args ...any)
}

// overHTTP posts batches until stop ends. A batch is sent again, to one server
// or the other, until it is acknowledged or ctx ends.
func (w *writers) overHTTP(ctx, stop context.Context, dice *rand.Rand) {
	mean := float64(w.rate) * httpShare / httpWriters * writeInterval.Seconds()
	every(stop, func() time.Duration { return writeInterval }, func() {
		var batch, retractions []message
		for range 1 + dice.IntN(max(int(2*mean-1), 1)) {
			if m := w.author.next(); m.Retract {
				m.Retract = false
				retractions = append(retractions, m)
			} else {
				batch = append(batch, m)
			}
		}
		at := time.Now()
		if len(batch) > 0 {
			acknowledged := w.post(ctx, dice, "/v1/notifications", batch)
			for i := range batch {
				w.sent(at, "http", &batch[i], acknowledged)
			}
		}
		for i := range retractions {
			w.post(ctx, dice, "/v1/retractions", &retractions[i])
		}
	})
}

func (w *writers) post(ctx context.Context, dice *rand.Rand, path string, body any) bool {
	return w.repeat(ctx, dice, call{method: http.MethodPost, path: path, token: w.api.service, body: body})
}

// repeat makes a call to one server after another until it is accepted, is over or ctx
// ends, and reports whether it was accepted.
func (w *writers) repeat(ctx context.Context, dice *rand.Rand, c call) bool {
	for ctx.Err() == nil && !c.isOver() {
		c.server = dice.IntN(len(w.api.servers))
		if w.api.do(ctx, c).status == http.StatusAccepted {
			return true
		}
		pause(ctx, 50*time.Millisecond+rand.N(200*time.Millisecond))
	}
	return false
}

func (w *writers) sent(at time.Time, via string, m *message, acknowledged bool) {
	for _, r := range m.recipients() {
		w.history.Record(history.Sent{At: at, Via: via, Recipient: r, Source: m.Source, ID: m.ID, Acknowledged: acknowledged})
	}
}

// overKafka writes to the source topic until stop ends. Keys are anything: what
// is sent twice may come by two partitions.
func (w *writers) overKafka(stop context.Context, dice *rand.Rand) {
	const interval = writeInterval / 2
	n := max(int(float64(w.rate)*(1-httpShare)*interval.Seconds()), 1)
	every(stop, func() time.Duration { return interval }, func() {
		for range n {
			m := w.author.next()
			value, err := json.Marshal(&m)
			if err != nil {
				w.trouble("encode a notification: %v", err)
				continue
			}
			at := time.Now()
			w.kafka.write(w.kafka.prefix.Notifications(), fmt.Sprintf("order-%d", dice.IntN(1000)), value, func(err error) {
				if !m.Retract {
					w.sent(at, "kafka", &m, err == nil)
				}
			})
		}
	})
}

// poison writes, about once a second, what cannot be read: to the source topic
// and to a user's journal.
func (w *writers) poison(stop context.Context, dice *rand.Rand) {
	count := 0
	every(stop, func() time.Duration { return 500*time.Millisecond + rand.N(time.Second) }, func() {
		count++
		user := w.author.users[dice.IntN(len(w.author.users))]
		if count%2 == 0 {
			// Field 1 of 100 bytes, and then the record ends.
			w.kafka.write(w.kafka.prefix.Journal(), user, []byte{0x0a, 100, byte(count)}, func(error) {})
			return
		}
		id := fmt.Sprintf("%s-poison-%d", w.author.name, count)
		value := pick(dice,
			fmt.Sprintf(`{"id":%q,"recipient":%q,"source":"/poison","title":"cut`, id, user), // no JSON
			fmt.Sprintf(`{"id":%q,"recipient":%q,"source":"/poison"}`, id, user),             // no title
			fmt.Sprintf(`{"id":%q,"recipient":"a/b","source":"/poison","title":"x"}`, id),    // no recipient
		)
		at := time.Now()
		w.kafka.write(w.kafka.prefix.Notifications(), user, []byte(value), func(err error) {
			w.history.Record(history.Sent{At: at, Via: "kafka", Recipient: user, Source: "/poison", ID: id, Poison: true, Acknowledged: err == nil})
		})
	})
}

// every calls f, with a pause between two calls, until ctx ends.
func every(ctx context.Context, interval func() time.Duration, f func()) {
	for pause(ctx, interval()) {
		f()
	}
}

// pause waits and reports whether ctx is still not ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
