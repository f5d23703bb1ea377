package inbox

import (
	"slices"
	"strings"

	"github.com/belfry/belfry"
)

// Features is a set of capabilities whose rows an older Belfry refuses to read. An
// installation closes their doors until all of its processes know them.
type Features uint8

// The members of Features, which are the bits of a row's mask as well.
const (
	// FeatureTime is what has a time or people: scheduled, snoozed and muted items,
	// and those that stand for several people.
	FeatureTime Features = 1 << iota
	// FeatureReach is what reaches a user who is not looking: preferences, endpoints and
	// what was sent to them.
	FeatureReach
	// FeatureBroadcast is what is for everybody or for a topic: notices, topics that users
	// have subscribed to, and users who joined.
	FeatureBroadcast
)

// DefaultFeatures are those whose doors are open unless somebody says otherwise.
const DefaultFeatures = FeatureTime | FeatureReach | FeatureBroadcast

// noFeatures names the empty set.
const noFeatures = "none"

var featureNames = []string{"time", "reach", "broadcast"} // in the order of the bits

// ParseFeatures reads names with commas between them, or "none". Any other text is a
// *belfry.FieldError for the field "features".
func ParseFeatures(text string) (f Features, err error) {
	if text == noFeatures {
		return 0, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		i := slices.Index(featureNames, strings.TrimSpace(name))
		if i < 0 {
			return 0, belfry.Invalid("features", "must be %s, or %s, not %.40q", strings.Join(featureNames, ", "), noFeatures, name)
		}
		f |= 1 << i
	}
	return f, nil
}

// Has reports whether all of g is in f.
func (f Features) Has(g Features) bool { return f&g == g }

// Members is what a fold keeps of the arrivals of a collapse key, see [Input].
func (f Features) Members() int {
	if f.Has(FeatureTime) {
		return MaxMembers
	}
	return 1
}

// Need is a field of a record, and the capability without which nobody may write it.
type Need struct {
	Field    string
	Features Features
}

// Needs returns what a record of a sender needs, nil for most.
func (r *Record) Needs() (needs []Need) {
	switch {
	case r.Audience() != "":
		needs = append(needs, Need{"audience", FeatureBroadcast})
	case r.Kind == KindSubscribe, r.Kind == KindUnsubscribe, r.Kind == KindJoin:
		needs = append(needs, Need{r.Kind.String(), FeatureBroadcast})
	}
	if !r.Notification.DeliverAt.IsZero() {
		needs = append(needs, Need{"deliver_at", FeatureTime})
	}
	return needs
}

// Names returns the names of f's members, which it knows.
func (f Features) Names() []string {
	out := []string{}
	for i, name := range featureNames {
		if f.Has(1 << i) {
			out = append(out, name)
		}
	}
	return out
}

// String returns what ParseFeatures reads.
func (f Features) String() string {
	if f == 0 {
		return noFeatures
	}
	return strings.Join(f.Names(), ",")
}
