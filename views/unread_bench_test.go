package views_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/views"
)

// BenchmarkUnread reads rows of full inboxes in the three ways.
func BenchmarkUnread(b *testing.B) {
	const users = 100
	cfg := tables(b)
	var s inbox.State
	for i := range inbox.DefaultCap {
		s, _ = inbox.Fold(s, inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
			ID: fmt.Sprint(i), Title: belfry.PlainText("x"), Category: fmt.Sprint("category-", i%3)}},
			inbox.Input{Position: inbox.Position{Epoch: 7, Offset: int64(i)}, Time: time.Now()})
	}
	row, err := codec.EncodeState(&s)
	if err != nil {
		b.Fatal(err)
	}
	user := func(i int) string { return fmt.Sprint("user-", i%users) }
	for i := range users {
		put(b, cfg, prefix.UnreadTable(), user(i), row)
	}
	u := views.NewUnread(cfg, prefix)
	await.Running(b, u.Run)
	awaitVersion(b, u, user(users-1), inbox.DefaultCap)
	names := make([]string, users)
	for i := range names {
		names[i] = user(i)
	}
	now := time.Now()
	for _, way := range []struct {
		name string
		read func(user string) error
	}{
		{"row", func(user string) error { _, err := u.Row(user); return err }},
		{"badge", func(user string) error { _, err := u.Badge(user, now); return err }},
		{"stamp", func(user string) error { _, err := u.Stamp(user, now); return err }},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := way.read(names[i%users]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
