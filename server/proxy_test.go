package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/servertest"
)

// plainProxy is nginx as its users write it down first: HTTP/1.0 to the server,
// with buffers.
const plainProxy = `
events {}
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        location / {
            proxy_pass http://server-1:8080;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }
    }
}
`

// nginx runs a real one in front of the server at upstream and returns its URL.
func nginx(t *testing.T, config, upstream string) (url string) {
	t.Helper()
	program := parts.Path(t, "nginx")
	dir := t.TempDir()
	addr := parts.FreeAddr(t)
	config = regexp.MustCompile(`listen [^;]+;`).ReplaceAllString(config, "listen "+addr+";")
	config = regexp.MustCompile(`\n\s+server server-2:8080[^;]*;`).ReplaceAllString(config, "")
	config = strings.ReplaceAll(config, "server-1:8080", upstream)
	config = fmt.Sprintf("daemon off;\nmaster_process off;\npid %[1]s/pid;\nerror_log stderr;\n", dir) + config
	config = strings.Replace(config, "http {", fmt.Sprintf(`http {
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;`, dir), 1)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.Command(program, "-p", dir, "-c", file)
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed: the error says nothing
		if t.Failed() {
			t.Logf("nginx said\n%s", said.String())
		}
	})
	servertest.WaitFor(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return "http://" + addr
}

// TestBehindNginx holds that events come through at once, that the end of a
// stream and the answers to polls do too, and that clients are told apart, with
// the reference configuration and with the one that needs nothing of it.
func TestBehindNginx(t *testing.T) {
	reference, err := os.ReadFile("../docker/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]string{"reference": string(reference), "plain": plainProxy} {
		t.Run(name, func(t *testing.T) {
			r := run(t, 5*time.Second, func(c *Config) {
				c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
				c.Streams.PerAddress = 1
			})
			url := nginx(t, config, strings.TrimPrefix(r.url, "http://"))
			of := func(address string) *http.Client {
				return &http.Client{Transport: forwarded{address}, Timeout: 3 * time.Minute}
			}
			events, resp := servertest.Dial(t, of("192.0.2.1"), url+"/v1/users/kim%20lee/stream")
			if resp.Header.Get("X-Accel-Buffering") != "" {
				t.Error("nginx was not told: it takes that header out")
			}
			events.Want("retry")
			events.Want(`unread "user":"kim lee" id=0.0`)
			r.notify("kim lee", "one")
			events.Want(`item "title":"one"`)
			events.Want("unread id=7.1")

			second, _ := servertest.Dial(t, of("192.0.2.1"), url+"/v1/users/kim%20lee/stream")
			second.Want("retry")
			second.Want(`bye {"reason":"limit"}`)
			other, _ := servertest.Dial(t, of("192.0.2.2"), url+"/v1/users/kim%20lee/stream?last_event_id=0.0")
			other.Want("retry")
			other.Want(`item "title":"one"`)
			other.Want("unread id=7.1")

			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/users/kim%20lee/unread", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("If-None-Match", `"7.1.0"`)
			poll, err := of("192.0.2.1").Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = poll.Body.Close()
			if poll.StatusCode != http.StatusNotModified || poll.Header.Get("ETag") != `"7.1.0"` {
				t.Errorf("got %d with %v for a poll", poll.StatusCode, poll.Header)
			}

			r.stop()
			for _, s := range []servertest.Reader{events, other} {
				s.Want(`bye {"reason":"drain"} id=7.1`)
				if e, ok := s.Next(); ok {
					t.Errorf("got %s after bye", e)
				}
			}
		})
	}
}

// forwarded is a client's side of the network before the proxy.
type forwarded struct{ address string }

func (f forwarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("X-Forwarded-For", f.address)
	return http.DefaultTransport.RoundTrip(r)
}
