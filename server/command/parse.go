package command

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/exactjson"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/wire"
)

const (
	// MaxSeqs is how many items one command may name.
	MaxSeqs = 1000
	// MaxBytes is ample for them.
	MaxBytes = 64 << 10
)

// Parse reads the body of a command of that kind at now. Errors are a
// [*belfry.FieldError].
func Parse(kind inbox.Kind, data []byte, now time.Time) (inbox.Record, error) {
	var body fields
	if err := exactjson.Parse(data, &body, wanted(kind)); err != nil {
		return inbox.Record{}, err
	}
	record := inbox.Record{Kind: kind}
	var err error
	switch kind {
	case inbox.KindMute, inbox.KindUnmute:
		for _, name := range []string{"seqs", "up_to", "until"} {
			if _, ok := body.given(name); ok {
				return record, belfry.Invalid(name, "%s takes a category alone, and lasts", kind)
			}
		}
		record.Category, err = body.category()
		return record, err
	case inbox.KindSnooze:
		if record.Until, err = body.until(now); err != nil {
			return record, err
		}
	}
	return record, body.items(&record)
}

// wanted shows a body of that kind.
func wanted(kind inbox.Kind) string {
	switch kind {
	case inbox.KindMute, inbox.KindUnmute:
		return `{"category":"…"}`
	case inbox.KindSnooze:
		return `{"seqs":[…],"until":"…"}`
	case inbox.KindDelete:
		return `{"seqs":[…]}, {"up_to":VERSION,"category":"…"} or both`
	}
	if kind.TakesHorizon() {
		return `{"seqs":[…]}, {"up_to":VERSION} or both`
	}
	return `{"seqs":[…]}`
}

// fields are those of a body.
type fields map[string]json.RawMessage

// given returns a field, and false for one that is missing or null.
func (b fields) given(name string) (json.RawMessage, bool) {
	raw, ok := b[name]
	return raw, ok && string(raw) != "null"
}

// items reads which items a command is for: seqs, up_to where the kind takes a
// horizon, or both. A category narrows up_to and is never read as "all": an empty
// one is refused, and a deletion by up_to needs one, since it cannot be undone.
func (b fields) items(record *inbox.Record) (err error) {
	seqs, hasSeqs := b.given("seqs")
	upTo, hasUpTo := b.given("up_to")
	_, hasCategory := b.given("category")
	switch {
	case hasUpTo && !record.Kind.TakesHorizon():
		return belfry.Invalid("up_to", "%s takes seqs only", record.Kind)
	case hasUpTo && !hasCategory && b["category"] != nil:
		return belfry.Invalid("category", "is null: leave it out for items of any category")
	case hasUpTo && !hasCategory && record.Kind == inbox.KindDelete:
		return belfry.Invalid("category", "is required: delete takes seqs, or up_to with the category whose items are to go")
	case hasCategory && !hasUpTo && hasSeqs:
		return belfry.Invalid("category", "goes with up_to, not with seqs alone")
	case !hasUpTo && !hasSeqs:
		return belfry.Invalid("seqs", "is required: the body must be %s", wanted(record.Kind))
	}
	if hasUpTo {
		if record.UpTo, err = seq("up_to", upTo); err != nil {
			return err
		}
		if hasCategory {
			if record.Category, err = b.category(); err != nil {
				return err
			}
		}
	}
	if hasSeqs {
		record.Seqs, err = parseSeqs(seqs)
	}
	return err
}

func parseSeqs(raw json.RawMessage) ([]uint64, error) {
	var raws []json.RawMessage
	if json.Unmarshal(raw, &raws) != nil || len(raws) == 0 {
		return nil, belfry.Invalid("seqs", "must be a list of 1 to %d seqs", MaxSeqs)
	}
	if len(raws) > MaxSeqs {
		return nil, belfry.Invalid("seqs", "must be at most %d, are %d", MaxSeqs, len(raws))
	}
	seqs := make([]uint64, len(raws))
	for i, raw := range raws {
		var err error
		if seqs[i], err = seq(fmt.Sprintf("seqs[%d]", i), raw); err != nil {
			return nil, err
		}
	}
	return seqs, nil
}

func seq(field string, raw json.RawMessage) (uint64, error) {
	n, ok := wire.ParseWhole(string(raw))
	if !ok {
		return 0, belfry.Invalid(field, "must be a whole number that is not negative, not %.40s", raw)
	}
	return n, nil
}

func (b fields) category() (string, error) {
	raw, ok := b.given("category")
	if !ok {
		return "", belfry.Invalid("category", "is required: the name of a category")
	}
	var category string
	if json.Unmarshal(raw, &category) != nil {
		return "", belfry.Invalid("category", "must be a text in quotes, not %.40s", raw)
	}
	return category, wire.CheckCategory(category)
}

// until reads when a snooze ends: after now and at most a year later.
func (b fields) until(now time.Time) (int64, error) {
	raw, ok := b.given("until")
	if !ok {
		return 0, belfry.Invalid("until", "is required: the time at which the items show again, such as 2026-01-31T09:00:00Z (RFC 3339)")
	}
	var text string
	at, err := time.Time{}, json.Unmarshal(raw, &text)
	if err == nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	switch {
	case err != nil:
		return 0, belfry.Invalid("until", "must be a time such as 2026-01-31T09:00:00Z (RFC 3339) as a text, not %.40s", raw)
	case at.UnixMilli() <= now.UnixMilli():
		return 0, belfry.Invalid("until", "must be ahead: here it is %s", now.UTC().Format(time.RFC3339))
	}
	return at.UnixMilli(), belfry.CheckAhead("until", at, now)
}
