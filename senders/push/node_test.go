package push_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/push"
	"github.com/belfry/belfry/webpush"
)

// nodeService is the push service that others test their senders with; npm fetches it.
const nodeService = "web-push-testing@1.2.2"

// TestNodeServiceDecrypts sends to a push service that is not ours, which checks the
// token, decrypts the message, and says when a subscription has ended.
func TestNodeServiceDecrypts(t *testing.T) {
	node := parts.Path(t, "node")
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", "--prefix", dir, nodeService).CombinedOutput(); err != nil {
		t.Fatalf("npm install %s: %v\n%s", nodeService, err, out)
	}
	addr := parts.FreeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(dir, "node_modules", "web-push-testing", "src")
	script := fmt.Sprintf("const S = require(%q), {PushApiModel: M} = require(%q); new S(new M(), %s).startServer()", src+"/server.js", src+"/PushApiModel.js", port)
	var log bytes.Buffer
	server := exec.CommandContext(t.Context(), node, "-e", script)
	server.Stdout, server.Stderr, server.WaitDelay = &log, &log, time.Second
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			t.Logf("%s", log.Bytes())
		}
	}()
	call := func(path string, body any) []byte {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.Post("http://"+addr+path, "application/json", bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s, %v", path, response.StatusCode, answer, err)
		}
		return answer
	}
	await.Eventually(t, await.Patience, func() string { return "the service does not answer" }, func() bool {
		response, err := http.Post("http://"+addr+"/status", "application/json", nil)
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
	hosts, err := webpush.NewHosts("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := webpush.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	client, err := webpush.NewClient(webpush.Config{Keys: keys, Subject: "mailto:ops@example.com", Hosts: hosts})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var subscribed struct {
		Data struct {
			Endpoint   string
			ClientHash string
			Keys       struct{ P256dh, Auth string }
		}
	}
	if err := json.Unmarshal(call("/subscribe", map[string]string{"userVisibleOnly": "true", "applicationServerKey": keys.Public()}), &subscribed); err != nil {
		t.Fatal(err)
	}
	to := &inbox.Address{Seq: 1, Kind: inbox.EndpointWebPush, Target: strings.Replace(subscribed.Data.Endpoint, "localhost", "127.0.0.1", 1)}
	for text, bytes := range map[string]*[]byte{subscribed.Data.Keys.P256dh: &to.P256dh, subscribed.Data.Keys.Auth: &to.Auth} {
		if *bytes, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "=")); err != nil {
			t.Fatal(err)
		}
	}
	pushes := push.New(client, hosts, nil, "")
	if said := pushes.Send(t.Context(), message("결재 <1>"), to); said.Result != senders.Accepted {
		t.Fatalf("got %+v", said)
	}
	var got struct{ Data struct{ Messages []string } }
	if err := json.Unmarshal(call("/get-notifications", map[string]string{"clientHash": subscribed.Data.ClientHash}), &got); err != nil {
		t.Fatal(err)
	}
	var shown struct {
		WebPush      int `json:"web_push"`
		Notification struct{ Title, Body string }
	}
	if len(got.Data.Messages) != 1 || json.Unmarshal([]byte(got.Data.Messages[0]), &shown) != nil || shown.WebPush != 8030 || shown.Notification.Body != "결재 <1>" {
		t.Errorf("it decrypted %q", got.Data.Messages)
	}
	response, err := http.Post("http://"+addr+"/expire-subscription/"+subscribed.Data.ClientHash, "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if said := pushes.Send(t.Context(), message("x"), to); said.Result != senders.Gone {
		t.Errorf("an expired subscription is %+v", said)
	}
}
