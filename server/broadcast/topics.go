package broadcast

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// topics are those that a user has subscribed to, by name.
type topics struct {
	wire.Head
	Topics []string `json:"topics"`
}

// PutUser answers PUT /v1/users/{user}: the user is new, and does not begin with the
// notices of before. Of one who joined before it changes nothing.
func (c *Calls) PutUser(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	row, shown, err := c.config.Command(r.Context(), call.User, inbox.Record{Kind: inbox.KindJoin})
	if err != nil {
		return err
	}
	c.config.Respond(w, call.User, &row, shown)
	return nil
}

// GetTopics answers GET /v1/users/{user}/topics.
func (c *Calls) GetTopics(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	row, err := c.config.Asked(r, call.User)
	if err != nil {
		return err
	}
	respondTopics(w, http.StatusOK, call.User, &row)
	return nil
}

// PutTopic answers PUT /v1/users/{user}/topics/{topic}: the user gets the notices to the
// topic from now on.
func (c *Calls) PutTopic(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	name, err := c.topicOf(r, call)
	if err != nil {
		return err
	}
	full := func(row *inbox.State) bool {
		return row.TopicsFull() && !row.HasTopic(inbox.TopicOf(name).Hash)
	}
	row, err := c.config.Row(call.User)
	if err != nil {
		return err
	}
	if full(&row) {
		return ErrTopics
	}
	row, shown, err := c.config.Command(r.Context(), call.User, inbox.Record{Kind: inbox.KindSubscribe, Topic: name})
	switch {
	case err != nil:
		return err
	case shown && full(&row):
		return ErrTopics // by what came in between
	}
	respondTopics(w, wire.StatusOf(shown, http.StatusOK), call.User, &row)
	return nil
}

// DeleteTopic answers DELETE /v1/users/{user}/topics/{topic}: what the user has of the
// topic stays, and no more comes.
func (c *Calls) DeleteTopic(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	name, err := c.topicOf(r, call)
	if err != nil {
		return err
	}
	row, shown, err := c.config.Command(r.Context(), call.User, inbox.Record{Kind: inbox.KindUnsubscribe, Topic: name})
	if err != nil {
		return err
	}
	respondTopics(w, wire.StatusOf(shown, http.StatusOK), call.User, &row)
	return nil
}

// topicOf returns the topic of the path, if the caller may say who is subscribed to it:
// users themselves only to those that are open to them.
func (c *Calls) topicOf(r *http.Request, call auth.Call) (string, error) {
	name, err := url.PathUnescape(mux.Vars(r)["topic"])
	if err == nil {
		err = belfry.CheckTopic(name)
	}
	var fe *belfry.FieldError
	switch {
	case errors.As(err, &fe):
		return "", belfry.Invalid("topic", "%.40q in the path: %s", name, fe.Problem)
	case err != nil:
		return "", belfry.Invalid("topic", "must be percent-encoded UTF-8 in the path")
	}
	id := call.Identity
	if id.Has(auth.ScopeNotify) || id.Has(auth.ScopeAdmin) || slices.Contains(c.config.UserTopics, name) {
		return name, nil
	}
	return "", fmt.Errorf("%w: users may not subscribe to this topic themselves (--user-topics names those), scope %s is required", auth.ErrForbidden, auth.ScopeNotify)
}

func respondTopics(w http.ResponseWriter, status int, user string, row *inbox.State) {
	wire.Respond(w, status, topics{wire.NewHead(user, row), row.TopicNames()})
}
