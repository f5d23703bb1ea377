package client

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// pollTimeout bounds each exchange with a server.
const pollTimeout = 10 * time.Second

// pollConn is a connection that is kept.
type pollConn struct {
	net.Conn
	in *bufio.Reader
}

func DialPoll(ctx context.Context, host string) (*pollConn, error) {
	conn, err := (&net.Dialer{Timeout: pollTimeout}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	return &pollConn{conn, bufio.NewReader(conn)}, nil
}

type pollAnswer struct {
	Status int
	Tag    string
}

// Exchange sends a request and reads the answer. It knows as much of HTTP as the
// servers here speak, and takes little time of what is measured.
func (c *pollConn) Exchange(request []byte) (a pollAnswer, err error) {
	if err := c.SetDeadline(time.Now().Add(pollTimeout)); err != nil {
		return a, err
	}
	if _, err := c.Write(request); err != nil {
		return a, err
	}
	length, chunked := 0, false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return a, fmt.Errorf("read answer: %w", err)
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if a.Status == 0 {
			if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
				return a, fmt.Errorf("%w: %q", ErrAnswer, line)
			}
			if a.Status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return a, fmt.Errorf("%w: %q", ErrAnswer, line)
			}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("etag")):
			a.Tag = string(value)
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return a, fmt.Errorf("%w: %q", ErrAnswer, line)
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
	if !chunked {
		_, err = c.in.Discard(length)
		return a, err
	}
	return a, c.skipChunks()
}

func (c *pollConn) skipChunks() error {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return fmt.Errorf("%w: chunk of size %q", ErrAnswer, line)
		}
		if _, err := io.CopyN(io.Discard, c.in, size+2); err != nil || size == 0 {
			return err
		}
	}
}
