package wire

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/servertest"
)

func TestFrameIsOneLineOfData(t *testing.T) {
	item := Item{Seq: 1, Title: "two\nlines\r\u2028", Data: json.RawMessage("{\n \"a\":\r\n 1}")}
	b, err := Event{Name: "item", ID: "7.1", Data: &item}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	events, rest, err := servertest.ParseSSE(b)
	if err != nil || len(rest) > 0 || len(events) != 1 {
		t.Fatalf("got %v, rest %q, err %v from %q", events, rest, err, b)
	}
	if !strings.Contains(events[0].Data, `"data":{"a":1}`) || !strings.Contains(events[0].Data, `two\nlines`) {
		t.Errorf("got data %s", events[0].Data)
	}
}

func TestFrameWithBrokenData(t *testing.T) {
	item := Item{Seq: 1, Title: "t", Data: json.RawMessage("{")}
	b, err := Event{Name: "item", Data: &item}.Append(nil)
	if err != nil || !strings.Contains(string(b), `"title":"t"`) || strings.Contains(string(b), `"data":`) {
		t.Errorf("got %q, %v, want the item without its data", b, err)
	}
	if _, err := (Event{Name: "item", Data: func() {}}).Append(nil); err == nil {
		t.Error("got no error for what is no JSON")
	}
}

func TestAppendRetry(t *testing.T) {
	if got, want := string(AppendRetry(nil, 2345*time.Millisecond)), "retry: 2345\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
