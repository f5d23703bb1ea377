package belfry_test

import (
	"errors"
	"fmt"

	"github.com/belfry/belfry"
)

// A message with several recipients is one notification for all of them. What
// it lacks is taken from the defaults, and an error names the field.
func ExampleParseMessage() {
	defaults := belfry.Notification{Source: "shop"}
	message, err := belfry.ParseMessage([]byte(`{"recipients": ["user-7", "user-8"], "title": "Order shipped", "priority": "high"}`), defaults)
	if err != nil {
		fmt.Println(err)
		return
	}
	n := message.Notification
	fmt.Printf("to %v: %q from %s, priority %s\n", message.Recipients, n.Title[""], n.Source, n.Priority)

	_, err = belfry.ParseMessage([]byte(`{"recipient": "user-7", "priority": "red", "title": "x"}`), defaults)
	var field *belfry.FieldError
	if errors.As(err, &field) && errors.Is(err, belfry.ErrInvalid) {
		fmt.Println(field.Field)
	}
	// Output:
	// to [user-7 user-8]: "Order shipped" from shop, priority high
	// priority
}
