package responder

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// tables are a user's row and its endpoints' contents, which come late by lag after the
// first look, where the first unready of that no content can be read at all.
type tables struct {
	row          inbox.State
	contents     map[uint64]inbox.Address
	unready, lag time.Duration
	began        time.Time

	mu      sync.Mutex
	watches map[*func()]struct{}
}

func (t *tables) Row(string) (inbox.State, error)    { return t.row, nil }
func (t *tables) Stored(string) (inbox.State, error) { return t.row, nil }
func (t *tables) Watch(_ string, changed func()) func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watches[&changed] = struct{}{}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.watches, &changed)
	}
}

// tell has all who watch look again.
func (t *tables) tell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for changed := range t.watches {
		(*changed)()
	}
}

func (t *tables) Endpoint(_ string, seq uint64) (inbox.Address, bool, error) {
	if t.began.IsZero() {
		t.began = time.Now()
		time.AfterFunc(t.lag, t.tell)
	}
	if time.Since(t.began) < t.unready {
		return inbox.Address{}, false, belfry.ErrNotReady
	}
	if time.Since(t.began) < t.lag {
		return inbox.Address{}, false, nil
	}
	a, ok := t.contents[seq]
	return a, ok, nil
}

// Append folds at once.
func (t *tables) Append(_ context.Context, records ...inbox.Addressed) ([]inbox.Position, error) {
	at := inbox.Position{Epoch: t.row.Epoch, Offset: int64(t.row.Version - t.row.Base)}
	r := records[0].Record
	effects := t.row.Apply(&r, inbox.Input{Position: at, Time: time.Now()})
	if effects.Endpoint != 0 {
		t.contents[effects.Endpoint] = *r.Endpoint
	}
	return []inbox.Position{at}, nil
}

func (t *tables) Epoch(context.Context) (uint32, error) { return t.row.Epoch, nil }

// An endpoint that its user has already keeps its number although the table of contents,
// which is another one, is behind that of rows or cannot be read yet.
func TestSubscribeAgainBeforeTheContentIsRead(t *testing.T) {
	for name, all := range map[string]*tables{
		"read":      {},
		"behind":    {lag: 40 * time.Millisecond},
		"not ready": {unready: time.Minute, lag: time.Minute + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all.contents, all.watches = map[uint64]inbox.Address{}, map[*func()]struct{}{}
				r := &Responder{Config: Config{Rows: all, Contents: all, Journal: all, Features: inbox.DefaultFeatures}}
				phone := &inbox.Address{Kind: inbox.EndpointWebPush, Target: "https://push.example/1", P256dh: make([]byte, 65), Auth: make([]byte, 16), AddedAt: time.Now()}
				ask := func() uint64 {
					a := &asked{request: request{action: actionSubscribe, recipient: "kim", address: phone}, at: time.Now(), waits: func(error) {}}
					said, err := r.serve(t.Context(), a)
					if err != nil || said.Endpoint == 0 {
						t.Fatalf("%+v, %v", said, err)
					}
					return said.Endpoint
				}
				if first, again := ask(), ask(); first != again {
					t.Errorf("endpoint %d, asked again %d", first, again)
				}
			})
		})
	}
}
