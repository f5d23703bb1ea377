package codec

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// The columns of the capability time by their field numbers, as in belfry.proto.
const (
	rowUsesField    = 24
	firstTimeColumn = 25
	timeColumns     = 16

	itemTimeColumn        = 25 - firstTimeColumn
	itemUntilColumn       = 26 - firstTimeColumn
	itemShownColumn       = 27 - firstTimeColumn
	groupCutColumn        = 28 - firstTimeColumn
	groupEarlierColumn    = 29 - firstTimeColumn
	arrivalActorColumn    = 30 - firstTimeColumn
	memberSeqColumn       = 31 - firstTimeColumn
	memberHashColumn      = 32 - firstTimeColumn
	memberMetaColumn      = 33 - firstTimeColumn
	memberExpiresAtColumn = 34 - firstTimeColumn
	actorHashColumn       = 35 - firstTimeColumn
	actorIDColumn         = 36 - firstTimeColumn // of texts, as are the next two
	actorNameColumn       = 37 - firstTimeColumn
	muteCategoryColumn    = 38 - firstTimeColumn
	muteVersionColumn     = 39 - firstTimeColumn
	muteAtColumn          = 40 - firstTimeColumn
)

// The bits of item_time in belfry.proto.
const (
	timeUntil = 1 << iota
	timeShown
	timeBorn
	timeMuted
	timeGroup
)

// The bits of member_meta in belfry.proto.
const (
	memberPriorityMask  = 3
	memberExpires       = 1 << 2
	memberCategoryShift = 3
)

// usesOf tells which capabilities a row uses.
func usesOf(s *inbox.State) uint64 {
	uses := uint64(0)
	if s.Reach != nil {
		uses = usesReach
	}
	if len(s.Mutes) > 0 {
		return uses | usesTime
	}
	for i := range s.Items {
		e := &s.Items[i]
		if e.Until != 0 || e.Shown != 0 || e.Group != nil || e.Born || e.Muted {
			return uses | usesTime
		}
	}
	return uses
}

// timeEncoder holds the columns of the capability time while a row is encoded.
type timeEncoder struct {
	columnEncoder // those of texts with their tags
	actors        []inbox.Actor
	places        map[inbox.Actor]int // in actors, of those from fewActors on
}

// fewActors is how many actors of a row are looked through.
const fewActors = 32

func (e *timeEncoder) reset() {
	clear(e.actors)
	clear(e.places)
	e.actors = e.actors[:0]
	e.resetColumns()
}

func (e *timeEncoder) text(column int, what, text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("encode row: %s %q is not UTF-8", what, text)
	}
	c := appendLength(e.columns[column], firstTimeColumn+protowire.Number(column), len(text))
	e.columns[column] = append(c, text...)
	return nil
}

// encode fills the columns. Categories of members are added to those of r.
func (e *timeEncoder) encode(r *rowEncoder, s *inbox.State) error {
	e.reset()
	var until, expiresAt int64
	for i := range s.Items {
		it := &s.Items[i]
		bits := uint64(0)
		if it.Until != 0 {
			bits |= timeUntil
			e.zigzag(itemUntilColumn, it.Until-until)
			until = it.Until
		}
		if it.Shown != 0 {
			bits |= timeShown
			e.varint(itemShownColumn, it.Version-it.Shown)
		}
		if it.Born {
			bits |= timeBorn
		}
		if it.Muted {
			bits |= timeMuted
		}
		if it.Group != nil {
			bits |= timeGroup
			if err := e.group(r, it, &expiresAt); err != nil {
				return err
			}
		}
		e.varint(itemTimeColumn, bits)
	}
	var last inbox.Mute
	for _, m := range s.Mutes {
		if err := e.text(muteCategoryColumn, "muted category", m.Category); err != nil {
			return err
		}
		e.varint(muteVersionColumn, m.Version-last.Version)
		e.zigzag(muteAtColumn, m.At-last.At)
		last = m
	}
	return nil
}

