package client

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// keptLine is how much of a line is looked at: the version stands near the begin
// of a badge.
const keptLine = 256

// Frames reads a stream as it comes from a socket, in pieces cut anywhere, and
// tells of the versions of its badges. It keeps a line at most, so that
// thousands of them are cheap. The zero value reads the body of a stream alone;
// with head set it begins with the head of an HTTP/1.1 answer.
type Frames struct {
	Head    bool // of the answer, not over yet
	status  bool // the first line has been read
	chunked bool // the body is (RFC 9112 section 7.1)

	left  int  // bytes of the chunk that have not come
	size  int  // of the next chunk, as far as it has been read
	sized bool // a digit of size has been read
	Over  bool // the last chunk has come
	line  []byte
	badge bool // the event is a badge
}

// ErrAnswer is matched by errors of an answer that is no stream.
var ErrAnswer = errors.New("not the stream that was asked for")

// Feed takes the next piece. It calls badge for the version of each unread
// event, and reports whether the stream has begun.
func (f *Frames) Feed(b []byte, badge func(version uint64)) (begun bool, err error) {
	for f.Head && len(b) > 0 {
		line, rest, ok := f.cut(b)
		b = rest
		if !ok {
			continue
		}
		if err := f.header(bytes.TrimRight(line, "\r")); err != nil {
			return false, err
		}
		f.line = f.line[:0]
	}
	if f.Head || len(b) == 0 {
		return false, nil
	}
	if !f.chunked {
		f.body(b, badge)
		return true, nil
	}
	return true, f.chunks(b, badge)
}

func (f *Frames) header(line []byte) error {
	switch {
	case !f.status:
		f.status = true
		if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("%w: %q", ErrAnswer, line)
		}
	case len(line) == 0:
		f.Head = false
	case bytes.EqualFold(line, []byte("transfer-encoding: chunked")):
		f.chunked = true
	}
	return nil
}

// chunks passes on what chunks hold.
func (f *Frames) chunks(b []byte, badge func(uint64)) error {
	for len(b) > 0 && !f.Over {
		if f.left > 0 {
			n := min(f.left, len(b))
			f.body(b[:n], badge)
			f.left -= n
			b = b[n:]
			continue
		}
		// A size stands on a line of its own, which an empty one follows after
		// the chunk.
		digit := b[0]
		b = b[1:]
		switch {
		case digit == '\n' && f.sized:
			f.left, f.Over = f.size, f.size == 0
			f.size, f.sized = 0, false
		case digit == '\n' || digit == '\r':
		default:
			n, err := strconv.ParseUint(string(digit), 16, 8)
			if err != nil || f.size > 1<<26 {
				return fmt.Errorf("%w: chunk size with %q", ErrAnswer, digit)
			}
			f.size, f.sized = f.size<<4+int(n), true
		}
	}
	return nil
}

// body looks at the lines of the stream.
func (f *Frames) body(b []byte, badge func(uint64)) {
	for len(b) > 0 {
		line, rest, ok := f.cut(b)
		b = rest
		if !ok {
			return
		}
		if name, found := bytes.CutPrefix(line, []byte("event: ")); found {
			f.badge = string(name) == "unread"
		} else if data, found := bytes.CutPrefix(line, []byte("data: ")); found && f.badge {
			if version, ok := versionIn(data); ok {
				badge(version)
			}
		}
		f.line = f.line[:0]
	}
}

// cut returns the first line, which may have begun in an earlier piece, without
// its end, and what follows; ok is false if its end has not come. The line is
// valid until f.line changes.
func (f *Frames) cut(b []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(b, '\n')
	part := b
	if end >= 0 {
		part, rest = b[:end], b[end+1:]
	}
	f.line = append(f.line, part[:min(len(part), max(0, keptLine-len(f.line)))]...)
	return f.line, rest, end >= 0
}

// versionIn returns the version in a badge's JSON.
func versionIn(data []byte) (uint64, bool) {
	_, after, ok := bytes.Cut(data, []byte(`"version":`))
	if !ok {
		return 0, false
	}
	version, digits := uint64(0), 0
	for digits < len(after) && after[digits] >= '0' && after[digits] <= '9' {
		version = version*10 + uint64(after[digits]-'0')
		digits++
	}
	return version, digits > 0
}
