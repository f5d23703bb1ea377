package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/chaos/history"
)

// The topics that users subscribe to, and for whom notices are.
var (
	topicNames = []string{"news", "seoul"}
	audiences  = []string{belfry.AudienceAll, belfry.TopicAudience(topicNames[0]), belfry.TopicAudience(topicNames[1])}
)

// announce writes notices, about one a second, until stop ends: some that expire soon, some
// that are scheduled, some that replace others. Some are taken back, and some written twice.
// The last comes after all faults and stays, so that something is checked of notices even
// if nothing else could be written.
func (w *writers) announce(ctx, stop context.Context, dice *rand.Rand) {
	var made []message
	post := func(path string, m *message) bool {
		over, _ := time.Parse(time.RFC3339Nano, m.ExpiresAt) // zero without one
		return w.repeat(ctx, dice, call{method: http.MethodPost, path: path, token: w.api.service, body: m, announces: true, over: over})
	}
	every(stop, func() time.Duration { return 500*time.Millisecond + rand.N(time.Second) }, func() {
		m := w.notice(len(made), dice)
		switch roll := dice.IntN(10); {
		case len(made) == 0:
		case roll < 2:
			old := made[dice.IntN(len(made))]
			post("/v1/retractions", &message{Audience: old.Audience, Source: old.Source, ID: old.ID})
			return
		case roll < 3:
			m = made[dice.IntN(len(made))]
		}
		made = append(made, m)
		if at := time.Now(); dice.IntN(2) == 0 {
			w.announced(at, "http", &m, post("/v1/notifications", &m))
			return
		}
		value, err := json.Marshal(&m)
		if err != nil {
			w.trouble("encode a notice: %v", err)
			return
		}
		at := time.Now()
		w.kafka.write(w.kafka.prefix.Notifications(), m.ID, value, func(err error) { w.announced(at, "kafka", &m, err == nil) })
	})
	last := message{ID: w.author.name + "-notice-last", Source: "/notices", Audience: belfry.AudienceAll, Title: "The last notice"}
	at := time.Now()
	w.announced(at, "http", &last, post("/v1/notifications", &last))
}

// notice makes up a notice.
func (w *writers) notice(n int, dice *rand.Rand) message {
	m := message{
		ID: fmt.Sprintf("%s-notice-%d", w.author.name, n), Source: "/notices", Audience: audiences[dice.IntN(len(audiences))],
		Category: pick(dice, "", "order", "comment"), Title: fmt.Sprintf("Notice %d", n),
	}
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339Nano) }
	switch dice.IntN(5) {
	case 0:
		m.ExpiresAt = at(time.Second + time.Duration(dice.IntN(8_000))*time.Millisecond)
	case 1:
		m.DeliverAt = at(time.Second + time.Duration(dice.IntN(5_000))*time.Millisecond)
	case 2:
		m.CollapseKey = "rolling"
	}
	return m
}

// announced records that a notice was sent to the board of each partition.
func (w *writers) announced(at time.Time, via string, m *message, acknowledged bool) {
	for p := range w.partitions {
		w.history.Record(history.Sent{
			At: at, Via: via, Recipient: belfry.PartitionKey(int32(p)), Source: m.Source, ID: m.ID, Acknowledged: acknowledged,
		})
	}
}

// subscribes has a user subscribe to a topic, leave it, or join.
func (r *reader) subscribes(ctx context.Context) {
	c := call{server: r.server(), method: http.MethodPut, path: userPath(r.user, "topics/"+pick(r.dice, topicNames...)), token: r.api.service}
	switch r.dice.IntN(6) {
	case 0, 1:
		c.method = http.MethodDelete
	case 2:
		c.path = strings.TrimSuffix(userPath(r.user, ""), "/")
	}
	r.api.do(ctx, c)
}