func (e *timeEncoder) group(r *rowEncoder, it *inbox.Entry, expiresAt *int64) error {
	cut := uint64(0)
	if it.Group.Cut != 0 {
		cut = it.Version - it.Group.Cut + 1
	}
	e.varint(groupCutColumn, cut)
	e.varint(groupEarlierColumn, uint64(len(it.Group.Earlier)))
	for i := range it.Group.Earlier {
		m := &it.Group.Earlier[i]
		if err := e.actor(m.Actor); err != nil {
			return err
		}
		category, err := r.category(m.Category)
		if err != nil {
			return err
		}
		meta := category<<memberCategoryShift | uint64(m.Priority-belfry.PriorityLow)
		if m.ExpiresAt != 0 {
			meta |= memberExpires
			e.zigzag(memberExpiresAtColumn, m.ExpiresAt-*expiresAt)
			*expiresAt = m.ExpiresAt
		}
		e.zigzag(memberSeqColumn, int64(it.Seq-m.Seq))
		e.fixed64(memberHashColumn, m.Hash)
		e.varint(memberMetaColumn, meta)
	}
	return e.actor(it.Group.Actor)
}

// actor writes who caused an arrival.
func (e *timeEncoder) actor(a inbox.Actor) error {
	if a == (inbox.Actor{}) {
		e.varint(arrivalActorColumn, 0)
		return nil
	}
	if i := e.place(a); i >= 0 {
		e.varint(arrivalActorColumn, uint64(i+1))
		return nil
	}
	if err := errors.Join(e.text(actorIDColumn, "actor id", a.ID), e.text(actorNameColumn, "actor name", a.Name)); err != nil {
		return err
	}
	e.fixed64(actorHashColumn, a.Hash)
	if len(e.actors) >= fewActors {
		if e.places == nil {
			e.places = map[inbox.Actor]int{}
		}
		e.places[a] = len(e.actors)
	}
	e.actors = append(e.actors, a)
	e.varint(arrivalActorColumn, uint64(len(e.actors)))
	return nil
}

// place returns where an actor stands, -1 for one that does not yet.
func (e *timeEncoder) place(a inbox.Actor) int {
	if i, ok := e.places[a]; ok {
		return i
	}
	return slices.Index(e.actors[:min(len(e.actors), fewActors)], a)
}

// append appends the fields of the capability to a row.
func (e *timeEncoder) append(b []byte) []byte {
	for i, c := range e.columns {
		switch {
		case len(c) == 0:
		case isTextColumn(i):
			b = append(b, c...)
		default:
			b = append(appendLength(b, firstTimeColumn+protowire.Number(i), len(c)), c...)
		}
	}
	return b
}

func isTextColumn(column int) bool {
	return column == actorIDColumn || column == actorNameColumn || column == muteCategoryColumn
}

// timeDecoder takes the fields of the capability time apart. The columns are parts of
// the row.
type timeDecoder struct {
	columns           [timeColumns]column
	ids, names, mutes [][]byte
}

// field takes a field of the capability, without its tag, and returns its length. It
// reports false for what no writer of ours lays out so.
func (d *timeDecoder) field(number protowire.Number, wireType protowire.Type, rest []byte) (n int, ok bool) {
	if wireType != protowire.BytesType {
		return 0, false
	}
	v, n := protowire.ConsumeBytes(rest)
	if n < 0 {
		return 0, false
	}
	column := int(number - firstTimeColumn)
	if !isTextColumn(column) {
		if d.columns[column].rest != nil {
			return 0, false
		}
		d.columns[column].rest = v
		return n, true
	}
	switch column {
	case actorIDColumn:
		d.ids = append(d.ids, v)
	case actorNameColumn:
		d.names = append(d.names, v)
	default:
		d.mutes = append(d.mutes, v)
	}
	return n, utf8.Valid(v)
}

var errTime = errors.New("columns of time do not match each other")

// state adds what the columns say to a row whose items are there.
func (d *timeDecoder) state(s *inbox.State, categories []string) error {
	actors, err := d.actors()
	if err != nil {
		return err
	}
	var until, expiresAt int64
	for i := range s.Items {
		e := &s.Items[i]
		bits := d.columns[itemTimeColumn].varint()
		if bits >= timeGroup<<1 {
			return fmt.Errorf("item %d: bits %#x of time", e.Seq, bits)
		}
		if bits&timeUntil != 0 {
			until += d.columns[itemUntilColumn].zigzag()
			e.Until = until
		}
		if bits&timeShown != 0 {
			e.Shown = e.Version - d.columns[itemShownColumn].varint()
		}
		e.Born, e.Muted = bits&timeBorn != 0, bits&timeMuted != 0
		if bits&timeGroup != 0 {
			if e.Group, err = d.group(e, actors, categories, &expiresAt); err != nil {
				return fmt.Errorf("item %d: %w", e.Seq, err)
			}
		}
	}
	var last inbox.Mute
	for _, name := range d.mutes {
		last.Category = string(name)
		last.Version += d.columns[muteVersionColumn].varint()
		last.At += d.columns[muteAtColumn].zigzag()
		s.Mutes = append(s.Mutes, last)
	}
	for i := range d.columns {
		if !d.columns[i].done() {
			return errTime
		}
	}
	return nil
}

