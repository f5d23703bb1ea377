package codec

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// EncodeEndpoint returns the value of a in the inbox table, under its
// [inbox.EndpointKey]. The error matches [belfry.ErrCorrupt] if it has seq 0, a kind that
// does not exist or a time outside the years 0 to 9999; a text that is not UTF-8 is an
// error too.
func EncodeEndpoint(a *inbox.Address) ([]byte, error) {
	if a.Seq == 0 {
		return nil, corrupt("endpoint", "no seq")
	}
	m, err := fromAddress("endpoint", a)
	if err != nil {
		return nil, err
	}
	m.Format, m.Seq = endpointFormat, a.Seq
	return marshal("endpoint", m)
}

// DecodeEndpoint is the inverse of [EncodeEndpoint]. Its errors match
// [belfry.ErrCorrupt] or [belfry.ErrNewerFormat].
func DecodeEndpoint(b []byte) (inbox.Address, error) {
	var m belfrypb.Endpoint
	if err := unmarshal("endpoint", b, &m, endpointFormat); err != nil {
		return inbox.Address{}, err
	}
	if m.Seq == 0 {
		return inbox.Address{}, corrupt("endpoint", "no seq")
	}
	a, err := toAddress("endpoint", &m)
	if err != nil {
		return inbox.Address{}, err
	}
	a.Seq = m.Seq
	return *a, nil
}

// HoldsEndpoint reports whether a value of the journal has the content of an endpoint, which
// is secret, as far as it can be read: also one of a newer format, or that was cut.
func HoldsEndpoint(record []byte) bool {
	for len(record) > 0 {
		number, wireType, n := protowire.ConsumeTag(record)
		if n < 0 {
			return false
		}
		if number == fieldEndpoint && wireType == protowire.BytesType {
			return true
		}
		m := protowire.ConsumeFieldValue(number, wireType, record[n:])
		if m < 0 {
			return false
		}
		record = record[n+m:]
	}
	return false
}

// fieldEndpoint is that of belfrypb.Record.
const fieldEndpoint = 13

func fromAddress(what string, a *inbox.Address) (*belfrypb.Endpoint, error) {
	if !a.Kind.Valid() {
		return nil, corrupt(what, "%v of an endpoint", a.Kind)
	}
	m := &belfrypb.Endpoint{
		Kind: belfrypb.EndpointKind(a.Kind), Target: a.Target, P256Dh: a.P256dh, Auth: a.Auth, Label: a.Label,
	}
	var err error
	if m.AddedMs, err = fromTime(what, "added_at", a.AddedAt); err != nil {
		return nil, err
	}
	m.ExpiresMs, err = fromTime(what, "expires_at", a.ExpiresAt)
	return m, err
}

func toAddress(what string, m *belfrypb.Endpoint) (*inbox.Address, error) {
	kind, err := kindOf(m.Kind)
	if err != nil {
		return nil, corrupt(what, "%v", err)
	}
	a := &inbox.Address{Kind: kind, Target: m.Target, Label: m.Label}
	if len(m.P256Dh) > 0 {
		a.P256dh = m.P256Dh
	}
	if len(m.Auth) > 0 {
		a.Auth = m.Auth
	}
	if a.AddedAt, err = toTime(what, "added_at", m.AddedMs); err != nil {
		return nil, err
	}
	a.ExpiresAt, err = toTime(what, "expires_at", m.ExpiresMs)
	return a, err
}

// kindOf is a kind as stored, compared before the conversion may cut it.
func kindOf[K ~int32 | ~uint32](kind K) (inbox.EndpointKind, error) {
	k := inbox.EndpointKind(kind)
	if K(k) != kind || !k.Valid() {
		return 0, fmt.Errorf("endpoint kind %d", kind)
	}
	return k, nil
}
