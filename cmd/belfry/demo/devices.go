package demo

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry/server/wire"
	"github.com/belfry/belfry/webpush/browser"
)

// devicesPath is where the devices of the demo are pushed to, each by its name.
const devicesPath = "/demo/devices/"

const (
	// maxPush is above what a push service takes (RFC 8030, section 7.2).
	maxPush = 8 << 10
	// keptPushes are those that a device goes on showing.
	keptPushes = 20
)

// device is a browser that nobody looks at, and what it was told.
type device struct {
	name string
	*browser.Browser

	mu    sync.Mutex
	shown []pushed
}

// pushed is a notification as a device shows it.
type pushed struct {
	Title string    `json:"title"`
	Body  string    `json:"body,omitempty"`
	At    time.Time `json:"at"`
}

// newDevices returns a phone and a laptop, subscribed with the demo itself as their push
// service.
func newDevices(base string) []*device {
	var all []*device
	for _, name := range []string{"phone", "laptop"} {
		all = append(all, &device{name: name, Browser: browser.New(base + devicesPath + name)})
	}
	return all
}

// take is the push service's side: it takes a message for a device.
func (d *device) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPush))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	var message struct {
		Notification pushed `json:"notification"`
	}
	plain, err := d.Decrypt(body)
	if err != nil || json.Unmarshal(plain, &message) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	message.Notification.At = time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shown = append(d.shown, message.Notification)
	d.shown = d.shown[max(0, len(d.shown)-keptPushes):]
	w.WriteHeader(http.StatusCreated)
}

// show answers what the device shows, the newest last.
func (d *device) show(w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	shown := slices.Clone(d.shown)
	d.mu.Unlock()
	wire.Respond(w, http.StatusOK, map[string]any{"shown": append([]pushed{}, shown...)})
}
