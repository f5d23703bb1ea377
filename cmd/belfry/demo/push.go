package demo

import (
	_ "embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/reach/channels"
	"github.com/belfry/belfry/webpush"
)

// pushes is what the demo pushes with: keys that are kept in dataDir, or are made for
// this run if that is "".
func pushes(dataDir string, send bool) (*node.Push, error) {
	hosts, err := webpush.NewHosts()
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
	return &node.Push{Keys: keys, Subject: "mailto:demo@example.com", Hosts: hosts, Signer: signer, Send: send}, nil
}

//go:embed channels.yaml
var channelsFile []byte

// tells is when the demo tells whom: a file in its state folder, which may be edited.
func tells(state string) (*node.Channels, error) {
	file := filepath.Join(state, "channels.yaml")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(state, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, channelsFile, 0o644); err != nil {
			return nil, err
		}
	}
	return node.LoadWatched(file, func() (*reach.Policy, error) { return channels.Load(file) }, nil)
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
