package inbox

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/belfry/belfry"
)

// IdentityHash returns the 64 bits by which a row recognises a notification
// again: the first 8 bytes, big-endian, of the SHA-256 of source, id and rule,
// each preceded by its length as 4 bytes. It returns 0, which matches nothing,
// for an empty id. Rule is empty for all that does not come from a rules file.
func IdentityHash(source, id, rule string) uint64 {
	if id == "" {
		return 0
	}
	return hash64([]byte(source), []byte(id), []byte(rule))
}

// CollapseHash returns the 64 bits by which a row recognises a collapse key
// again, or 0, which matches nothing, for an empty key.
func CollapseHash(key string) uint64 {
	if key == "" {
		return 0
	}
	return hash64([]byte(key))
}

// Everybody is the [AudienceHash] of [belfry.AudienceAll].
const Everybody = 1

// AudienceHash returns the 64 bits by which rows know an audience: Everybody, or that of
// a topic, which is another.
func AudienceHash(audience string) uint64 {
	if audience == belfry.AudienceAll {
		return Everybody
	}
	return max(hash64([]byte("audience"), []byte(audience)), Everybody+1)
}

// ActorHash returns the 64 bits by which a row tells people apart, by id or else by
// name, or 0, which is nobody, for an actor without either.
func ActorHash(a belfry.Actor) uint64 {
	switch {
	case a.ID != "":
		return hash64([]byte("id"), []byte(a.ID))
	case a.Name != "":
		return hash64([]byte("name"), []byte(a.Name))
	}
	return 0
}

// RuleHash returns the hash of a rule's text, as it stands in an [Origin].
func RuleHash(text string) uint64 { return hash64([]byte(text)) }

func hash64(parts ...[]byte) uint64 {
	var stack [256]byte
	buf := stack[:0]
	for _, p := range parts {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(p)))
		buf = append(buf, p...)
	}
	sum := sha256.Sum256(buf)
	// 0 means "no hash" everywhere, so it must not come out of one.
	return max(binary.BigEndian.Uint64(sum[:8]), 1)
}
