package push_test

import (
	"testing"

	"github.com/belfry/belfry/internal/pushtest"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/webpush"
	"github.com/belfry/belfry/webpush/browser"
)

// BenchmarkSend is a message to a service on this machine: payload, encryption, request
// and answer, the service's part among it.
func BenchmarkSend(b *testing.B) {
	service := pushtest.NewService()
	defer service.Close()
	service.CountOnly()
	pushes, to := transport(b, service), address(b, service.Subscribe())
	b.ReportAllocs()
	b.ResetTimer()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		m := message("A comment on your trip")
		for pb.Next() {
			if said := pushes.Send(b.Context(), m, to); said.Result != senders.Accepted {
				b.Errorf("got %+v", said)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pushes/s")
}

// BenchmarkEncrypt is the encryption of a message of 300 bytes.
func BenchmarkEncrypt(b *testing.B) {
	to, payload := pushtest.Subscription(browser.New("https://push.example.com/x")), make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := webpush.Encrypt(payload, to); err != nil {
			b.Fatal(err)
		}
	}
}
