package scenario

import "fmt"

// board is the groupware's: a class for each kind of event, named by Spring's
// header, keyed by post, which also is the partition; half of the values are
// JSON in a JSON text.
type board struct {
	*generator
	posts    []post
	comments []comment
	count    int
	written  []Record
}

type post struct {
	id          int
	author      person
	subscribers []person
}

type comment struct {
	id   int
	post post
	told []person // the post's author and the mentioned
}

func (b *board) put(p post, kind string, value any) At {
	return b.write(Board, int32(p.id%5), []byte(fmt.Sprint(p.id)), encode(value, b.chance(50)), b.headers("com.groupware.board.event."+kind)...)
}

func (b *board) next() {
	switch {
	case len(b.posts) == 0 || b.chance(15):
		b.create()
	case b.chance(10):
		b.remind()
	case b.chance(15) && len(b.comments) > 0:
		b.remove()
	default:
		b.comment()
	}
}

func (b *board) create() {
	b.count++
	p := post{id: b.count, author: b.person()}
	p.subscribers = append(b.others(p.author, 3+b.rnd.IntN(20)), p.author)
	b.posts = append(b.posts, p)
	b.put(p, "PostCreated", object{
		"postId": p.id, "title": fmt.Sprintf("공지 %d", p.id), "author": object{"id": p.author, "name": "김민수"},
		"subscriberIds": p.subscribers, "createdAt": b.moment(),
	})
	b.wrote(&b.written, false)
	b.deliver(false, Name("board.post", fmt.Sprintf("post/%d", p.id)), recipients(p.subscribers[:len(p.subscribers)-1]...)...)
}

// remind writes what has no id: each is an item of its own, named by where it
// stands.
func (b *board) remind() {
	p := b.posts[b.rnd.IntN(len(b.posts))]
	to := b.others(p.author, 2)
	at := b.put(p, "PostReminder", object{"postId": p.id, "title": fmt.Sprintf("공지 %d", p.id), "subscriberIds": to})
	id := fmt.Sprintf("%s/%d/%d/board-reminder/0", b.ids[Board], at.Partition, at.Offset)
	b.deliver(false, Name("board.reminder", id), recipients(to...)...)
}

func (b *board) comment() {
	b.count++
	p := b.posts[b.rnd.IntN(len(b.posts))]
	author := b.person()
	c := comment{id: b.count, post: p, told: append(b.others(p.author, b.rnd.IntN(3)), p.author)}
	b.comments = append(b.comments, c)
	b.put(p, "CommentCreated", b.words(c, object{"author": object{"id": author, "name": "이영희"}, "createdAt": b.moment()}))
	b.wrote(&b.written, false)
	for _, t := range c.told {
		if t != author {
			b.deliver(false, Name("board.comment", fmt.Sprintf("comment/%d", c.id)), t.recipient())
		}
	}
}

func (b *board) words(c comment, more object) object {
	mentioned := c.told[:len(c.told)-1]
	if mentioned == nil {
		mentioned = []person{}
	}
	more["commentId"], more["postId"], more["postAuthorId"], more["mentionedIds"] = c.id, c.post.id, c.post.author, mentioned
	return more
}

func (b *board) remove() {
	i := b.rnd.IntN(len(b.comments))
	c := b.comments[i]
	b.comments[i] = b.comments[len(b.comments)-1]
	b.comments = b.comments[:len(b.comments)-1]
	b.put(c.post, "CommentDeleted", b.words(c, object{}))
	b.withdraw(Name("board.comment", fmt.Sprintf("comment/%d", c.id)), recipients(c.told...)...)
}

func (b *board) again() bool { return b.repeat(b.written) }

func (b *board) hopeless() {
	b.count++
	b.poison(Board, b.headers("com.groupware.board.event.PostCreated"), object{"postId": b.count, "title": "a", "author": object{"id": 1}, "subscriberIds": []any{1, "__system"}, "createdAt": 0})
}
