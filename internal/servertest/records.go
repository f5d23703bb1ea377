package servertest

import (
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// Append writes records to user u's journal.
func Append(t *testing.T, f *Tables, records ...inbox.Record) {
	t.Helper()
	for _, r := range records {
		if _, err := f.Append(t.Context(), inbox.Addressed{Recipients: []string{"u"}, Record: r}); err != nil {
			t.Fatal(err)
		}
	}
}

func Note(title string) inbox.Record {
	return inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: title, Title: belfry.PlainText(title)}}
}

// Notice is the record of a board, under [Boards].
func Notice(audience, title string) inbox.Record {
	r := Note(title)
	r.Notification.Audience = audience
	return r
}

func Pressing(title string, p belfry.Priority) inbox.Record {
	r := Note(title)
	r.Notification.Priority = p
	return r
}

func Brief(title string, lasts time.Duration) inbox.Record {
	r := Note(title)
	r.Notification.ExpiresAt = time.Now().Add(lasts)
	return r
}

func Command(k inbox.Kind, seqs ...uint64) inbox.Record {
	return inbox.Record{Kind: k, Seqs: seqs}
}

func Touch() inbox.Record { return inbox.Record{Kind: inbox.KindTouch} }
