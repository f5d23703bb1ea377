package responder

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/internal/recent"
)

// silent takes answers and never says what became of them.
type silent struct{}

func (silent) Produce(*kgo.Record, func(*kgo.Record, error)) {}

// A reply topic whose brokers are gone for good keeps its requests, and all behind them, no
// longer than anybody could wait for.
func TestAnswersThatAreNeverAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Responder{Config: Config{Answers: silent{}}, known: replyTopics{mu: &sync.Mutex{}, known: recent.New[string, knownTopic](10)}}
		told := false
		a := &asked{envelope: envelope{topic: "replies"}, raw: &sarama.ConsumerMessage{}, waits: func(error) { told = true }}
		began := time.Now()
		err := r.send(t.Context(), a, &answer{OK: true})
		if err == nil || !strings.Contains(err.Error(), "replies") || !told {
			t.Errorf("got %v, told %t", err, told)
		}
		if took := time.Since(began); took != AnswerPatience {
			t.Errorf("it took %s", took)
		}
	})
}
