package codec

import (
	"errors"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// DecodeJournal decodes the value of a record of the journal topic. The error
// matches belfry.ErrEmpty for no bytes at all, else it is that of [DecodeRecord].
func DecodeJournal(value []byte) (inbox.Record, error) {
	if len(value) == 0 {
		return inbox.Record{}, belfry.ErrEmpty
	}
	return DecodeRecord(value)
}

// CheckItem returns an error for a record of the items topic that readers of the
// inbox table could not decode. A nil value is a tombstone.
func CheckItem(key string, value []byte) error {
	if _, _, ok := inbox.ParseItemKey(key); !ok {
		return errors.New("the key is not recipient/seq")
	}
	if value == nil {
		return nil
	}
	if len(value) == 0 {
		return belfry.ErrEmpty
	}
	_, err := DecodeItem(value)
	return err
}
