package stream

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
	"github.com/belfry/belfry/internal/servertest"
)

var updateStream = flag.Bool("update-stream", false, "write testdata/stream.golden anew")

// TestStreamGolden holds the bytes that clients depend on: every kind of event.
func TestStreamGolden(t *testing.T) {
	var got []byte
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		servertest.Append(t, f, servertest.Note("first"), servertest.Note("second"))
		l := listen(t, newTestHub(f), withQuery("8.1"), time.Now().Add(30*time.Second))
		synctest.Wait()
		full := servertest.Pressing("full", belfry.PriorityUrgent)
		full.Notification = belfry.Notification{
			ID: "order-1", Source: "orders", Type: "orders.paid", Category: "order", Priority: belfry.PriorityUrgent,
			Title: belfry.Text{"en": "Paid", "ko": "결제됨"}, Body: belfry.PlainText("two\nlines & <b>"),
			URL: "/orders/1", Actor: belfry.Actor{ID: "kim", Name: "Kim", Avatar: "/kim.png"},
			CollapseKey: "order-1", Time: time.Now(), ExpiresAt: time.Now().Add(10 * time.Second),
			Data: json.RawMessage("{\n  \"total\": 12\n}"),
		}
		servertest.Append(t, f, full)
		synctest.Wait()
		full.Notification.ID = "order-2"
		f.HoldRows = true
		servertest.Append(t, f, servertest.Note("third"), full, servertest.Command(inbox.KindRead, 1), servertest.Command(inbox.KindArchive, 2))
		f.Release()
		synctest.Wait()
		f.HoldItems = true
		servertest.Append(t, f, servertest.Note("late"))
		servertest.After(5 * time.Second)
		f.Release()
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
