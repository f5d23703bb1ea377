package inflate

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestAnswersAreOtherInTheirBatchesAlone holds that what a client reads is the answer as
// franz-go would write it with its batches decompressed, whatever its version, and whoever
// reads it in however small parts.
func TestAnswersAreOtherInTheirBatchesAlone(t *testing.T) {
	t.Parallel()
	small, large, plain := made(t, kgo.Lz4Compression(), 3, 50), dense(t, 5, 3<<20), made(t, kgo.NoCompression(), 2, 70)
	inflated := func(in []byte) []byte {
		out, _ := appendInflated(nil, in, alone())
		return out
	}
	cut := small[:len(small)-9]
	type partition struct{ is, becomes []byte }
	for name, partitions := range map[string][]partition{
		"nothing":                  {},
		"one without a batch":      {{nil, nil}, {[]byte{}, []byte{}}},
		"none is compressed":       {{plain, plain}, {nil, nil}},
		"some are":                 {{nil, nil}, {small, inflated(small)}, {plain, plain}, {bytes.Repeat(small, 2), bytes.Repeat(inflated(small), 2)}},
		"cut by the broker":        {{append(bytes.Clone(small), cut...), append(inflated(small), cut...)}, {cut, cut}, {small, inflated(small)}},
		"no room for what follows": {{bytes.Repeat(large, 2), bytes.Repeat(inflated(large), 2)}, {large, []byte{}}, {small, []byte{}}, {plain, []byte{}}},
	} {
		for _, version := range []int16{4, 11, 12, 13, 17} {
			t.Run(fmt.Sprint(name, ", version ", version), func(t *testing.T) {
				is, becomes := kmsg.NewPtrFetchResponse(), kmsg.NewPtrFetchResponse()
				for i, p := range partitions {
					if i%2 == 0 {
						is.Topics = append(is.Topics, kmsg.FetchResponseTopic{Topic: "t", TopicID: [16]byte{byte(i)}})
						becomes.Topics = append(becomes.Topics, is.Topics[i/2])
					}
					of := kmsg.NewFetchResponseTopicPartition()
					of.Partition, of.HighWatermark = int32(i), 1<<40
					of.RecordBatches = p.is
					is.Topics[i/2].Partitions = append(is.Topics[i/2].Partitions, of)
					of.RecordBatches = p.becomes
					becomes.Topics[i/2].Partitions = append(becomes.Topics[i/2].Partitions, of)
				}
				var head []byte
				if version >= flexible {
					head = []byte{0}
				}
				is.SetVersion(version)
				becomes.SetVersion(version)
				body, want := is.AppendTo(bytes.Clone(head)), becomes.AppendTo(bytes.Clone(head))
				before := bytes.Clone(body)
				r := rewriter{budget: newBudget(unlimitedBudget)}
				for _, size := range []int{len(want), len(want)/99 + 1} {
					var out pieces
					r.rewrite(&out, version, body)
					got := make([]byte, 0, len(want))
					part := make([]byte, size)
					for out.size > 0 {
						got = append(got, part[:out.read(part)]...)
					}
					if !bytes.Equal(got, want) {
						t.Fatalf("%d bytes in parts of %d, want %d", len(got), size, len(want))
					}
				}
				if !bytes.Equal(body, before) {
					t.Error("the answer itself was written over")
				}
			})
		}
	}
}

// TestAnAnswerWithoutRoomHasItsFirstBatches holds that what has waited in vain takes its
// own place in the answer.
func TestAnAnswerWithoutRoomHasItsFirstBatches(t *testing.T) {
	t.Parallel()
	large := dense(t, 5, 3<<20)
	answer := kmsg.NewPtrFetchResponse()
	answer.SetVersion(17)
	for i := range 3 {
		of := kmsg.NewFetchResponseTopicPartition()
		of.Partition, of.RecordBatches = int32(i), large
		answer.Topics = append(answer.Topics, kmsg.FetchResponseTopic{Partitions: []kmsg.FetchResponseTopicPartition{of}})
	}
	body := answer.AppendTo([]byte{0})
	others := newBudget(leastBudget)
	if !others.take(leastBudget) {
		t.Fatal("a new budget has no room")
	}
	r := rewriter{budget: others}
	var out pieces
	r.rewrite(&out, 17, body)
	got := make([]byte, out.size)
	out.read(got)
	back := kmsg.NewPtrFetchResponse()
	back.SetVersion(17)
	if err := back.ReadFrom(got[1:]); err != nil {
		t.Fatal(err)
	}
	want, _ := appendInflated(nil, large, alone())
	for i, topic := range back.Topics {
		if n := len(topic.Partitions[0].RecordBatches); i == 0 && !bytes.Equal(topic.Partitions[0].RecordBatches, want) || i > 0 && n > 0 {
			t.Errorf("partition %d has %d bytes", i, n)
		}
	}
}

// TestAnswersThatAreNotUnderstood holds that they come as they are.
func TestAnswersThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	r := rewriter{budget: newBudget(unlimitedBudget)}
	for _, body := range [][]byte{{1, 2, 3}, {0, 0}, bytes.Repeat([]byte{0xff}, 99)} {
		var out pieces
		r.rewrite(&out, 12, body)
		if got := make([]byte, len(body)+1); out.read(got) != len(body) || !bytes.HasPrefix(got, body) {
			t.Errorf("%x became %x", body, got)
		}
	}
}
