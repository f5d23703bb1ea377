package door

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/exactjson"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
)

// BounceKind is what came back.
type BounceKind string

// The kinds of bounces.
const (
	BounceHard      BounceKind = "hard"      // the address is not there: it goes
	BounceSoft      BounceKind = "soft"      // not now: it goes after [inbox.MaxBounceDays] days of it
	BounceComplaint BounceKind = "complaint" // its user said that it is spam: the channel is switched off
)

// Bounces counts what came back, by channel and kind. It is safe for concurrent use.
type Bounces struct{ total *prometheus.CounterVec }

// NewBounces returns the counter of a registry, which is one however they come; nil for
// none.
func NewBounces(reg prometheus.Registerer) (*Bounces, error) {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "belfry_bounces_total", Help: "Messages that were said to have come back, by channel and kind: hard, soft, complaint.",
	}, []string{"channel", "kind"})
	if reg == nil {
		return &Bounces{total}, nil
	}
	err := reg.Register(total)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if known, ok := already.ExistingCollector.(*prometheus.CounterVec); ok {
			return &Bounces{known}, nil
		}
	}
	return &Bounces{total}, err
}

// Count counts b, which is in its user's log.
func (c *Bounces) Count(b *Bounce) { c.total.WithLabelValues(b.Channel, string(b.Kind)).Inc() }

// maxReason is far above what a server says of a mail, of which [inbox.MaxReasonBytes]
// are kept.
const maxReason = 4 << 10

// Bounce is that a message to a user came back.
type Bounce struct {
	Recipient string
	Channel   string
	Kind      BounceKind
	Reason    string

	seq  uint64 // of the endpoint, or
	hash uint64 // its hash
}

// WantBounce is how a bounce is written.
const WantBounce = `{"recipient":"…","channel":"mail","endpoint":4711,"kind":"hard","reason":"550 5.1.1"}`

// ParseBounce reads a bounce, whose fields are recipient, channel, kind, reason and either
// endpoint, the number, or address. The error is a [*belfry.FieldError] that does not quote
// the address.
func ParseBounce(body []byte, policy *reach.Policy) (*Bounce, error) {
	var b struct {
		Recipient string          `json:"recipient"`
		Channel   string          `json:"channel"`
		Endpoint  json.RawMessage `json:"endpoint"`
		Address   string          `json:"address"`
		Kind      BounceKind      `json:"kind"`
		Reason    string          `json:"reason"`
	}
	if err := exactjson.Parse(body, &b, WantBounce); err != nil {
		return nil, err
	}
	if err := belfry.CheckRecipient(b.Recipient); err != nil {
		return nil, err
	}
	channel, ok := policy.Channel(b.Channel)
	switch {
	case b.Channel == "":
		return nil, belfry.Invalid("channel", "is required: the name of the channel that the message was sent on")
	case !ok:
		return nil, belfry.Invalid("channel", "%.40q is no channel here: name one of the channels file", b.Channel)
	}
	out := &Bounce{Recipient: b.Recipient, Channel: b.Channel, Kind: b.Kind, Reason: b.Reason}
	switch b.Kind {
	case BounceHard, BounceSoft, BounceComplaint:
	default:
		return nil, belfry.Invalid("kind", "must be hard, soft or complaint, not %.40q", b.Kind)
	}
	if len(b.Reason) > maxReason {
		return nil, &belfry.FieldError{Field: "reason", Problem: fmt.Sprintf("must be at most %d bytes, has %d", maxReason, len(b.Reason)), TooLarge: true}
	}
	if !utf8.ValidString(b.Reason) {
		return nil, belfry.Invalid("reason", "must be UTF-8")
	}
	switch named := len(b.Endpoint) > 0 && string(b.Endpoint) != "null"; {
	case named && b.Address != "":
		return nil, belfry.Invalid("address", "must not stand beside endpoint: name where the message went once")
	case named:
		if err := json.Unmarshal(b.Endpoint, &out.seq); err != nil || out.seq == 0 {
			return nil, belfry.Invalid("endpoint", "must be the number that the decision has, not %.40s", b.Endpoint)
		}
	case b.Address != "":
		address, err := ParseAddress(channel.Kind, b.Address)
		if err != nil {
			return nil, err
		}
		out.hash = inbox.EndpointHash(channel.Kind, address)
	case b.Kind != BounceComplaint: // which is of the user
		return nil, belfry.Invalid("endpoint", "is required, its number, or address: where the message went")
	}
	return out, nil
}

// Record is what the user's journal says of it. The error is [ErrPreferences] where row has
// no room to have the channel switched off.
func (b *Bounce) Record(row *inbox.State) (inbox.Record, error) {
	reason := strings.TrimSuffix(string(b.Kind)+": "+b.Reason, ": ")
	if b.Kind == BounceComplaint {
		patch, err := ChannelOff(row, b.Channel)
		return inbox.Record{Kind: inbox.KindPrefs, Prefs: patch, Reason: inbox.CutReason(reason)}, err
	}
	r := inbox.Record{Kind: inbox.KindEndpointGone, EndpointHash: b.hash, Reason: inbox.CutReason(reason), Soft: b.Kind == BounceSoft}
	if b.seq != 0 {
		r.Seqs = []uint64{b.seq}
	}
	return r, nil
}

// ChannelOff is the patch that switches a channel off, also in preferences that are full:
// the categories of it, which say nothing then, make room. The error is [ErrPreferences]
// where that is not enough.
func ChannelOff(row *inbox.State, channel string) ([]byte, error) {
	for _, off := range []map[string]any{{"on": false}, {"on": false, "categories": nil}} {
		patch, err := json.Marshal(map[string]any{"channels": map[string]any{channel: off}})
		if err != nil {
			return nil, fmt.Errorf("encode a patch: %w", err)
		}
		if err := Fits(row, patch); !errors.Is(err, ErrPreferences) {
			return patch, err
		}
	}
	return nil, ErrPreferences
}
