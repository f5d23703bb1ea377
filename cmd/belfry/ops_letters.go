package main

import (
	"context"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/server"
)

// opsLetters are the dead letters for the server.
type opsLetters struct {
	*replay.Letters
	config replay.Config
	// rules returns those of today, nil for the built-in ones alone.
	rules func() (func(topic string) (replay.Rules, bool), error)
}

var _ server.Letters = (*opsLetters)(nil)

func (n *node) letters() *opsLetters {
	return &opsLetters{
		Letters: replay.NewLetters(n.engine, n.prefix),
		config:  replay.Config{Engine: n.engine, Prefix: n.prefix},
		rules:   n.replayRules,
	}
}

// List implements server.Letters.
func (l *opsLetters) List(ctx context.Context, q server.LetterQuery) (server.LetterPage, error) {
	query := deadletter.Query{Limit: q.Limit}
	if q.Reason != "" {
		query.Filter.Reasons = []deadletter.Reason{deadletter.Reason(q.Reason)}
	}
	if q.Group != "" {
		query.Filter.Groups = []string{q.Group}
	}
	var err error
	if query.Before, err = deadletter.ParseCursor(q.Before); err != nil {
		return server.LetterPage{}, err
	}
	found, err := l.Letters.List(ctx, query)
	if err != nil {
		return server.LetterPage{}, err
	}
	page := server.LetterPage{Next: found.Next.String()}
	for i := range found.Letters {
		page.Letters = append(page.Letters, shownLetter(&found.Letters[i]))
	}
	return page, nil
}

// Letter implements server.Letters.
func (l *opsLetters) Letter(ctx context.Context, id server.LetterID) (server.Letter, bool, error) {
	found, err := l.Letters.Letter(ctx, deadletter.ID(id))
	if errors.Is(err, deadletter.ErrNoLetter) {
		return server.Letter{}, false, nil
	}
	if err != nil {
		return server.Letter{}, false, err
	}
	out := shownLetter(&found)
	contents := &server.LetterContents{
		Error: found.Error, Stack: found.Stack, Key: shownText(found.Key), Value: shownText(found.Value), Headers: []server.LetterHeader{},
	}
	for _, h := range found.Headers {
		value := ""
		if text := shownText(h.Value); text != nil {
			value = *text
		}
		contents.Headers = append(contents.Headers, server.LetterHeader{Name: h.Key, Value: value})
	}
	out.Contents = contents
	return out, true, nil
}

// Replay implements server.Letters.
func (l *opsLetters) Replay(ctx context.Context, ids []server.LetterID) (out []server.LetterOutcome, err error) {
	config := l.config
	if l.rules == nil {
		config.Rules, err = replayRules(&rulesOptions{}, config.Prefix)
	} else {
		config.Rules, err = l.rules()
	}
	if err != nil {
		return nil, err
	}
	replay, err := replay.Open(config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, replay.Close()) }()
	told := func(o deadletter.ReplayOutcome) error {
		out = append(out, server.LetterOutcome{ID: server.LetterID(o.Letter.ID), Result: string(o.Result), Problem: o.Problem})
		return nil
	}
	// One by one: of several, one that is not there ends the rest.
	for _, id := range ids {
		err := replay.Named(ctx, []deadletter.ID{deadletter.ID(id)}, deadletter.ReplayOptions{Apply: true}, told)
		switch {
		case errors.Is(err, deadletter.ErrNoLetter):
			out = append(out, server.LetterOutcome{ID: id, Result: string(deadletter.ReplayRefused), Problem: deadletter.ErrNoLetter.Error()})
		case err != nil:
			return nil, err
		}
	}
	return out, nil
}

func shownLetter(l *deadletter.Letter) server.Letter {
	size := l.Length
	if size == 0 {
		size = len(l.Value)
	}
	return server.Letter{
		ID: server.LetterID(l.ID), Reason: string(l.Reason), Group: l.Group, Rule: l.Rule, Field: l.Field,
		Topic: l.Topic, From: server.LetterID{Partition: l.Partition, Offset: l.Offset},
		At: l.Timestamp.UTC(), DeadAt: l.DeadAt.UTC(), Attempt: l.Attempt, Replayed: l.Replayed, Cut: l.Cut(), Size: size,
	}
}

// shownText is what a person can read: nil for null, and quoted if it is not
// UTF-8.
func shownText(b []byte) *string {
	if b == nil {
		return nil
	}
	text := string(b)
	if !utf8.Valid(b) {
		text = strconv.Quote(text)
	}
	return &text
}
