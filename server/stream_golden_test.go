package server

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

var updateStream = flag.Bool("update-stream", false, "write testdata/stream.golden anew")

// TestStreamGolden holds the bytes that clients depend on: every kind of event.
func TestStreamGolden(t *testing.T) {
	var got []byte
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		appendTo(t, f, note("first"), note("second"))
		l := listen(t, newTestStreams(f), withQuery("8.1"), time.Now().Add(30*time.Second))
		synctest.Wait()
		full := pressing("full", belfry.PriorityUrgent)
		full.Notification = belfry.Notification{
			ID: "order-1", Source: "orders", Type: "orders.paid", Category: "order", Priority: belfry.PriorityUrgent,
			Title: belfry.Text{"en": "Paid", "ko": "결제됨"}, Body: belfry.PlainText("two\nlines & <b>"),
			URL: "/orders/1", Actor: belfry.Actor{ID: "kim", Name: "Kim", Avatar: "/kim.png"},
			CollapseKey: "order-1", Time: time.Now(), ExpiresAt: time.Now().Add(10 * time.Second),
			Data: json.RawMessage("{\n  \"total\": 12\n}"),
		}
		appendTo(t, f, full)
		synctest.Wait()
		full.Notification.ID = "order-2"
		f.holdRows = true
		appendTo(t, f, note("third"), full, command(inbox.KindRead, 1), command(inbox.KindArchive, 2))
		f.release()
		synctest.Wait()
		f.holdItems = true
		appendTo(t, f, note("late"))
		after(5 * time.Second)
		f.release()
		<-l.closed
		got = l.wire.buf
	})
	got = regexp.MustCompile(`retry: [0-9]{4}\n`).ReplaceAll(got, []byte("retry: JITTERED\n"))
	const file = "testdata/stream.golden"
	if *updateStream {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
