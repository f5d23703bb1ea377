package options

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/webpush"
)

// VAPID say which keys push services know the sender by, and which services it
// sends to.
type VAPID struct {
	keyFile string
	Subject string
	hosts   []string

	required string // by which flag or command; "": not at all

	// Keys, nil for none, and Hosts are set by Validate.
	Keys  *webpush.Keys
	Hosts *webpush.Hosts

	warnings
}

// AddFlags adds the flags to fs.
func (o *VAPID) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.keyFile, "vapid-key-file", "", "`file` with the private key by which push services know this installation (belfry vapid makes one), the same on all servers")
	fs.StringVar(&o.Subject, "vapid-subject", "", "`contact` for push services: mailto:ops@example.com, or an https URL")
	fs.StringSliceVar(&o.hosts, "push-hosts", nil, "push `services` to send to besides those of the known browsers: push.example.com, *.push.example.com for all names below it, with :port for another than 443; http://127.0.0.1:8090, a loopback address, is for tests")
}

// Require has Validate refuse to be without keys; what names who needs them.
func (o *VAPID) Require(what string) { o.required = what }

// Validate checks what was given; the error is a usage error that names the flag.
func (o *VAPID) Validate() error {
	var err error
	if o.Hosts, err = webpush.NewHosts(o.hosts...); err != nil {
		return cli.FlagErrorf("push-hosts", "%w", err)
	}
	o.warnings = nil
	for _, host := range o.hosts {
		if strings.HasPrefix(host, "http:") {
			o.warnings.add("--push-hosts: %s is sent to without encryption and on this machine: it is for tests", host)
		}
	}
	switch {
	case o.keyFile == "" && o.required != "":
		return cli.FlagErrorf("vapid-key-file", "required with %s; make one with: belfry vapid --vapid-key-file vapid.pem", o.required)
	case o.Subject == "" && o.required != "":
		return cli.FlagErrorf("vapid-subject", "required with %s: name a contact for push services, such as mailto:ops@example.com", o.required)
	case o.Subject != "":
		if err := webpush.CheckSubject(o.Subject); err != nil {
			return cli.FlagErrorf("vapid-subject", "%w", err)
		}
	}
	o.Keys = nil
	if o.keyFile == "" {
		return nil
	}
	o.Keys, err = ReadVAPIDKeys(o.keyFile)
	return err
}

// ReadVAPIDKeys reads the keys in the file that --vapid-key-file names. It refuses a file
// that others on the machine may read; one that is mounted as a secret is nobody else's.
func ReadVAPIDKeys(file string) (*webpush.Keys, error) {
	const flag = "vapid-key-file"
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist): // not quoted: it may be the secret itself
		return nil, cli.FlagErrorf(flag, "there is no such file; make one with: belfry vapid --vapid-key-file vapid.pem")
	case err == nil && info.Mode().Perm()&0o007 != 0 && !mounted(file):
		return nil, cli.FlagErrorf(flag, "everybody on this machine can use %s, and push in your name: chmod o= it", file)
	}
	text, err := readSecretFile(flag, file, &warnings{})
	if err != nil {
		return nil, err
	}
	keys, err := webpush.ParseKeys(text)
	if err != nil {
		return nil, cli.FlagErrorf(flag, "%s %w", file, err)
	}
	return keys, nil
}

// WriteVAPIDKeys writes keys to a new file that its owner alone can read.
func WriteVAPIDKeys(file string, keys *webpush.Keys) (err error) {
	text, err := keys.PEM()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return cli.FlagErrorf("vapid-key-file", "%s exists, and browsers may be subscribed with its key: name another file, or print its public key with --public", file)
	}
	if err != nil {
		return fmt.Errorf("write the private key: %w", err)
	}
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the private key: %w", err), os.Remove(file))
	}
	return nil
}
