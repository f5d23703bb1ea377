package scenario

import (
	"fmt"
	"hash/crc32"

	"github.com/belfry/belfry/sources"
)

// comments is the social network's: the event's id in a header, keyed by post
// with librdkafka's partitioner, or lists of events without a key.
type comments struct {
	*generator
	count   int
	shown   []shown
	written []Record
}

// shown is a comment on a post.
type shown struct {
	id     string
	post   int
	author person // of the post
}

func (c *comments) place() int32 { return int32(c.rnd.IntN(12)) }

func (c *comments) put(id string, s shown, value any) {
	key := []byte(fmt.Sprintf("post-%d", s.post))
	partition := int32(crc32.ChecksumIEEE(key) % 12)
	c.write(Comments, partition, key, encode(value, false), c.named(id, "commentCreated")...)
}

// named has the headers of an outbox record: its id counts since it stands beside
// the aggregate and the event's type.
func (c *comments) named(id, typ string) []sources.Header {
	return append(c.headers(typ), sources.Header{Key: "id", Value: []byte(id)},
		sources.Header{Key: "aggregatetype", Value: []byte("post")}, sources.Header{Key: "eventType", Value: []byte(typ)})
}

func (c *comments) next() {
	switch {
	case c.chance(10) && len(c.shown) > 0:
		c.remove()
	case c.chance(5):
		c.list()
	case c.chance(1): // somebody's deletion of a key, which says nothing
		c.write(Comments, c.place(), []byte("post-1"), nil)
	default:
		c.create(false)
	}
}

// create writes a comment; one of a guest has no commenter, which the first
// rules don't expect.
func (c *comments) create(guest bool) {
	c.count++
	s := shown{id: fmt.Sprintf("c-%d", c.count), post: c.rnd.IntN(people)}
	s.author = person(s.post)
	value, told := c.words(s, guest)
	c.put(s.id, s, value)
	c.wrote(&c.written, guest)
	if told {
		c.deliver(guest, Name("comment.created", s.id), s.author.recipient())
	}
	c.shown = append(c.shown, s)
}

// words returns a comment's value and whether the post's author is told: not of
// one's own.
func (c *comments) words(s shown, guest bool) (value object, told bool) {
	value = object{"postId": s.post, "postAuthorId": s.author, "content": "좋아요 <b>&", "createdAt": c.moment()}
	if guest {
		return value, true
	}
	commenter := c.person()
	if c.chance(5) {
		commenter = s.author
	}
	value["commenter"] = object{"id": commenter, "name": "Mina"}
	return value, commenter != s.author
}

// list writes three comments in one record, all with the one id of its header.
func (c *comments) list() {
	c.count++
	id := fmt.Sprintf("l-%d", c.count)
	var values []object
	for i := range 3 {
		s := shown{post: c.rnd.IntN(people)}
		s.author = person(s.post)
		value, told := c.words(s, false)
		values = append(values, value)
		own := id
		if i > 0 {
			own = fmt.Sprintf("%s/%d", id, i)
		}
		if told {
			c.deliver(false, Name("comment.created", own), s.author.recipient())
		}
	}
	c.write(Comments, c.place(), nil, encode(values, false), c.named(id, "java.util.ArrayList")...)
	c.wrote(&c.written, false)
}

func (c *comments) remove() {
	i := c.rnd.IntN(len(c.shown))
	s := c.shown[i]
	c.shown[i] = c.shown[len(c.shown)-1]
	c.shown = c.shown[:len(c.shown)-1]
	c.put("d-"+s.id, s, object{"deleted": s.id, "postAuthorId": s.author})
	c.withdraw(Name("comment.created", s.id), s.author.recipient())
}

func (c *comments) again() bool { return c.repeat(c.written) }

func (c *comments) hopeless() {
	c.count++
	c.poison(Comments, c.headers("commentCreated"), object{"postAuthorId": "x/y", "commenter": object{"id": 2, "name": "a"}, "content": "", "createdAt": 1})
}