func (d *timeDecoder) actors() ([]inbox.Actor, error) {
	if len(d.ids) != len(d.names) {
		return nil, errTime
	}
	actors := make([]inbox.Actor, len(d.ids))
	for i := range actors {
		actors[i] = inbox.Actor{Hash: d.columns[actorHashColumn].fixed64(), ID: string(d.ids[i]), Name: string(d.names[i])}
	}
	return actors, nil
}

func (d *timeDecoder) group(it *inbox.Entry, actors []inbox.Actor, categories []string, expiresAt *int64) (*inbox.Group, error) {
	g := &inbox.Group{}
	if cut := d.columns[groupCutColumn].varint(); cut != 0 {
		g.Cut = it.Version - cut + 1
	}
	earlier := d.columns[groupEarlierColumn].varint()
	if earlier > uint64(len(d.columns[memberHashColumn].rest)/8) {
		return nil, errTime
	}
	if earlier > 0 {
		g.Earlier = make([]inbox.Member, earlier)
	}
	var err error
	for i := range g.Earlier {
		m := &g.Earlier[i]
		if m.Actor, err = d.actor(actors); err != nil {
			return nil, err
		}
		meta := d.columns[memberMetaColumn].varint()
		if category := meta >> memberCategoryShift; category > uint64(len(categories)) {
			return nil, fmt.Errorf("category %d of %d", category, len(categories))
		} else if category > 0 {
			m.Category = categories[category-1]
		}
		m.Priority = belfry.Priority(meta&memberPriorityMask) + belfry.PriorityLow
		if meta&memberExpires != 0 {
			*expiresAt += d.columns[memberExpiresAtColumn].zigzag()
			m.ExpiresAt = *expiresAt
		}
		m.Seq = it.Seq - uint64(d.columns[memberSeqColumn].zigzag())
		m.Hash = d.columns[memberHashColumn].fixed64()
	}
	g.Actor, err = d.actor(actors)
	return g, err
}

func (d *timeDecoder) actor(actors []inbox.Actor) (inbox.Actor, error) {
	at := d.columns[arrivalActorColumn].varint()
	switch {
	case at == 0:
		return inbox.Actor{}, nil
	case at > uint64(len(actors)):
		return inbox.Actor{}, fmt.Errorf("actor %d of %d", at, len(actors))
	}
	return actors[at-1], nil
}

// checkTimes returns what is wrong with what s says of time.
func checkTimes(s *inbox.State) error {
	for i := range s.Items {
		e := &s.Items[i]
		if e.Shown > e.Version {
			return fmt.Errorf("item %d of version %d shown at %d", e.Seq, e.Version, e.Shown)
		}
		if e.Group == nil {
			continue
		}
		if e.Group.Cut > e.Version {
			return fmt.Errorf("item %d of version %d cut at %d", e.Seq, e.Version, e.Group.Cut)
		}
		for j := range e.Group.Earlier {
			switch m := &e.Group.Earlier[j]; {
			case m.Seq == 0 || m.Seq > s.Version || m.Seq == e.Seq:
				return fmt.Errorf("member %d of item %d in a row of version %d", m.Seq, e.Seq, s.Version)
			case !validPriority(m.Priority):
				return fmt.Errorf("member %d has priority %d", m.Seq, m.Priority)
			}
		}
	}
	last := uint64(0)
	for _, m := range s.Mutes {
		if m.Version < last || m.Version > s.Version {
			return fmt.Errorf("category muted at version %d after one at %d in a row of version %d", m.Version, last, s.Version)
		}
		last = m.Version
	}
	return nil
}
