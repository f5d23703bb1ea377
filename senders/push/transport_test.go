package push_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/pushtest"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/push"
	"github.com/belfry/belfry/webpush"
	"github.com/belfry/belfry/webpush/browser"
)

// transport is one that may push to a service on this machine.
func transport(t testing.TB, service *pushtest.Service) *push.Transport {
	t.Helper()
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
	t.Cleanup(client.Close)
	return push.New(client, hosts, nil, "")
}

func address(t testing.TB, b *browser.Browser) *inbox.Address {
	t.Helper()
	a := &inbox.Address{Seq: 1, Kind: inbox.EndpointWebPush, Target: b.Endpoint}
	var err error
	if a.P256dh, err = base64.RawURLEncoding.DecodeString(b.P256dh); err != nil {
		t.Fatal(err)
	}
	if a.Auth, err = base64.RawURLEncoding.DecodeString(b.Auth); err != nil {
		t.Fatal(err)
	}
	return a
}

func message(body string) *senders.Message {
	row := &inbox.State{Version: 9, Items: []inbox.Entry{{Seq: 7}}}
	return &senders.Message{
		User: "kim", Row: row, Entries: []*inbox.Entry{&row.Items[0]}, Now: time.Now(),
		Items: []inbox.Item{{Seq: 7, Notification: belfry.Notification{Title: belfry.PlainText("title"), Body: belfry.PlainText(body)}}},
	}
}

func TestAnswers(t *testing.T) {
	service := pushtest.NewService()
	defer service.Close()
	pushes := transport(t, service)
	to := address(t, service.Subscribe())
	for status, want := range map[int]senders.Result{
		200: senders.Accepted, 201: senders.Accepted, 202: senders.Accepted, 301: senders.Rejected, 400: senders.Rejected, 401: senders.Unauthorized, 403: senders.Unauthorized,
		404: senders.Gone, 406: senders.Limited, 408: senders.Unavailable, 410: senders.Gone, 413: senders.Rejected, 429: senders.Limited, 500: senders.Unavailable, 502: senders.Unavailable, 503: senders.Unavailable,
	} {
		service.Answers(func(*browser.Browser, int) pushtest.Answer { return pushtest.Answer{Status: status, RetryAfter: "7"} })
		said := pushes.Send(t.Context(), message("x"), to)
		if said.Result != want || said.Unasked || strings.Contains(said.Detail, "secret") || want != senders.Accepted && said.Wait != 7*time.Second {
			t.Errorf("%d is %+v, want %s", status, said, want)
		}
	}
	expired := *to
	expired.ExpiresAt = time.Now().Add(-time.Minute)
	asked := service.Asked()
	if said := pushes.Send(t.Context(), message("x"), &expired); said.Result != senders.Gone || !said.Unasked {
		t.Errorf("an expired subscription is %+v", said)
	}
	for name, bad := range map[string]inbox.Address{
		"keys": {Target: to.Target, P256dh: make([]byte, 65), Auth: to.Auth}, "host": {Target: "https://evil.example/secret", P256dh: to.P256dh, Auth: to.Auth},
		"endpoint": {Target: "secret", P256dh: to.P256dh, Auth: to.Auth},
	} {
		if said := pushes.Send(t.Context(), message("x"), &bad); said.Result != senders.Rejected || !said.Unasked || strings.Contains(said.Detail, "secret") {
			t.Errorf("%s: %+v", name, said)
		}
	}
	if service.Asked() != asked {
		t.Error("something was sent")
	}
	if problems := service.Problems(); len(problems) > 0 {
		t.Error(problems)
	}
}

// TestShorterPayload has a service that takes less than others get less.
func TestShorterPayload(t *testing.T) {
	service := pushtest.NewService()
	defer service.Close()
	service.Answers(func(_ *browser.Browser, n int) pushtest.Answer {
		if n < 2 {
			return pushtest.Answer{Status: 413}
		}
		return pushtest.Answer{Status: 201}
	})
	said := transport(t, service).Send(t.Context(), message(strings.Repeat("결재 ", 2000)), address(t, service.Subscribe()))
	got := service.Messages()
	if said.Result != senders.Accepted || len(got) != 1 || len(got[0].Payload) > 1024 || len(got[0].Payload) < 900 {
		t.Errorf("got %+v, %d messages", said, len(got))
	}
}

func TestSilenceAndAbsence(t *testing.T) {
	service := pushtest.NewService()
	hung := make(chan struct{}, 1)
	service.Answers(func(*browser.Browser, int) pushtest.Answer {
		hung <- struct{}{}
		return pushtest.Answer{Hang: true}
	})
	pushes, to := transport(t, service), address(t, service.Subscribe())
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-hung
		cancel()
	}()
	if said := pushes.Send(ctx, message("x"), to); said.Result != senders.Unanswered {
		t.Errorf("got %+v", said)
	}
	service.Close()
	if said := pushes.Send(t.Context(), message("x"), to); said.Result != senders.Unreachable || strings.Contains(said.Detail, "secret") {
		t.Errorf("got %+v", said)
	}
}
