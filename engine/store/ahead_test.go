package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// onDisk puts rows that only the disk has.
func onDisk(t fataler, s *Store, p *partitionStorage, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := p.Set(key, []byte("old "+key)); err != nil {
			t.Fatalf("%v", err)
		}
	}
	for range 2 { // the first leaves them at hand
		if err := s.flush(0); err != nil {
			t.Fatalf("%v", err)
		}
		p.p.mu.Lock()
		p.p.flushed = nil
		p.p.mu.Unlock()
	}
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func numbered(n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprintf("user-%03d", i))
	}
	return keys
}

func mustGet(t fataler, p *partitionStorage, key string) string {
	t.Helper()
	value, err := p.Get(key)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if value == nil {
		return "none"
	}
	return string(value)
}

func openedForAhead(t *testing.T) (*Store, *partitionStorage) {
	t.Helper()
	s, err := newStore(t, vfs.Default, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p := openPartition(t, s, 3)
	if err := p.MarkRecovered(); err != nil {
		t.Fatal(err)
	}
	return s, p.(*partitionStorage)
}

func TestRowsAreReadAhead(t *testing.T) {
	s, p := openedForAhead(t)
	there := numbered(40)
	onDisk(t, s, p, there...)
	asked := append(slices.Clone(there), "nobody", "user-0005")
	if err := s.ReadAhead(3, asked); err != nil {
		t.Fatal(err)
	}
	if got := len(p.p.ahead); got != len(asked) {
		t.Errorf("%d rows are at hand, want %d", got, len(asked))
	}
	for _, key := range there {
		if got := mustGet(t, p, key); got != "old "+key {
			t.Errorf("%s is %q", key, got)
		}
	}
	for _, key := range []string{"nobody", "user-0005"} {
		if got := mustGet(t, p, key); got != "none" {
			t.Errorf("%s is %q, want none", key, got)
		}
	}
	if len(p.p.ahead) != 0 || p.p.aheadBytes != 0 || s.ahead.Load() != 0 {
		t.Errorf("%d rows of %d bytes are kept though they were taken, %d in all", len(p.p.ahead), p.p.aheadBytes, s.ahead.Load())
	}
	if got := mustGet(t, p, there[0]); got != "old "+there[0] {
		t.Errorf("taken a second time it is %q", got)
	}
}

// A row that is written while or after rows are read ahead is the one that counts.
func TestWritesBeatWhatWasReadAhead(t *testing.T) {
	s, p := openedForAhead(t)
	keys := numbered(40)
	onDisk(t, s, p, keys...)
	missing := p.p.beginAhead(keys)
	found, err := p.p.readAhead(missing)
	if err != nil {
		t.Fatal(err)
	}
	// Meanwhile, and so long that it is on the disk again.
	onDisk(t, s, p, "user-001")
	if err := p.Set("user-001", []byte("new")); err != nil {
		t.Fatal(err)
	}
	if err := p.Delete("user-002"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.flush(0); err != nil {
			t.Fatal(err)
		}
	}
	p.p.mu.Lock()
	p.p.flushed = nil
	p.p.mu.Unlock()
	p.p.endAhead(found)
	if err := p.Set("user-003", []byte("new")); err != nil { // after
		t.Fatal(err)
	}
	for key, want := range map[string]string{"user-001": "new", "user-002": "none", "user-003": "new", "user-004": "old user-004"} {
		if got := mustGet(t, p, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// The next user of the partition reads what the disk has.
func TestWhatWasReadAheadEndsWithItsUse(t *testing.T) {
	s, p := openedForAhead(t)
	keys := numbered(40)
	onDisk(t, s, p, keys...)
	for name, end := range map[string]func(){
		"opened again": func() { p.p.begin() },
		"closed":       func() { _ = p.Close() },
	} {
		p = p.p.begin()
		if err := s.ReadAhead(3, keys); err != nil || len(p.p.ahead) == 0 {
			t.Fatalf("%d rows, %v", len(p.p.ahead), err)
		}
		if end(); len(p.p.ahead) != 0 || s.ahead.Load() != 0 {
			t.Errorf("%s: %d rows are kept", name, len(p.p.ahead))
		}
	}
}

// Reading ahead is bounded, and the rest is read when it is asked for.
func TestReadingAheadIsBounded(t *testing.T) {
	s, p := openedForAhead(t)
	keys := numbered(40)
	for _, key := range keys {
		if err := p.Set(key, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	onDisk(t, s, p)
	if err := s.ReadAhead(3, keys); err != nil {
		t.Fatal(err)
	}
	if got := p.p.aheadBytes; got > maxAhead+(2<<20) || got == 0 {
		t.Errorf("%d bytes are read ahead, want about %d", got, maxAhead)
	}
	for _, key := range keys {
		if got := len(mustGet(t, p, key)); got != 1<<20 {
			t.Errorf("%s has %d bytes", key, got)
		}
	}
}

// Reading ahead changes no answer, whatever is written and flushed when.
func TestReadingAheadChangesNothing(t *testing.T) {
	s, p := openedForAhead(t)
	keys := numbered(60)
	rapid.Check(t, func(t *rapid.T) {
		p.p.begin()
		if err := s.empty(p.p); err != nil {
			t.Fatal(err)
		}
		p = p.p.begin()
		want := map[string]string{}
		for n := range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := rapid.SampledFrom(keys).Draw(t, "key")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				want[key] = fmt.Sprint(n)
				if err := p.Set(key, []byte(want[key])); err != nil {
					t.Fatal(err)
				}
			case 2:
				delete(want, key)
				if err := p.Delete(key); err != nil {
					t.Fatal(err)
				}
			case 3:
				if err := s.flush(0); err != nil {
					t.Fatal(err)
				}
			case 4:
				if err := s.ReadAhead(3, keys); err != nil {
					t.Fatal(err)
				}
			case 5:
				got := mustGet(t, p, key)
				if w, ok := want[key]; ok && got != w || !ok && got != "none" {
					t.Fatalf("%s is %q, want %q", key, got, w)
				}
			}
		}
	})
}

// One goroutine reads and writes while another reads ahead, as in a session.
func TestReadingAheadBesideWrites(t *testing.T) {
	s, p := openedForAhead(t)
	keys := numbered(200)
	onDisk(t, s, p, keys...)
	var ahead sync.WaitGroup
	stop := make(chan struct{})
	ahead.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.ReadAhead(3, keys); err != nil {
				t.Error(err)
			}
		}
	})
	want, dice := map[string]string{}, rand.New(rand.NewPCG(1, 2))
	for n := range 20_000 {
		key := keys[dice.IntN(len(keys))]
		wanted, ok := want[key]
		if !ok {
			wanted = "old " + key
		}
		if got := mustGet(t, p, key); got != wanted {
			t.Errorf("%s is %q, want %q", key, got, wanted)
			break
		}
		want[key] = fmt.Sprint(n)
		if err := p.Set(key, []byte(want[key])); err != nil {
			t.Fatal(err)
		}
		if n%500 == 0 {
			if err := s.flush(0); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	ahead.Wait()
}
