package options

import "testing"

// TestRequestTopicAlone holds that a request topic of which nothing is answered is refused.
func TestRequestTopicAlone(t *testing.T) {
	o := Requests{Topic: "chat.requests"}
	if err := o.Validate(); err == nil {
		t.Error("it is taken")
	}
	o.replies = []string{"chat.replies"}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
}
