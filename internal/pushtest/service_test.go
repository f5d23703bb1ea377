package pushtest_test

import (
	"testing"
	"time"

	"github.com/belfry/belfry/internal/pushtest"
	"github.com/belfry/belfry/webpush"
	"github.com/belfry/belfry/webpush/browser"
)

// TestServiceTakesWhatAClientSends reads a message as a browser and a service do, with
// code that is not the client's.
func TestServiceTakesWhatAClientSends(t *testing.T) {
	service := pushtest.NewService()
	defer service.Close()
	hosts, err := webpush.NewHosts(service.URL)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := webpush.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	client, err := webpush.NewClient(webpush.Config{Keys: keys, Subject: "mailto:ops@example.com", Hosts: hosts})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	to := service.Subscribe()
	answer, err := client.Push(t.Context(), pushtest.Subscription(to), webpush.Message{Payload: []byte("안녕"), TTL: time.Minute, Topic: "t", Urgency: webpush.UrgencyHigh})
	if err != nil || answer != (webpush.Answer{Status: 201}) {
		t.Fatalf("got %+v, %v", answer, err)
	}
	service.Answers(func(*browser.Browser, int) pushtest.Answer { return pushtest.Answer{Status: 429, RetryAfter: "7"} })
	answer, err = client.Push(t.Context(), pushtest.Subscription(to), webpush.Message{})
	if err != nil || answer != (webpush.Answer{Status: 429, RetryAfter: 7 * time.Second}) {
		t.Fatalf("got %+v, %v", answer, err)
	}
	got := service.Messages()
	if len(got) != 1 || string(got[0].Payload) != "안녕" || got[0].TTL != time.Minute || got[0].Topic != "t" || got[0].Urgency != "high" || got[0].Subject != "mailto:ops@example.com" {
		t.Errorf("got %+v", got)
	}
	if problems := service.Problems(); len(problems) > 0 {
		t.Error(problems)
	}
}
