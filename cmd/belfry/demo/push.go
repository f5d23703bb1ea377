package demo

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/belfry/belfry"
	examples "github.com/belfry/belfry/docs/rules"
	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/reach/channels"
	"github.com/belfry/belfry/senders/push"
	"github.com/belfry/belfry/sources/rules"
	"github.com/belfry/belfry/webpush"
)

// pushes is what the demo pushes with: keys that are kept in dataDir, or are made for
// this run if that is "". Devices of its own are at base.
func pushes(dataDir, base string, send bool) (*push.Settings, error) {
	hosts, err := webpush.NewHosts(base)
	if err != nil {
		return nil, err
	}
	keys, err := pushKeys(dataDir)
	if err != nil {
		return nil, err
	}
	secret, err := keys.PEM()
	if err != nil {
		return nil, err
	}
	signer, err := links.NewSigner(secret, "") // pages and links are of one origin
	if err != nil {
		return nil, err
	}
	return &push.Settings{Config: webpush.Config{Keys: keys, Subject: "mailto:demo@example.com", Hosts: hosts}, Signer: signer, Send: send}, nil
}

//go:embed channels.yaml
var channelsFile []byte

// tells is when the demo tells whom.
func tells(state string) (*node.Channels, error) {
	soon := bytes.Replace(channelsFile, []byte("08:30"), []byte(digestHour(time.Now()).String()), 1)
	file, err := editable(state, "channels.yaml", soon)
	if err != nil {
		return nil, err
	}
	return node.LoadWatched(file, func() (*reach.Policy, error) { return channels.Load(file) }, nil)
}

// routes is what the demo makes of events that are not Belfry's own.
func routes(state string, prefix belfry.Prefix) (*node.Rules, func() (*rules.Set, error), error) {
	file, err := editable(state, "social.yaml", examples.Social)
	if err != nil {
		return nil, nil, err
	}
	o := options.Rules{Path: file, Timezone: "UTC"}
	if err := o.Validate(); err != nil {
		return nil, nil, err
	}
	load := func() (*rules.Set, error) { return o.Load(prefix) }
	watched, err := node.LoadWatched(file, load, nil)
	return watched, load, err
}

// editable returns the path of a file in the state folder, which may be edited while the
// demo runs, and is made with that content where it is absent.
func editable(state, name string, content []byte) (string, error) {
	file := filepath.Join(state, name)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return file, nil // what is wrong with it, its reader says
	}
	if err := os.MkdirAll(state, 0o755); err != nil {
		return "", fmt.Errorf("make the demo's folder: %w", err)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return "", fmt.Errorf("write the demo's %s: %w", name, err)
	}
	return file, nil
}

func pushKeys(dataDir string) (*webpush.Keys, error) {
	if dataDir == "" {
		return webpush.GenerateKeys()
	}
	file := filepath.Join(dataDir, "vapid.pem")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return options.ReadVAPIDKeys(file)
	}
	keys, err := webpush.GenerateKeys()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dataDir, 0o755); err != nil {
		return nil, err
	}
	return keys, options.WriteVAPIDKeys(file, keys)
}
