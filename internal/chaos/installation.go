package chaos

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/belfry/belfry/internal/child"
	"github.com/belfry/belfry/server/auth"
)

const (
	processorCount = 3
	serverCount    = 2
	// sessionTimeout is the shortest that brokers take by default: a processor
	// that is paused for longer wakes up as one whose partitions others have.
	sessionTimeout = 6 * time.Second
	// Orphans are swept while somebody waits for it.
	sweepInterval = 5 * time.Second
	sweepAge      = 10 * time.Second
	// channelsFile has everybody who can be reached told of what he has not seen. Nobody
	// reads the outbound topic, so what is told is told once.
	channelsFile = "channels: {chat: {kind: text, tell: [{if_unseen_after: 1s}]}}\n"
	// boardCap has a list be one page, with a full inbox.
	boardCap = 40
	// tokenLife is longer than any run.
	tokenLife = 24 * time.Hour
)

// installation is Belfry as it is run in production: processors and servers as
// processes of their own.
type installation struct {
	processors []*member
	servers    []*member
	disk       *disk  // of the first processor; nil: it has none of its own
	service    string // a token that may send
	admin      string // a token that may act for anybody
}

// install creates the topics and describes the processes; none runs yet.
func install(ctx context.Context, cfg *Config, withDisk bool, trouble func(string, ...any)) (_ *installation, err error) {
	in := &installation{}
	var raw [32]byte
	rand.Read(raw[:])
	secret := []byte(hex.EncodeToString(raw[:]))
	secretFile := filepath.Join(cfg.Dir, "jwt.secret")
	if err := os.WriteFile(secretFile, secret, 0o600); err != nil {
		return nil, fmt.Errorf("write the secret: %w", err)
	}
	channels := filepath.Join(cfg.Dir, "channels.yaml")
	if err := os.WriteFile(channels, []byte(channelsFile), 0o600); err != nil {
		return nil, fmt.Errorf("write the channels: %w", err)
	}
	in.service, err = auth.Token{Subject: "billing", Scopes: []string{"belfry:notify", "belfry:broadcast"}, TTL: tokenLife}.Sign(secret)
	if err != nil {
		return nil, fmt.Errorf("mint a token: %w", err)
	}
	in.admin, err = auth.Token{Subject: "root", Scopes: []string{"belfry:admin"}, TTL: tokenLife}.Sign(secret)
	if err != nil {
		return nil, fmt.Errorf("mint a token: %w", err)
	}
	common := append([]string{"--prefix", string(cfg.Prefix)}, cfg.KafkaArgs...)
	topics := exec.CommandContext(ctx, cfg.Binary, append([]string{"topics", "--partitions", fmt.Sprint(cfg.Partitions)}, common...)...)
	if out, err := topics.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("create topics: %w\n%s", err, bytes.TrimSpace(out))
	}
	defer func() {
		if err != nil && in.disk != nil {
			err = errors.Join(err, in.disk.close())
		}
	}()
	add := func(command string, i int, args ...string) (*member, error) {
		name := fmt.Sprintf("%s-%d", command, i+1)
		m := &member{
			name: name, program: cfg.Binary, trouble: trouble,
			dir: filepath.Join(cfg.Dir, name), log: filepath.Join(cfg.Dir, name+".log"),
		}
		if err := os.MkdirAll(m.dir, 0o700); err != nil {
			return nil, fmt.Errorf("make a state folder: %w", err)
		}
		if withDisk && command == "processor" && i == 0 {
			if in.disk, err = mountDisk(m.dir); err != nil {
				return nil, err
			}
		}
		addr, err := child.FreeAddr()
		if err != nil {
			return nil, err
		}
		m.url = "http://" + addr
		m.args = append([]string{command, "--state-dir", m.dir}, append(args, addr)...)
		m.args = append(m.args, common...)
		return m, nil
	}
	for i := range processorCount {
		m, err := add("processor", i, "--inbox-cap", fmt.Sprint(cfg.Cap), "--broadcast-cap", fmt.Sprint(boardCap), "--session-timeout", sessionTimeout.String(),
			"--channels", channels, "--metrics-addr")
		if err != nil {
			return nil, err
		}
		in.processors = append(in.processors, m)
	}
	for i := range serverCount {
		m, err := add("server", i, "--jwt-secret-file", secretFile, "--sweep-interval", sweepInterval.String(), "--sweep-age", sweepAge.String(), "--channels", channels, "--addr")
		if err != nil {
			return nil, err
		}
		in.servers = append(in.servers, m)
	}
	return in, nil
}

func (in *installation) members() []*member {
	return append(append([]*member{}, in.processors...), in.servers...)
}

// start starts all processes and waits until they are ready.
func (in *installation) start(ctx context.Context) error {
	for _, m := range in.members() {
		if err := m.start(); err != nil {
			return err
		}
	}
	return in.awaitReady(ctx)
}

func (in *installation) awaitReady(ctx context.Context) error {
	var errs []error
	for _, m := range in.members() {
		if err := m.awaitReady(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// end kills what still runs.
func (in *installation) end() error {
	var errs []error
	for _, m := range in.members() {
		errs = append(errs, m.end())
	}
	if in.disk != nil {
		errs = append(errs, in.disk.close())
	}
	return errors.Join(errs...)
}

// logs returns the ends of all logs.
func (in *installation) logs(lines int) string {
	var b strings.Builder
	for _, m := range in.members() {
		fmt.Fprintf(&b, "--- %s (%s)\n%s\n", m.name, m.log, m.logTail(lines))
	}
	return b.String()
}
