package channels

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/sources/yamlfile"
)

// MaxAfter is how long a channel may wait before it tells of an item.
const MaxAfter = 30 * 24 * time.Hour

// maxRules is how many rules a channel may have, maxNames how many categories one of them.
const (
	maxRules = 50
	maxNames = 100
)

const fix = `write channels under "channels:", such as browser: {kind: webpush, tell: [{if_unseen_after: 5m}]}`

// Load reads a channels file. Problems in it are a [*yamlfile.Error]; any other error is
// that of a file that cannot be read.
func Load(path string) (*reach.Policy, error) {
	text, err := yamlfile.Read(path, "channels")
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Parse is [Load] for a text; the name is for its problems.
func Parse(name, text string) (*reach.Policy, error) {
	f := &reader{File: &yamlfile.File{Name: name}}
	policy := f.policy(f.Parse(text, fix))
	if policy != nil && len(f.Problems) == 0 {
		if err := policy.Check(); err != nil {
			f.WrongAt(1, 1, "", "%v", err)
		}
	}
	if len(f.Problems) > 0 {
		f.Sort()
		return nil, &yamlfile.Error{Problems: f.Problems}
	}
	return policy, nil
}

// reader reads one file.
type reader struct{ *yamlfile.File }

func (f *reader) policy(root *yaml.Node) *reach.Policy {
	if root == nil {
		return nil
	}
	p := &reach.Policy{}
	fields := f.Fields(root, "", `a mapping with "channels:"`, "channels", "zone")
	if n, ok := fields["zone"]; ok {
		if text, ok := f.Text(n, "zone"); ok {
			p.Zone = text
			if wrong, ok := errors.AsType[*belfry.FieldError](reach.CheckZone(text)); ok {
				f.Wrong(n, "zone", "%s", wrong.Problem)
			}
		}
	}
	list, ok := fields["channels"]
	if !ok {
		if len(f.Problems) == 0 {
			f.Wrong(root, "channels", "is missing; %s", fix)
		}
		return nil
	}
	entries := f.Entries(list, "channels", "a mapping of names to channels: "+fix)
	if list.Kind == yaml.MappingNode && len(entries) == 0 {
		f.Wrong(list, "channels", "is empty; %s", fix)
	}
	for i, e := range entries {
		at := yamlfile.Join("channels", e.Name)
		if i == reach.MaxChannels {
			f.Wrong(e.Key, at, "is one more than the %d that there may be; remove it, or have another do its work", reach.MaxChannels)
		}
		if !channelName.MatchString(e.Name) {
			f.Wrong(e.Key, at, "%.60q is no name of a channel; use 1 to 32 of a-z, 0-9, '-' and '_', with a letter or digit at both ends", e.Name)
		}
		p.Channels = append(p.Channels, f.channel(e, at))
	}
	return p
}

// channelName is part of paths, metrics and rows.
var channelName = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?$`)

func (f *reader) channel(e yamlfile.Entry, path string) reach.Channel {
	c := reach.Channel{Name: e.Name}
	fields := f.Fields(e.Value, path, "a mapping with kind: and tell:", "kind", "tell", "daily_cap")
	if e.Value.Kind != yaml.MappingNode {
		return c
	}
	if n, ok := fields["kind"]; !ok {
		f.Wrong(e.Value, path+".kind", "is missing; write kind: webpush, mail or text")
	} else if text, ok := f.Text(n, path+".kind"); ok {
		var wrong *belfry.FieldError
		var err error
		if c.Kind, err = inbox.ParseEndpointKind(text); errors.As(err, &wrong) {
			f.Wrong(n, path+".kind", "%s", wrong.Problem)
		}
	}
	if n, ok := fields["daily_cap"]; ok {
		c.DailyCap = f.dailyCap(n, path+".daily_cap")
	}
	n, ok := fields["tell"]
	if !ok {
		f.Wrong(e.Value, path+".tell", "is missing; write when it tells, such as tell: [{%s: 5m}]", waitField(c.Kind))
		return c
	}
	rules := f.List(n, path+".tell", "rules")
	if n.Kind == yaml.SequenceNode && len(rules) == 0 {
		f.Wrong(n, path+".tell", "is empty; write when it tells, such as tell: [{%s: 5m}]", waitField(c.Kind))
	}
	if len(rules) > maxRules {
		f.Wrong(rules[maxRules], path+".tell", "has %d rules, %d at the most; put categories with the same time into one", len(rules), maxRules)
		rules = rules[:maxRules]
	}
	for i, n := range rules {
		at := fmt.Sprintf("%s.tell[%d]", path, i)
		rule, ok := f.rule(n, at, c.Kind)
		if !ok {
			continue
		}
		if j := slices.IndexFunc(c.Tell, func(before reach.Rule) bool { return covers(&before, &rule) }); j >= 0 {
			f.Wrong(n, at, "never applies: a rule before it takes all that it takes, and the first that fits counts; put this one first, or remove it")
		}
		c.Tell = append(c.Tell, rule)
	}
	return c
}

func (f *reader) dailyCap(n *yaml.Node, path string) int {
	text, ok := f.Text(n, path)
	if !ok {
		return 0
	}
	limit, err := strconv.Atoi(text)
	if err != nil || n.ShortTag() != "!!int" || limit < 1 || limit > inbox.MaxDecisions {
		f.Wrong(n, path, "must be a number of messages a day, 1 to %d, not %.40q; remove the line for no cap", inbox.MaxDecisions, text)
		return 0
	}
	return limit
}

// waitField is the field that has a channel of that kind wait.
func waitField(kind inbox.EndpointKind) string {
	if kind == inbox.EndpointMail {
		return unreadAfter
	}
	return unseenAfter
}

const (
	unseenAfter = "if_unseen_after"
	unreadAfter = "if_unread_after"
)

// rule reads one rule; it is not ok if it is wrong.
func (f *reader) rule(n *yaml.Node, path string, kind inbox.EndpointKind) (r reach.Rule, ok bool) {
	before := len(f.Problems)
	wait := waitField(kind)
	fields := f.Fields(n, path, "a mapping with "+wait+": or digest:", "category", "priority", unseenAfter, unreadAfter, "digest")
	if n.Kind != yaml.MappingNode {
		return r, false
	}
	if v, ok := fields["category"]; ok {
		r.Categories = f.names(v, path+".category", func(n *yaml.Node, at, name string) {
			probe := belfry.Notification{Recipient: "x", Title: belfry.PlainText("x"), Category: name}
			if wrong, ok := errors.AsType[*belfry.FieldError](probe.Check()); ok {
				f.Wrong(n, at, "%s", wrong.Problem)
			}
		})
	}
	if v, ok := fields["priority"]; ok {
		f.names(v, path+".priority", func(n *yaml.Node, at, name string) {
			priority, err := belfry.ParsePriority(name)
			if err != nil || name == "" {
				f.Wrong(n, at, "must be low, normal, high or urgent, not %.40q", name)
				return
			}
			r.Priorities = append(r.Priorities, priority)
		})
	}
	other := unseenAfter
	if wait == other {
		other = unreadAfter
	}
	if v, ok := fields[other]; ok && kind.Valid() {
		f.Wrong(v, path+"."+other, "a channel of kind %s waits for what is %s; write %s", kind, strings.TrimSuffix(strings.TrimPrefix(wait, "if_"), "_after"), wait)
		fields[wait] = v
	}
	after, hasAfter := fields[wait]
	digest, hasDigest := fields["digest"]
	switch {
	case hasAfter && hasDigest:
		f.Wrong(digest, path+".digest", "stands beside %s; keep one of the two, or make two rules of it", wait)
	case hasAfter:
		r.After = f.after(after, path+"."+wait)
	case hasDigest:
		r.Digest = f.digest(digest, path+".digest")
	default:
		f.Wrong(n, path, "says no time; write %s: 5m, or digest: {at: \"08:30\"}", wait)
	}
	return r, len(f.Problems) == before
}

// names reads one text or a list of them, each once, and has each checked.
func (f *reader) names(n *yaml.Node, path string, check func(n *yaml.Node, at, name string)) []string {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
		if len(nodes) == 0 {
			f.Wrong(n, path, "is empty; name some, or remove the line for all")
		}
	}
	if len(nodes) > maxNames {
		f.Wrong(nodes[maxNames], path, "has %d names, %d at the most", len(nodes), maxNames)
		nodes = nodes[:maxNames]
	}
	var out []string
	for i, n := range nodes {
		at := path
		if len(nodes) > 1 {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		name, ok := f.Text(n, at)
		switch {
		case !ok:
		case yamlfile.IsNull(n):
			f.Wrong(n, at, "has no value; name some, or remove the line for all")
		case slices.Contains(out, name):
			f.Wrong(n, at, "%.80q is given twice; keep one", name)
		default:
			out = append(out, name)
			check(n, at, name)
		}
	}
	return out
}

func (f *reader) after(n *yaml.Node, path string) time.Duration {
	text, ok := f.Text(n, path)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > MaxAfter || d%time.Millisecond != 0 {
		f.Wrong(n, path, "must be a time such as 30s, 5m or 2h, 720h at the most, not %.40q", text)
		return 0
	}
	return d
}

func (f *reader) digest(n *yaml.Node, path string) *reach.Digest {
	fields := f.Fields(n, path, `a mapping such as {at: "08:30", days: [mon, fri]}`, "at", "days")
	if n.Kind != yaml.MappingNode {
		return nil
	}
	d := &reach.Digest{}
	if v, ok := fields["at"]; !ok {
		f.Wrong(n, path+".at", `is missing; write the hour of the user's own day, such as at: "08:30"`)
	} else if text, ok := f.Text(v, path+".at"); ok {
		at, err := reach.ParseClock("at", text)
		if err != nil || text == "24:00" {
			f.Wrong(v, path+".at", `must be a time of day, "00:00" to "23:59", not %.20q`, text)
		}
		d.At = at
	}
	if v, ok := fields["days"]; ok {
		f.names(v, path+".days", func(n *yaml.Node, at, name string) {
			day, err := reach.ParseWeekdays("days", []string{name})
			if err != nil {
				f.Wrong(n, at, "must be mon, tue, wed, thu, fri, sat or sun, not %.20q", name)
			}
			d.Days |= day
		})
	}
	return d
}

// covers reports whether a rule takes all that another does.
func covers(a, b *reach.Rule) bool {
	return within(b.Categories, a.Categories) && within(b.Priorities, a.Priorities)
}

// within reports whether each of some is one of all; none stands for every one.
func within[T comparable](some, all []T) bool {
	if len(all) == 0 {
		return true
	}
	return len(some) > 0 && !slices.ContainsFunc(some, func(x T) bool { return !slices.Contains(all, x) })
}
