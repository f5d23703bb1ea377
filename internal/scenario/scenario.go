// Package scenario makes up what three services write that know nothing of
// Belfry, and knows by itself, without rules or decoder, what everybody must have
// of it in the end.
//
// Their topics have 3, 5 and 12 partitions, keys that are no recipients (orders,
// posts, none at all) and a partitioner each; values are what Spring's
// serializers write. Events are sent twice, taken back, or put into lists. One
// record in a hundred is poison: half of it for ever, half until the rules are
// mended.
package scenario

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/belfry/belfry/sources"
)

// The services' topics.
const (
	Orders   = "order-create-event"
	Board    = "groupware.board"
	Comments = "v1.event.comment-created"
)

// Topics returns the partitions of each topic.
func Topics() map[string]int32 { return map[string]int32{Orders: 3, Board: 5, Comments: 12} }

// Shares of the records, in percent.
const (
	poisonShare = 1
	againShare  = 2 // sent a second time, later
)

//go:embed rules mended
var texts embed.FS

// Rules are the files, by name, of the rules at first.
func Rules() (map[string]string, error) { return files("rules") }

// Mended are the files of the rules that take what was poison until then.
func Mended() (map[string]string, error) { return files("mended") }

func files(folder string) (map[string]string, error) {
	out := map[string]string{}
	entries, err := fs.ReadDir(texts, folder)
	for _, e := range entries {
		raw, err := fs.ReadFile(texts, folder+"/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("read rules of the scenario: %w", err)
		}
		out[e.Name()] = string(raw)
	}
	return out, err
}

// At is where a record stands.
type At struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Record is one record to write, before all later ones of its partition, which
// must be empty at first.
type Record struct {
	At
	Key     []byte // nil: none
	Value   []byte
	Headers []sources.Header
}

// Plan is all that is written and what must come of it.
type Plan struct {
	Records []Record
	// Poison tells of each record that the rules cannot take whether the mended
	// ones can.
	Poison map[At]bool
	// Before is what each recipient has by the first rules, After what they have
	// when all dead letters have been replayed through the mended ones.
	Before, After Inboxes
}

// Inboxes are the items of each recipient, each named by its type and id. A
// recipient without items is not in it.
type Inboxes map[string]map[string]bool

// Name is how Inboxes names an item.
func Name(typ, id string) string { return typ + " " + id }

func (i Inboxes) add(recipient, item string) {
	if i[recipient] == nil {
		i[recipient] = map[string]bool{}
	}
	i[recipient][item] = true
}

func (i Inboxes) remove(recipient, item string) {
	delete(i[recipient], item)
	if len(i[recipient]) == 0 {
		delete(i, recipient)
	}
}

// Items counts the items of all.
func (i Inboxes) Items() int {
	n := 0
	for _, items := range i {
		n += len(items)
	}
	return n
}

// Differences says, for ten recipients at most, what got has or lacks against i.
func (i Inboxes) Differences(got Inboxes) []string {
	all := maps.Clone(map[string]map[string]bool(i))
	maps.Copy(all, got)
	var out []string
	for _, recipient := range slices.Sorted(maps.Keys(all)) {
		lacks, has := without(i[recipient], got[recipient]), without(got[recipient], i[recipient])
		if len(lacks)+len(has) == 0 {
			continue
		}
		if len(out) == 10 {
			return append(out, "and more")
		}
		out = append(out, fmt.Sprintf("%s lacks %q, has %q beyond", recipient, lacks, has))
	}
	return out
}

// without returns the items of a that b lacks, in order.
func without(a, b map[string]bool) []string {
	return slices.Sorted(maps.Keys(maps.Collect(func(yield func(string, bool) bool) {
		for item := range a {
			if !b[item] && !yield(item, true) {
				return
			}
		}
	})))
}

// New makes a plan of so many records, the same for each seed. TopicIDs, by
// topic and in hexadecimal, are part of the ids of events that have none.
func New(seed uint64, records int, topicIDs map[string]string) Plan {
	g := &generator{
		rnd:     rand.New(rand.NewPCG(seed, 0)),
		ids:     topicIDs,
		offsets: map[string][]int64{},
		plan:    Plan{Poison: map[At]bool{}, Before: Inboxes{}, After: Inboxes{}},
	}
	for topic, partitions := range Topics() {
		g.offsets[topic] = make([]int64, partitions)
	}
	shop, network := &orders{generator: g}, &comments{generator: g}
	services := []service{shop, shop, &board{generator: g}, network, network}
	poison := g.rnd.Perm(records)[:records*poisonShare/100]
	isPoison := make([]bool, records)
	for _, i := range poison {
		isPoison[i] = true
	}
	hopeless := 0
	for i := range records {
		s := services[g.rnd.IntN(len(services))]
		switch {
		case isPoison[i] && 2*hopeless < len(poison):
			hopeless++
			s.hopeless()
		case isPoison[i] && g.chance(50):
			shop.create(true)
		case isPoison[i]:
			network.create(true)
		case g.chance(againShare) && s.again():
		default:
			s.next()
		}
	}
	return g.plan
}

// service writes one record with each call.
type service interface {
	next()       // one that the rules take
	hopeless()   // one that no rules take
	again() bool // one that was written before; false if there is none
}

// generator is what the services share.
type generator struct {
	rnd     *rand.Rand
	ids     map[string]string
	offsets map[string][]int64
	plan    Plan
}

func (g *generator) chance(percent int) bool { return g.rnd.IntN(100) < percent }

func (g *generator) write(topic string, partition int32, key, value []byte, headers ...sources.Header) At {
	at := At{topic, partition, g.offsets[topic][partition]}
	g.offsets[topic][partition]++
	g.plan.Records = append(g.plan.Records, Record{At: at, Key: key, Value: value, Headers: headers})
	return at
}

// deliver notes an item for recipients; mended, that only the mended rules
// make it.
func (g *generator) deliver(mended bool, item string, recipients ...string) {
	for _, r := range recipients {
		if !mended {
			g.plan.Before.add(r, item)
		}
		g.plan.After.add(r, item)
	}
}

// withdraw notes that an item is taken back for good.
func (g *generator) withdraw(item string, recipients ...string) {
	for _, r := range recipients {
		g.plan.Before.remove(r, item)
		g.plan.After.remove(r, item)
	}
}
