package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// A note is a text that the brokers keep for all processes of an installation,
// where a topic of its own would be too much: the metadata of a commit that a
// group without members has made for partition 0 of a topic. Brokers forget
// it with that topic, and offsets.retention.minutes (7 days) after it was written
// last (KIP-211), so a process that cares for it writes it again from time to time.

// maxNote is below what brokers take by default (offset.metadata.max.bytes).
const maxNote = 4000

// noteMark begins the metadata of a note: its offset is no position, and what lies
// behind it no lag.
const noteMark = "note: "

// IsNote reports whether the metadata of a commit is a note.
func IsNote(metadata string) bool { return strings.HasPrefix(metadata, noteMark) }

// NoteOf is the metadata of a commit that is a note.
func NoteOf(text string) string {
	text = noteMark + text
	return strings.ToValidUTF8(text[:min(len(text), maxNote)], "")
}

// Note returns the note of a group, false if there is none.
func (t *Topics) Note(group, topic string) (string, bool, error) {
	committed, err := t.Committed(context.Background(), group)
	if err != nil {
		return "", false, fmt.Errorf("read note: %w", err)
	}
	note, _ := committed.Lookup(topic, 0)
	// Belfry 0.1 wrote notes without the mark.
	return strings.TrimPrefix(note.Metadata, noteMark), note.Metadata != "", nil
}

// SetNote writes a note, or writes it again; it may not be empty, and is cut at
// 4,000 bytes. The offset that goes with it is the end of the partition: tools
// that compute lag of every group they find see little.
func (t *Topics) SetNote(group, topic, text string) error {
	ends, err := ListOffsets(context.Background(), t.Client, topic, LogEnd, 0)
	if err != nil {
		return fmt.Errorf("write note %s: %w", group, err)
	}
	var note kadm.Offsets
	note.Add(kadm.Offset{Topic: topic, At: ends[0], LeaderEpoch: -1, Metadata: NoteOf(text)})
	written, err := t.Admin.CommitOffsets(context.Background(), group, note)
	if err := errors.Join(err, written.Error()); err != nil {
		return fmt.Errorf("write note %s: %w", group, err)
	}
	return nil
}
