package server

import (
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// appendTo writes records to user u's journal.
func appendTo(t *testing.T, f *fake, records ...inbox.Record) {
	t.Helper()
	for _, r := range records {
		if _, err := f.Append(t.Context(), inbox.Addressed{Recipient: "u", Record: r}); err != nil {
			t.Fatal(err)
		}
	}
}

func note(title string) inbox.Record {
	return inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: title, Title: belfry.PlainText(title)}}
}

func pressing(title string, p belfry.Priority) inbox.Record {
	r := note(title)
	r.Notification.Priority = p
	return r
}

func brief(title string, lasts time.Duration) inbox.Record {
	r := note(title)
	r.Notification.ExpiresAt = time.Now().Add(lasts)
	return r
}

func command(k inbox.Kind, seqs ...uint64) inbox.Record {
	return inbox.Record{Kind: k, Seqs: seqs}
}

func touch() inbox.Record { return inbox.Record{Kind: inbox.KindTouch} }
