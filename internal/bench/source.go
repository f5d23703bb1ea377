package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// eventSource is a client of one user's stream that comes back, as a browser's
// EventSource does (WHATWG HTML, section 9.2), through a load balancer.
type eventSource struct {
	user     string
	balancer *balancer
	client   *http.Client
	// came is called when a stream has begun, with its number from 0 on.
	came func(n int, at time.Time)
	item func(id string, at time.Time)
	// resync is called when the client was told to read its inbox anew, with the
	// ids that it then found in the newest hundred.
	resync func(ids []string, at time.Time)

	cursor string
	retry  time.Duration
}

// run goes on until ctx ends.
func (s *eventSource) run(ctx context.Context) {
	s.retry = time.Second
	for n, last := 0, ""; ctx.Err() == nil; {
		url, ok := s.balancer.pick(last)
		last = ""
		if ok {
			begun, err := s.read(ctx, url, func() { s.came(n, time.Now()) })
			if begun {
				n++
			} else if err != nil {
				// Refused: a balancer tries another server at once.
				last = url
				if other, ok := s.balancer.pick(url); ok && other != url {
					continue
				}
			}
		}
		if Pause(ctx, s.retry) != nil {
			return
		}
	}
}

// read reads one stream to its end. begun says that it brought more than bye.
func (s *eventSource) read(ctx context.Context, url string, came func()) (begun bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/users/%s/stream", url, s.user), nil)
	if err != nil {
		return false, err
	}
	if s.cursor != "" {
		request.Header.Set("Last-Event-ID", s.cursor)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("%s answered %s", request.URL, response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(make([]byte, 4096), 1<<20)
	var event, id string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "retry":
			if ms, err := strconv.Atoi(value); err == nil {
				s.retry = time.Duration(ms) * time.Millisecond
			}
		case "event":
			event = value
			if !begun && event != "bye" {
				begun = true
				came()
			}
		case "id":
			id = value
		case "data":
			if err := s.take(ctx, url, event, value); err != nil {
				return begun, err
			}
		case "": // the end of the event: now its id counts
			if id != "" {
				s.cursor, id = id, ""
			}
		}
	}
	return begun, lines.Err()
}

func (s *eventSource) take(ctx context.Context, url, event, data string) error {
	switch event {
	case "resync":
		var at struct {
			Version uint64 `json:"version"`
		}
		if err := json.Unmarshal([]byte(data), &at); err != nil {
			return fmt.Errorf("read resync: %w", err)
		}
		ids, err := s.list(ctx, url, at.Version)
		s.resync(ids, time.Now())
		return err
	case "item":
		at := time.Now()
		var content struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(data), &content); err != nil {
			return fmt.Errorf("read item: %w", err)
		}
		if content.ID != "" { // else its content is late, and it comes again with it
			s.item(content.ID, at)
		}
	}
	return nil
}

// list returns the ids of what is in the inbox, once the server has that version.
func (s *eventSource) list(ctx context.Context, url string, version uint64) ([]string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/users/%s/inbox?limit=100&min_version=%d", url, s.user, version), nil)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var page struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("list the inbox: %s", response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil {
		return nil, fmt.Errorf("list the inbox: %w", err)
	}
	var ids []string
	for _, item := range page.Items {
		ids = append(ids, item.ID)
	}
	return ids, nil
}
