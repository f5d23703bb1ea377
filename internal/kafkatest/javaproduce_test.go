package kafkatest_test

import (
	"slices"
	"testing"

	"github.com/belfry/belfry/internal/kafkatest"
)

func TestJavaProduceToEmbedded(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	createTopic(t, brokers, "events", 1)
	records := [][2]string{{"사용자-7", `{"title":"결재"}`}, {"user-7", "two"}, {"user-7", "two"}}
	if err := kafkatest.JavaProduce(t, brokers, "events", records); err != nil {
		t.Fatal(err)
	}
	want := []string{`사용자-7={"title":"결재"}`, "user-7=two", "user-7=two"}
	if got := values(t, brokers, "events", 3); !slices.Equal(got, want) {
		t.Errorf("consumed %q, want %q", got, want)
	}
}

func TestJavaProduceRefuses(t *testing.T) {
	for _, record := range [][2]string{{"a\tb", "c"}, {"a\nb", "c"}, {"a", "b\nc"}, {"a", "b\rc"}} {
		if err := kafkatest.JavaProduce(t, nil, "events", [][2]string{record}); err == nil {
			t.Errorf("%q is taken", record)
		}
	}
}
