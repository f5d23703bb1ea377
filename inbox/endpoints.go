package inbox

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/belfry/belfry"
)

// The limits of what a row holds of a user's endpoints and channels.
const (
	MaxEndpoints     = 20      // of a kind; the oldest goes
	MaxMailEndpoints = 1       // of the kind mail
	MaxPrefsBytes    = 4 << 10 // of the preferences, as JSON
	MaxDecisions     = 32      // that a row remembers of a channel; the oldest goes
	maxRowChannels   = 8       // more than are configured: names change; the one unchanged for longest goes
	maxGoneEndpoints = 64      // that are remembered for redeliveries
	maxGoneReasons   = 5       // that are kept with those; the newest
	MaxReasonBytes   = 200     // of why an endpoint is gone
)

// An endpoint is gone once messages to it came back on MaxBounceDays days, none of them
// longer than bouncesPass after the one before.
const (
	MaxBounceDays = 5
	bounceDay     = 24 * time.Hour
	bouncesPass   = 30 * 24 * time.Hour
)

// EndpointKind is what a channel needs to reach somebody. The numbers are stored: never
// reuse one.
type EndpointKind uint8

// The kinds of endpoints, and of channels.
const (
	EndpointWebPush EndpointKind = 1 + iota // a browser's push subscription
	EndpointMail                            // a mail address
	EndpointText                            // whatever somebody's own consumer sends to
)

var endpointKindNames = [...]string{EndpointWebPush: "webpush", EndpointMail: "mail", EndpointText: "text"}

// Valid reports whether k is one of the kinds above.
func (k EndpointKind) Valid() bool { return k >= EndpointWebPush && k <= EndpointText }

