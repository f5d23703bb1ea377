package emitters_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine/kafka"
)

// A Go service tells a user something: Emit returns once the brokers have it. Here
// the broker is the embedded one, and its topics are made first; in an
// installation "belfry topics" has made them.
func ExampleNotifications() {
	b, err := broker.Start(broker.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	prefix := belfry.Prefix("belfry")
	cfg := kafka.Config{Brokers: b.Addrs(), Logger: slog.New(slog.DiscardHandler)}
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer topics.Close()
	if _, err := topics.Ensure(context.Background(), prefix.Topics(1), 0); err != nil {
		log.Fatal(err)
	}

	notifications, err := emitters.OpenNotifications(cfg, prefix)
	if err != nil {
		log.Fatal(err)
	}
	defer notifications.Close()
	err = notifications.Emit(context.Background(), belfry.Notification{
		ID: "order-4711", Source: "shop", Recipient: "user-7", Title: belfry.PlainText("Order shipped"),
	})
	if err != nil {
		log.Fatal(err)
	}
	_, logs, err := kafka.LogRanges(context.Background(), cfg, prefix.Notifications())
	fmt.Println(logs[0].End, err)
	// Output: 1 <nil>
}
