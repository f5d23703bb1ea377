package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/check"
	"github.com/belfry/belfry/internal/chaos/history"
)

// streamer is a client with a stream (section 5 of the design): it lists, opens
// the stream with the list's cursor, and after each cut opens it again with the
// last id, at any server.
type streamer struct {
	reader
	connections int

	mu     sync.Mutex
	holder check.Holder
}

// run streams until ctx ends.
func (s *streamer) run(ctx context.Context) {
	for ctx.Err() == nil {
		if cursor, ok := s.cursor(); ok {
			s.connect(ctx, cursor)
		} else {
			s.relist(ctx)
		}
		pause(ctx, 20*time.Millisecond+rand.N(500*time.Millisecond))
	}
}

func (s *streamer) cursor() (inbox.Cursor, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holder.Cursor()
}

// held is what the client believes.
func (s *streamer) held() history.Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holder.Held(s.name, s.user)
}

// relist fetches the inbox: all of it fits on one page. It reports whether that
// was possible.
func (s *streamer) relist(ctx context.Context) bool {
	s.mu.Lock()
	version := s.version
	if owed, ok := s.holder.Owed(); ok {
		version = max(version, owed)
	}
	s.mu.Unlock()
	l, ok := s.api.page(ctx, s.name, s.user, s.server(), false, 0, version)
	if !ok {
		return false
	}
	s.history.Record(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = max(s.version, l.Version)
	s.holder.Reset(l)
	return true
}

// connect opens one stream and reads it until it ends or the client, after some
// seconds, has enough of this server.
func (s *streamer) connect(ctx context.Context, cursor inbox.Cursor) {
	ctx, cancel := context.WithTimeout(ctx, time.Second+rand.N(20*time.Second))
	defer cancel()
	server := s.server()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.api.servers[server].url+userPath(s.user, "stream"), nil)
	if err != nil {
		s.api.trouble("make a request: %v", err)
		return
	}
	request.Header.Set("Authorization", "Bearer "+s.api.admin)
	request.Header.Set("Last-Event-ID", cursor.String())
	response, err := s.api.streams.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		s.api.trouble("%s answered a stream with %d", s.api.servers[server].name, response.StatusCode)
		return
	}
	s.connections++
	take := func(event, id string, data []byte) {
		s.history.Record(history.Frame{
			At: time.Now(), Client: s.name, Server: s.api.servers[server].name, User: s.user,
			Connection: s.connections, Event: event, ID: id, Data: data,
		})
		var body struct{ Version uint64 }
		if data != nil && json.Unmarshal(data, &body) != nil {
			s.api.trouble("%s sent an event %s that is no JSON: %.200q", s.api.servers[server].name, event, data)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if event == "unread" {
			s.version = max(s.version, body.Version)
		}
		// The checker finds its findings again, and tells of them.
		_ = s.holder.Apply(event, id, data)
	}
	take("open", cursor.String(), nil)
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	var event, id string
	var data []byte
	for lines.Scan() {
		line := lines.Text()
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "event":
			event = value
		case "id":
			id = value
		case "data":
			data = []byte(value)
		case "":
			if event != "" {
				take(event, id, data)
			}
			if event == "resync" && !s.relist(ctx) {
				return // owed still: the next thing to do
			}
			event, id, data = "", "", nil
		}
	}
}

// settled tells how far the client is from version, or nothing.
func (s *streamer) settled(version uint64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cursor, ok := s.holder.Cursor(); !ok || cursor.Version < version {
		return fmt.Sprintf("%s is at %s of version %d of %s", s.name, cursor, version, s.user)
	}
	return ""
}
