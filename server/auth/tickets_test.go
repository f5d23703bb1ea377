package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// TestTicketsForgetInTime bounds what is remembered of spent tickets, in number
// and time.
func TestTicketsForgetInTime(t *testing.T) {
	ts, err := newTickets([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range maxSpent {
		if err := ts.spend(fmt.Sprint(i), now); err != nil {
			t.Fatalf("ticket %d: %v", i, err)
		}
	}
	if err := ts.spend("one more", now); !IsExpired(err) {
		t.Errorf("got %v over the limit, want it refused", err)
	}
	now = now.Add(spentGeneration)
	for i, tt := range []struct {
		id    string
		spent bool
	}{{"0", true}, {"new", false}, {"new", true}, {"newer", false}} {
		if err := ts.spend(tt.id, now); IsExpired(err) != tt.spent {
			t.Errorf("call %d, %s: got %v, want it refused: %t", i, tt.id, err, tt.spent)
		}
	}
	if err := ts.spend("new", now.Add(spentGeneration)); !IsExpired(err) {
		t.Errorf("got %v for a spent ticket, want it refused", err)
	}
	now = now.Add(2 * spentGeneration)
	if err := ts.spend("another", now); err != nil {
		t.Error(err)
	}
	if got := ts.spent.Len(); got > 2 {
		t.Errorf("%d tickets are remembered that have long expired", got)
	}
}

// FuzzTickets tries tickets of any kind: only what this server signed opens a
// stream.
func FuzzTickets(f *testing.F) {
	ts, err := newTickets([]byte(testSecret))
	if err != nil {
		f.Fatal(err)
	}
	good, err := ts.give("a", Identity{})
	if err != nil {
		f.Fatal(err)
	}
	for _, raw := range []string{good, good[:len(good)-1], strings.ReplaceAll(good, ".", ""), "", "..", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", mint(f, "a"), "\x00"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := ts.read(raw)
		if err != nil && !IsExpired(err) && (c.Subject != "" || c.ID != "") {
			t.Errorf("got %+v with %v", c, err)
		}
		if err != nil {
			return
		}
		end := strings.LastIndex(raw, ".")
		mac := hmac.New(sha256.New, ts.secret)
		_, _ = io.WriteString(mac, raw[:end]) // writing to a hash cannot fail
		if signature, err := base64.RawURLEncoding.DecodeString(raw[end+1:]); err != nil || !hmac.Equal(signature, mac.Sum(nil)) {
			t.Errorf("%q is taken for a ticket", raw)
		}
	})
}
