package inflate

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
)

// mark is the header of a record that stands for a batch. No producer knows it.
var mark = "belfry-refused-batch-" + rand.Text()

// BatchError says of a compressed batch why none of its records is there. It is
// [belfry.ErrTooLarge].
type BatchError struct {
	First, Last int64 // offsets
	Records     int   // as the batch says
	Bytes       int   // as it lies in the log
	Codec       string
	Why         string // what it does
}

// Error names the offsets and what an operator does.
func (e *BatchError) Error() string {
	return fmt.Sprintf("offsets %d to %d are one batch of %d records, %d bytes in %s, that %s: none of them is processed; produce them again in smaller batches",
		e.First, e.Last, e.Records, e.Bytes, e.Codec, e.Why)
}

// Unwrap returns [belfry.ErrTooLarge].
func (e *BatchError) Unwrap() error { return belfry.ErrTooLarge }

// Refused returns the error of a record that stands for a batch, and nil for any
// that a producer wrote.
func Refused(m *sarama.ConsumerMessage) *BatchError {
	if len(m.Headers) != 1 || string(m.Headers[0].Key) != mark {
		return nil
	}
	var e BatchError
	if err := json.Unmarshal(m.Headers[0].Value, &e); err != nil {
		return nil
	}
	return &e
}

// refusal is the bytes of the record that stands for a batch, at its last offset.
func refusal(b batch, why error) []byte {
	said, err := json.Marshal(BatchError{
		First: b.first(), Last: b.last(), Records: b.records(), Bytes: len(b), Codec: b.format(), Why: why.Error(),
	})
	if err != nil {
		panic(err) // it has texts and numbers alone
	}
	var r []byte
	r = append(r, 0)                                         // attributes
	r = binary.AppendVarint(r, 0)                            // since the first time
	r = binary.AppendVarint(r, int64(b.number(atLastDelta))) // since the first offset
	r = binary.AppendVarint(r, -1)                           // no key
	r = binary.AppendVarint(r, 0)                            // an empty value: a null one would be a tombstone
	r = binary.AppendVarint(r, 1)                            // headers
	r = append(binary.AppendVarint(r, int64(len(mark))), mark...)
	r = append(binary.AppendVarint(r, int64(len(said))), said...)
	return append(binary.AppendVarint(nil, int64(len(r))), r...)
}
