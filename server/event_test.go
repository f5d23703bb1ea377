package server

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestFrameIsOneLineOfData(t *testing.T) {
	item := itemBody{Seq: 1, Title: "two\nlines\r\u2028", Data: json.RawMessage("{\n \"a\":\r\n 1}")}
	b, err := frame{event: "item", id: "7.1", data: item}.append(nil)
	if err != nil {
		t.Fatal(err)
	}
	events, rest, err := parseSSE(b)
	if err != nil || len(rest) > 0 || len(events) != 1 {
		t.Fatalf("got %v, rest %q, err %v from %q", events, rest, err, b)
	}
	if !strings.Contains(events[0].data, `"data":{"a":1}`) || !strings.Contains(events[0].data, `two\nlines`) {
		t.Errorf("got data %s", events[0].data)
	}
}

func TestFrameWithBrokenData(t *testing.T) {
	item := itemBody{Seq: 1, Title: "t", Data: json.RawMessage("{")}
	b, err := frame{event: "item", data: item}.append(nil)
	if err != nil || !strings.Contains(string(b), `"title":"t"`) || strings.Contains(string(b), `"data":`) {
		t.Errorf("got %q, %v, want the item without its data", b, err)
	}
	if _, err := (frame{event: "item", data: func() {}}).append(nil); err == nil {
		t.Error("got no error for what is no JSON")
	}
}

func TestAppendRetry(t *testing.T) {
	if got, want := string(appendRetry(nil, 2345*time.Millisecond)), "retry: 2345\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
