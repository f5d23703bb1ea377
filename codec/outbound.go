package codec

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/belfry/belfry/inbox"
)

// outbound is a value of the outbound topic. It is JSON, unlike all else that is stored:
// consumers of others read it, see docs/outbound.md.
type outbound struct {
	Format    uint32 `json:"format"`
	Channel   string `json:"channel"`
	Kind      string `json:"kind"`
	Decision  uint64 `json:"decision"`
	Attempt   uint32 `json:"attempt"`
	GoodUntil string `json:"good_until"` // RFC 3339, milliseconds, UTC
}

const outboundTime = "2006-01-02T15:04:05.000Z07:00"

// EncodeOutbound returns the value of o in the outbound topic. The error matches
// [belfry.ErrCorrupt] if it has no decision, a kind that does not exist, a time outside
// the years 0 to 9999 or a channel that is not UTF-8.
func EncodeOutbound(o *inbox.Outbound) ([]byte, error) {
	if err := checkOutbound(o); err != nil {
		return nil, err
	}
	b, err := json.Marshal(outbound{
		Format: outboundFormat, Channel: o.Channel, Kind: o.Kind.String(), Decision: o.Decision, Attempt: o.Attempt,
		GoodUntil: time.UnixMilli(o.GoodUntil).UTC().Format(outboundTime),
	})
	if err != nil {
		return nil, fmt.Errorf("encode outbound: %w", err)
	}
	return b, nil
}

// DecodeOutbound is the inverse of [EncodeOutbound]. Its errors match
// [belfry.ErrCorrupt] or [belfry.ErrNewerFormat].
func DecodeOutbound(b []byte) (inbox.Outbound, error) {
	var head struct {
		Format uint32 `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return inbox.Outbound{}, corrupt("outbound", "is not the JSON of a decision: %v", err)
	}
	if err := checkFormat("outbound", head.Format, outboundFormat); err != nil {
		return inbox.Outbound{}, err
	}
	var m outbound
	if err := json.Unmarshal(b, &m); err != nil {
		return inbox.Outbound{}, corrupt("outbound", "%v", err)
	}
	kind, err := inbox.ParseEndpointKind(m.Kind)
	if err != nil {
		return inbox.Outbound{}, corrupt("outbound", "%v", err)
	}
	until, err := time.Parse(time.RFC3339, m.GoodUntil)
	if err != nil {
		return inbox.Outbound{}, corrupt("outbound", "good_until: %v", err)
	}
	if !utf8.Valid(b) {
		return inbox.Outbound{}, corrupt("outbound", "is not UTF-8")
	}
	o := inbox.Outbound{Channel: m.Channel, Kind: kind, Decision: m.Decision, Attempt: m.Attempt, GoodUntil: until.UnixMilli()}
	return o, checkOutbound(&o)
}

func checkOutbound(o *inbox.Outbound) error {
	switch {
	case o.Decision == 0:
		return corrupt("outbound", "no decision")
	case !o.Kind.Valid():
		return corrupt("outbound", "%v", o.Kind)
	case !utf8.ValidString(o.Channel):
		return corrupt("outbound", "a channel that is not UTF-8")
	}
	return checkTime("outbound", "good_until", time.UnixMilli(o.GoodUntil))
}
