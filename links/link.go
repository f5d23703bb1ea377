package links

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/belfry/belfry"
)

// Action is what a link does.
type Action uint8

// The actions. Their numbers are signed: never reuse one.
const (
	Read        Action = 1 + iota // marks an item as read, once
	Unsubscribe                   // switches a channel off, or one category of it; as often as it is asked
)

// Links hold for so long from when they are signed.
const (
	ReadLife        = 30 * 24 * time.Hour // messages that nobody has fetched by then are gone from push services
	UnsubscribeLife = 60 * 24 * time.Hour
)

// Path begins the path of every link, below the public address.
const Path = "/v1/links/"

// MinSecretBytes is the least that a secret must have.
const MinSecretBytes = 32

// Link is what somebody may do who has it.
type Link struct {
	Action Action
	User   string
	// Until is when the link ends, to the second.
	Until time.Time
	// Seq is the item of Read.
	Seq uint64
	// Channel is that of Unsubscribe, and Category the one of it to be switched off, ""
	// for the whole channel.
	Channel  string
	Category string
}

// ErrLink is matched by the errors of [Signer.Parse].
var ErrLink = errors.New("the link is not valid, or it has ended")

// Signer signs links, and reads those that were signed with the same secret. It is
// safe for concurrent use.
type Signer struct {
	key  []byte
	base string
}

// NewSigner returns a Signer of a secret that all servers and senders share, and the
// public address of the servers, such as https://intranet.example; "" has links begin
// with their path, for pages and workers of the servers' own origin.
func NewSigner(secret []byte, publicURL string) (*Signer, error) {
	if len(secret) < MinSecretBytes {
		return nil, fmt.Errorf("the secret of links has %d bytes, at least %d are needed", len(secret), MinSecretBytes)
	}
	// A secret that signs tokens or tickets too makes no link that is one of those.
	key, err := hkdf.Key(sha256.New, secret, nil, "belfry link 1", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the key of links: %w", err)
	}
	return &Signer{key, strings.TrimRight(publicURL, "/")}, nil
}

const (
	format   = 1
	macBytes = 16
	// MaxToken is longer than any that [Signer.Token] makes, in bytes.
	MaxToken = 2048
)

// URL returns the address of a link.
func (s *Signer) URL(l Link) string { return s.base + Path + s.Token(l) }

// Token returns a link as a word of letters, digits, "-" and "_".
func (s *Signer) Token(l Link) string {
	b := []byte{format, byte(l.Action)}
	b = binary.AppendUvarint(b, uint64(max(l.Until.Unix(), 0)))
	b = binary.AppendUvarint(b, l.Seq)
	for _, text := range []string{l.User, l.Channel, l.Category} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, s.mac(b)...))
}

// Parse returns the link of a token, or an error that matches [ErrLink]. It does not
// know whether the link was used before.
func (s *Signer) Parse(token string, now time.Time) (Link, error) {
	if len(token) > MaxToken {
		return Link{}, ErrLink
	}
	// Strict: of one link there is one token, so that the token is what is used up.
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 2+macBytes || strings.ContainsAny(token, "\r\n") {
		return Link{}, ErrLink
	}
	b, mac := b[:len(b)-macBytes], b[len(b)-macBytes:]
	if !hmac.Equal(mac, s.mac(b)) || b[0] != format {
		return Link{}, ErrLink
	}
	l, ok := decode(b[1:])
	if !ok || !l.Until.After(now) || belfry.CheckRecipient(l.User) != nil {
		return Link{}, ErrLink
	}
	return l, nil
}

func decode(b []byte) (Link, bool) {
	l := Link{Action: Action(b[0])}
	b = b[1:]
	whole := true
	number := func() uint64 {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			whole = false
			return 0
		}
		b = b[size:]
		return n
	}
	l.Until = time.Unix(int64(number()), 0) //nolint:gosec // it is what Token wrote
	l.Seq = number()
	for _, text := range []*string{&l.User, &l.Channel, &l.Category} {
		n := number()
		if n > uint64(len(b)) {
			return Link{}, false
		}
		*text, b = string(b[:n]), b[n:]
	}
	return l, whole && len(b) == 0 && (l.Action == Read && l.Seq != 0 || l.Action == Unsubscribe && l.Channel != "")
}

func (s *Signer) mac(b []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write(b)
	return h.Sum(nil)[:macBytes]
}
