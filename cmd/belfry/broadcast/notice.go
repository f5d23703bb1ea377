package broadcast

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/cli"
)

// defaultSource is the source of what an operator announces without naming one.
const defaultSource = "operator"

// noticeOptions say what is announced.
type noticeOptions struct {
	file        string
	texts       map[string]*string // by the field
	title, body []string
	flags       *pflag.FlagSet
}

// textFlags are the fields of one text each, with their help.
var textFlags = []struct{ name, help string }{
	{"audience", "whom it is for: `all`, or topic:NAME"},
	{"id", "the `id` of the notice, the same when it is sent again"},
	{"source", "the `source` of the notice, which tells ids apart"},
	{"category", "the `category` under which it is listed"},
	{"priority", "the `priority`: low, normal, high or urgent"},
	{"url", "the `URL` that it leads to"},
	{"collapse-key", "a `key`: it takes the place of the notice to this audience that has it"},
	{"deliver-at", "the `time` (RFC 3339) from which on it is shown"},
	{"expires-at", "the `time` (RFC 3339) from which on it is not shown any more; 30 days from its begin if absent, at most a year"},
}

// AddFlags adds the flags to fs.
func (o *noticeOptions) AddFlags(fs *pflag.FlagSet) {
	o.flags, o.texts = fs, map[string]*string{}
	for _, f := range textFlags {
		value := ""
		if f.name == "source" {
			value = defaultSource
		}
		o.texts[f.name] = fs.String(f.name, value, f.help)
	}
	fs.StringArrayVar(&o.title, "title", nil, "a title, or `LANGUAGE=TEXT`, once for each language")
	fs.StringArrayVar(&o.body, "body", nil, "a body, or `LANGUAGE=TEXT`, once for each language")
	fs.StringVar(&o.file, "file", "", "`file` with the notice as one JSON object, in place of these flags")
}

// read returns the notice, complete and checked.
func (o *noticeOptions) read(now time.Time) (belfry.Notification, error) {
	data, err := o.json()
	if err != nil {
		return belfry.Notification{}, err
	}
	m, err := belfry.ParseNotification(data, belfry.Notification{Source: defaultSource})
	if err != nil {
		return belfry.Notification{}, o.wrong(err)
	}
	n := m.Notification
	switch {
	case n.Audience == "":
		return n, o.wrong(belfry.Invalid("audience", "is required in place of recipients: all, or topic:NAME"))
	case n.ID == "":
		return n, o.wrong(belfry.Invalid("id", "is required: whoever sends the notice again, since it was cut off, must not send another one"))
	}
	n.Settle(now)
	return n, nil
}

// json returns the notice as it would be sent.
func (o *noticeOptions) json() ([]byte, error) {
	if o.file != "" {
		for _, f := range append([]string{"title", "body"}, o.names()...) {
			if o.flags.Changed(f) {
				return nil, cli.FlagErrorf(f, "stands beside --file: say it there")
			}
		}
		data, err := cli.ReadSmallFile(o.file)
		if err != nil {
			return nil, cli.FlagErrorf("file", "%w", err)
		}
		return data, nil
	}
	fields := map[string]any{}
	for name, value := range o.texts {
		if *value != "" {
			fields[strings.ReplaceAll(name, "-", "_")] = *value
		}
	}
	for name, values := range map[string][]string{"title": o.title, "body": o.body} {
		if len(values) == 0 {
			continue
		}
		text, err := textOf(values)
		if err != nil {
			return nil, cli.FlagErrorf(name, "%w", err)
		}
		fields[name] = text
	}
	return json.Marshal(fields)
}

func (o *noticeOptions) names() (out []string) {
	for _, f := range textFlags {
		out = append(out, f.name)
	}
	return out
}

// wrong is an error of the notice, by the flag that it is of.
func (o *noticeOptions) wrong(err error) error {
	fe, ok := errors.AsType[*belfry.FieldError](err)
	if !ok {
		return err
	}
	if o.file != "" {
		return cli.FlagErrorf("file", "%s: %w", o.file, fe)
	}
	name, _, _ := strings.Cut(strings.ReplaceAll(fe.Field, "_", "-"), ".")
	if name == "recipient" {
		name = "audience"
		fe = &belfry.FieldError{Problem: "is required: all, or topic:NAME"}
	}
	if slices.Contains(append(o.names(), "title", "body"), name) {
		return cli.FlagErrorf(name, "%w", cli.Problem(fe))
	}
	return fe
}

// inLanguage is a text with its language before it.
var inLanguage = regexp.MustCompile(`(?s)^([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*)=(.*)$`)

// textOf reads a text, or one of each of some languages.
func textOf(values []string) (belfry.Text, error) {
	out := belfry.Text{}
	for _, v := range values {
		language, text := "", v
		if parts := inLanguage.FindStringSubmatch(v); parts != nil {
			language, text = parts[1], parts[2]
		}
		if _, twice := out[language]; twice {
			return nil, fmt.Errorf("given twice for the language %q; write LANGUAGE=TEXT for each", language)
		}
		out[language] = text
	}
	if _, plain := out[""]; plain && len(out) > 1 {
		return nil, errors.New("give either one text, or LANGUAGE=TEXT for each language")
	}
	return out, nil
}
