package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/reach"
)

// reader is a user of whose two items one is read just before the user's digest.
type reader struct {
	name     string
	moment   time.Duration  // of the digest, after its hour
	first    inbox.Position // of the item that is read
	read     uint64         // version of the record that reads it
	early    bool           // that is before the digest by the broker's clock
	decision uint64         // version of the last one
	mails    int
	hasRead  bool // the mail has the item that is read
}

// readersBetween are users whose moments are within length of one after a digest's hour.
func readersBetween(n int, from, length time.Duration) []*reader {
	var out []*reader
	for i := 0; len(out) < n; i++ {
		r := &reader{name: fmt.Sprint("user-", i)}
		r.moment = reach.Spread(r.name)
		if r.moment >= from && r.moment < from+length {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *reader) int { return cmp.Compare(a.moment, b.moment) })
	return out
}

// TestReadJustBeforeTheDigest has users read one of two items 1 to 16 ms before their
// digests, so that some of it is written before the decision and some after: each gets one
// mail, and it does not hold what stands in the log as read before the decision.
// BELFRY_TEST_MAILS says how many users there are.
func TestReadJustBeforeTheDigest(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for an hour's minute")
	}
	t.Parallel()
	n := numberOf(t, "BELFRY_TEST_MAILS", 60)
	length := max(4*time.Second, time.Duration(n)*time.Second/150)
	channels := func(at time.Time) string {
		return fmt.Sprintf("channels:\n  mail: {kind: mail, tell: [{digest: {at: %q}}]}\n", at.UTC().Format("15:04"))
	}
	brokers := kafkatest.Embedded(t)
	s, relay := newMailingScene(t, brokers, channels(time.Now().Add(12*time.Hour)))
	// The digest is of the next minute from which the moments of all are still to come: in
	// some seconds, if this machine is fast.
	const soon = 10 * time.Second
	from := time.Duration(time.Now().Add(soon).Second()) * time.Second
	readers := readersBetween(n, from, length)
	byName := map[string]*reader{}
	var writing errgroup.Group
	writing.SetLimit(32)
	for _, r := range readers {
		byName[r.name] = r
		writing.Go(func() error {
			item := func(title string) inbox.Addressed {
				return inbox.Addressed{Recipients: []string{r.name}, Record: inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{Title: belfry.PlainText(title), ID: title}}}
			}
			at, err := s.journal.Append(t.Context(), withMailAddress(r.name), item("was read"), item("was not read"))
			if err == nil {
				r.first = at[1]
			}
			return err
		})
	}
	if err := writing.Wait(); err != nil {
		t.Fatal(err)
	}
	hour := time.Now().Add(2*time.Second - from + time.Minute).Truncate(time.Minute)
	programtest.RewriteFile(t, s.channels, channels(hour))
	writing.SetLimit(-1)
	for i, r := range readers {
		<-time.After(time.Until(hour.Add(r.moment - time.Duration(1+i%16)*time.Millisecond))) // the load
		writing.Go(func() error {
			at, err := s.journal.Append(t.Context(), inbox.Addressed{Recipients: []string{r.name}, Record: inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{uint64(r.first.Offset) + 1}}})
			if err == nil {
				r.read = uint64(at[0].Offset) + 1
			}
			return err
		})
	}
	if err := writing.Wait(); err != nil {
		t.Fatal(err)
	}
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%d of %d mails came", relay.Taken(), n) }, func() bool { return relay.Taken() >= n })

	for _, m := range programtest.RecordsOf(t, brokers, belfry.Prefix(belfry.DefaultPrefix).Outbound()) {
		o, err := codec.DecodeOutbound(m.Value)
		if err != nil {
			t.Fatal(err)
		}
		r := byName[string(m.Key)]
		r.decision = max(r.decision, o.Decision)
	}
	for _, m := range programtest.RecordsOf(t, brokers, belfry.Prefix(belfry.DefaultPrefix).Journal()) {
		r := byName[string(m.Key)]
		if uint64(m.Offset)+1 == r.read {
			r.early = m.Timestamp.Before(hour.Add(r.moment))
		}
	}
	for _, m := range relay.Mails() {
		name, _, _ := strings.Cut(strings.TrimPrefix(m.To, "a-secret-of-"), "@")
		r := byName[name]
		r.mails++
		text := m.Part("text/plain")
		r.hasRead = strings.Contains(text, "was read")
		if !strings.Contains(text, "was not read") {
			t.Errorf("the mail to %s lacks what is unread: %s", name, text)
		}
	}
	var early, before, held, late int
	for _, r := range readers {
		switch {
		case r.mails != 1 || r.decision == 0:
			t.Errorf("%s got %d mails by decision %d", r.name, r.mails, r.decision)
		case r.read < r.decision:
			before++
			if r.hasRead {
				t.Errorf("%s read the item at version %d, and the mail of decision %d holds it", r.name, r.read, r.decision)
			}
		case r.hasRead:
			held++
		default:
			late++
		}
		if r.early {
			early++
		}
	}
	t.Logf("%d users within %s; read before the digest by the broker's clock: %d. By the log, read before the decision: %d, none in a mail; after it: %d in no mail, since the sender looks again, and %d in one",
		n, length, early, before, late, held)
}