// String returns the name of k.
func (k EndpointKind) String() string {
	if !k.Valid() {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return endpointKindNames[k]
}

// ParseEndpointKind returns the kind of that name. An error is a *belfry.FieldError for
// the field "kind".
func ParseEndpointKind(name string) (EndpointKind, error) {
	for k := EndpointWebPush; k.Valid(); k++ {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, belfry.Invalid("kind", "must be webpush, mail or text, not %.40q", name)
}

// most is how many endpoints of k a row holds.
func (k EndpointKind) most() int {
	if k == EndpointMail {
		return MaxMailEndpoints
	}
	return MaxEndpoints
}

// Counts reports whether e still counts at now for channels of kind k: unread for mail,
// unseen for all others, and not archived, hidden or expired, as the badge has it.
func (k EndpointKind) Counts(e *Entry, now time.Time) bool {
	done := e.Read || e.Seen && k != EndpointMail
	return !done && !e.Archived && !e.Hidden(now) && !e.Expired(now)
}

// Reach is what a row holds of a user who can be reached while nobody looks at the inbox:
// preferences, endpoints and what was sent where. A row of a user who has neither
// preferences nor endpoints has none.
type Reach struct {
	// Prefs are the preferences, a JSON object in canonical form; nil for none. The fold
	// merges patches into it and looks at nothing in it.
	Prefs []byte
	// PrefsVersion and EndpointsVersion are those of the last change, 0 for none.
	PrefsVersion     uint64
	EndpointsVersion uint64
	Endpoints        []Endpoint     // by rising Seq
	Gone             []GoneEndpoint // by rising Version
	From             []From         // at most one of a kind
	Channels         []ChannelState // at most one of a name
	Items            []ItemReach    // by rising Seq, each of an item of the row
}

// Endpoint is what a row knows of one endpoint. Its content, an [Address], is in the
// inbox table under [EndpointKey].
type Endpoint struct {
	Seq  uint64 // version of the record that added it
	Kind EndpointKind
	Hash uint64 // EndpointHash
	// Bounces is on how many days a message came back, BouncedAt when the last of them
	// began, in milliseconds since 1970, and Bounce why it came back then.
	Bounces   uint32
	BouncedAt int64
	Bounce    string
}

// GoneEndpoint is an endpoint whose content was removed at a version.
type GoneEndpoint struct {
	Seq, Version uint64
	Reason       string // empty where its user took it away, and for those of long ago
}

// From is the version of the first endpoint of a kind since there was none: an item whose
// place is not above it is not dispatched to that kind.
type From struct {
	Kind    EndpointKind
	Version uint64
}

// ChannelState is what was sent on a channel, by its name.
type ChannelState struct {
	Name    string
	Kind    EndpointKind // of its last decision
	Changed uint64       // version of its last decision, or of one that was returned
	// Attempt is how often in a row sending has failed since the last decision, and
	// NotBefore the time before which the next one waits, in milliseconds since 1970.
	Attempt   uint32
	NotBefore int64
	Decisions []Decision // that were not returned, by rising Version, MaxDecisions at most
}

// Decision is one message that was decided on.
type Decision struct {
	Version uint64 // of the tell record, which names the decision
	At      int64  // the timestamp of that, in milliseconds since 1970
	Digest  bool   // it counts in no daily cap
}

// ItemReach is what a row holds of an item for channels. An item that came before there
// was an endpoint, and was not hidden since, has none.
type ItemReach struct {
	Seq   uint64
	Since int64 // delays count from it: arrival or wake, in milliseconds since 1970, or 0
	Told  []Told
}

// Told is that a decision of a channel has taken an item.
type Told struct {
	Channel  string
	Decision uint64
}

// Address is the content of an endpoint: where it is and how it is reached. It is as
// secret as a password: whoever has it can send.
type Address struct {
	Seq  uint64
	Kind EndpointKind
	// Target is the URL of a push subscription, a mail address, or whatever the consumer
	// of a text channel sends to.
	Target string
	// P256dh and Auth are the keys of a push subscription (RFC 8291): an uncompressed
	// point of P-256, 65 bytes, and 16 bytes.
	P256dh, Auth []byte
	Label        string // what the user knows the device by, or empty
	AddedAt      time.Time
	ExpiresAt    time.Time // zero for never
}

// EndpointKey is the key of an endpoint's content in the inbox table:
// "recipient/e<seq>".
func EndpointKey(recipient string, seq uint64) string {
	return recipient + "/e" + strconv.FormatUint(seq, 10)
}

// ParseEndpointKey is the inverse of [EndpointKey]. It reports false for a key that
// EndpointKey cannot have made.
func ParseEndpointKey(key string) (recipient string, seq uint64, ok bool) {
	recipient, digits, found := strings.Cut(key, "/e")
	seq, err := parseCanonical(digits, 64)
	if !found || err != nil || belfry.CheckRecipient(recipient) != nil {
		return "", 0, false
	}
	return recipient, seq, true
}

// EndpointHash returns the 64 bits by which a row recognises an endpoint again.
func EndpointHash(kind EndpointKind, target string) uint64 {
	return hash64([]byte(kind.String()), []byte(target))
}

// Endpoints returns the endpoints of s of that kind, by rising Seq.
func (s *State) Endpoints(kind EndpointKind) []Endpoint {
	if s.Reach == nil {
		return nil
	}
	var out []Endpoint
	for _, e := range s.Reach.Endpoints {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// EndpointBy returns the endpoint of s of that kind and hash.
func (s *State) EndpointBy(kind EndpointKind, hash uint64) (Endpoint, bool) {
	for _, e := range s.Endpoints(kind) {
		if e.Hash == hash {
			return e, true
		}
	}
	return Endpoint{}, false
}

// HoldsEndpoint reports whether s holds the endpoint of that seq: as long as that is so,
// its content is there.
func (s *State) HoldsEndpoint(seq uint64) bool { return s.Reach != nil && s.Reach.holds(seq) }

// GoneEndpoint returns the version at which an endpoint was removed, and false for one that
// the row knows nothing of any more.
func (s *State) GoneEndpoint(seq uint64) (version uint64, ok bool) {
	if s.Reach == nil {
		return 0, false
	}
	for _, g := range s.Reach.Gone {
		if g.Seq == seq {
			return g.Version, true
		}
	}
	return 0, false
}

func (r *Reach) holds(seq uint64) bool {
	return slices.ContainsFunc(r.Endpoints, func(e Endpoint) bool { return e.Seq == seq })
}

// FromOf returns the [From].Version of a kind, 0 if there never was an endpoint of it.
func (r *Reach) FromOf(kind EndpointKind) uint64 {
	for _, f := range r.From {
		if f.Kind == kind {
			return f.Version
		}
	}
	return 0
}

// Channel returns what was sent on a channel; nothing for a name that r does not know.
func (r *Reach) Channel(name string) ChannelState {
	if c := r.channel(name); c != nil {
		return *c
	}
	return ChannelState{Name: name}
}

func (r *Reach) channel(name string) *ChannelState {
	for i := range r.Channels {
		if r.Channels[i].Name == name {
			return &r.Channels[i]
		}
	}
	return nil
}

// Item returns what r holds of the item of that seq, zero but for Seq if that is nothing.
func (r *Reach) Item(seq uint64) ItemReach {
	if i, ok := r.find(seq); ok {
		return r.Items[i]
	}
	return ItemReach{Seq: seq}
}

func (r *Reach) find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(r.Items, seq, func(i ItemReach, seq uint64) int { return cmp.Compare(i.Seq, seq) })
}

// item is Item to be changed: it makes one where there is none.
func (r *Reach) item(seq uint64) *ItemReach {
	i, ok := r.find(seq)
	if !ok {
		r.Items = slices.Insert(r.Items, i, ItemReach{Seq: seq})
	}
	return &r.Items[i]
}

// By returns the decision of a channel that has taken the item, 0 for none.
func (i *ItemReach) By(channel string) uint64 {
	for _, t := range i.Told {
		if t.Channel == channel {
			return t.Decision
		}
	}
	return 0
}

func (r *Reach) clone() *Reach {
	if r == nil {
		return nil
	}
	c := *r
	c.Endpoints, c.Gone, c.From = slices.Clone(r.Endpoints), slices.Clone(r.Gone), slices.Clone(r.From)
	c.Channels, c.Items = slices.Clone(r.Channels), slices.Clone(r.Items)
	for i := range c.Channels {
		c.Channels[i].Decisions = slices.Clone(c.Channels[i].Decisions)
	}
	for i := range c.Items {
		c.Items[i].Told = slices.Clone(c.Items[i].Told)
	}
	return &c
}

// reach is that of the row, which has one from now on.
func (f *folder) reach() *Reach {
	if f.s.Reach == nil {
		f.s.Reach = &Reach{}
	}
	return f.s.Reach
}

// endpoint adds an endpoint. The same one again takes the place of the former: what fails
// for that one does not take the new one with it. One that the record says is there
// already, by its seq, stays if that is so.
func (f *folder) endpoint(r *Record) Outcome {
	a := r.Endpoint
	if a == nil {
		return Unchanged
	}
	reach := f.reach()
	hash := EndpointHash(a.Kind, a.Target)
	if slices.ContainsFunc(reach.Endpoints, func(e Endpoint) bool { return e.Hash == hash && slices.Contains(r.Seqs, e.Seq) }) {
		return Unchanged
	}
	if first := len(f.s.Endpoints(a.Kind)) == 0; first {
		reach.From = slices.DeleteFunc(reach.From, func(f From) bool { return f.Kind == a.Kind })
		reach.From = append(reach.From, From{a.Kind, f.s.Version})
	}
	f.dropEndpoints("", func(e *Endpoint) bool { return e.Hash == hash })
	if same := f.s.Endpoints(a.Kind); len(same) >= a.Kind.most() {
		oldest := same[len(same)-a.Kind.most()].Seq
		f.dropEndpoints("", func(e *Endpoint) bool { return e.Kind == a.Kind && e.Seq <= oldest })
	}
	reach.Endpoints = append(reach.Endpoints, Endpoint{Seq: f.s.Version, Kind: a.Kind, Hash: hash})
	reach.EndpointsVersion = f.s.Version
	f.effects.Endpoint = f.s.Version
	return Applied
}

// endpointGone removes endpoints: those named by seq, and that of a hash. A seq is of what
// was tried, so that what is said late harms no newer one; a hash is its user's word. A
// soft one is counted, and removes what has come back on too many days.
func (f *folder) endpointGone(r *Record) Outcome {
	if f.s.Reach == nil {
		return Unchanged
	}
	named := func(e *Endpoint) bool {
		return slices.Contains(r.Seqs, e.Seq) || r.EndpointHash != 0 && e.Hash == r.EndpointHash
	}
	counted := false
	if r.Soft {
		for i := range f.s.Reach.Endpoints {
			if e := &f.s.Reach.Endpoints[i]; named(e) && e.bounced(r.Reason, f.in.Time) {
				counted = true
			}
		}
	}
	if f.dropEndpoints(r.Reason, func(e *Endpoint) bool { return named(e) && (!r.Soft || e.Bounces >= MaxBounceDays) }) {
		f.s.Reach.EndpointsVersion = f.s.Version
		return Applied
	}
	if counted {
		return Applied
	}
	return Unchanged
}

// bounced counts a message that came back at a time, one a day, and reports whether it
// counts.
func (e *Endpoint) bounced(why string, at time.Time) bool {
	passed := at.Sub(time.UnixMilli(e.BouncedAt))
	switch {
	case e.Bounces > 0 && passed < bounceDay:
		return false
	case passed > bouncesPass:
		e.Bounces = 0
	}
	e.Bounces, e.BouncedAt, e.Bounce = e.Bounces+1, at.UnixMilli(), CutReason(why)
	return true
}

// addressPart is what stands before the @ of an address.
var addressPart = regexp.MustCompile(`[^\s<>"'(),:;\[\]=/]+@`)

// CutReason returns a reason as rows and records hold it: one line of [MaxReasonBytes] at
// most, and of addresses in it their domains alone.
func CutReason(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	text = addressPart.ReplaceAllString(text, "…@")
	if len(text) > MaxReasonBytes {
		text = strings.ToValidUTF8(text[:MaxReasonBytes], "")
	}
	return text
}

// dropEndpoints removes endpoints with their contents, and reports whether there were any.
func (f *folder) dropEndpoints(why string, gone func(*Endpoint) bool) bool {
	reach := f.s.Reach
	n := len(reach.Endpoints)
	reach.Endpoints = slices.DeleteFunc(reach.Endpoints, func(e Endpoint) bool {
		if !gone(&e) {
			return false
		}
		reach.Gone = append(reach.Gone, GoneEndpoint{e.Seq, f.s.Version, CutReason(why)})
		f.effects.GoneEndpoints = append(f.effects.GoneEndpoints, e.Seq)
		return true
	})
	return len(reach.Endpoints) < n
}

// tidyReach forgets items that are gone, and endpoints that went long ago, but never
// those of this record: its redelivery must find them.
func (f *folder) tidyReach() {
	reach := f.s.Reach
	at := 0
	reach.Items = slices.DeleteFunc(reach.Items, func(i ItemReach) bool {
		for at < len(f.s.Items) && f.s.Items[at].Seq < i.Seq {
			at++
		}
		return at == len(f.s.Items) || f.s.Items[at].Seq != i.Seq
	})
	n := 0
	for n < len(reach.Gone)-maxGoneEndpoints && reach.Gone[n].Version < f.s.Version {
		n++
	}
	reach.Gone = slices.Delete(reach.Gone, 0, n)
	reasons := 0
	for i := range slices.Backward(reach.Gone) {
		if reach.Gone[i].Reason != "" {
			reasons++
		}
		if reasons > maxGoneReasons {
			reach.Gone[i].Reason = ""
		}
	}
}
