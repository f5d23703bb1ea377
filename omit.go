package belfry

import (
	"errors"
	"maps"
	"strings"
	"time"
)

// Omissible reports whether a field is one that a notification can do without where
// it cannot be read and its sender hears of no error: body, url, actor, time and
// expires_at, or a part of one, such as body.ko. By all others notifications are
// told apart, sorted or understood.
func Omissible(field string) bool {
	switch top, _, _ := strings.Cut(field, "."); top {
	case "body", "url", "actor", "time", "expires_at":
		return true
	}
	return false
}

// CheckOmitting is [Notification.Check] that clears each field which is wrong and
// [Omissible], and calls omitted with its error.
func (n *Notification) CheckOmitting(omitted func(*FieldError)) error {
	for {
		err := n.Check()
		var fe *FieldError
		if !errors.As(err, &fe) || fe.TooLarge || !Omissible(fe.Field) {
			return err
		}
		n.omit(fe.Field)
		omitted(fe)
	}
}

// omit clears a field that is omissible.
func (n *Notification) omit(field string) {
	top, part, _ := strings.Cut(field, ".")
	switch {
	case field == "actor.id":
		n.Actor.ID = ""
	case field == "actor.name":
		n.Actor.Name = ""
	case field == "actor.avatar":
		n.Actor.Avatar = ""
	case top == "actor":
		n.Actor = Actor{}
	case top == "body" && part != "" && len(n.Body) > 1:
		n.Body = maps.Clone(n.Body) // others may hold it
		delete(n.Body, part)
	case top == "body":
		n.Body = nil
	case top == "url":
		n.URL = ""
	case top == "time":
		n.Time = time.Time{}
	case top == "expires_at":
		n.ExpiresAt = time.Time{}
	}
}
