package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ReadStream reads a user's stream until ctx ends or the server ends it. Begun
// is called with its first event, and may be called again; item with the id of
// each item and the time at which it was read.
func ReadStream(ctx context.Context, client *http.Client, server, user string, begun func(), item func(id string, at time.Time)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/users/%s/stream", server, user), nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", request.URL, response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(make([]byte, 4096), 1<<20)
	event := ""
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = name
			continue
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		if event == "item" {
			at := time.Now()
			var content struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal([]byte(data), &content); err != nil {
				return err
			}
			item(content.ID, at)
		}
		begun()
	}
	return lines.Err()
}
