package rules

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/sources/yamlfile"
)

// loader reads rules files and collects all that is wrong with them.
type loader struct {
	options   Options
	languages map[string]*language // by the name of the zone
	files     []*yamlfile.File
	sources   []*Source
	made      map[string]*madeRule // by name
	retracts  []retractSite
	topics    map[string]int // line of the first source of a topic or pattern
}

// madeRule is what others need to know of a rule.
type madeRule struct {
	rule   *rule
	source *Source
	file   string
	line   int
}

// retractSite is a retraction that names a rule, which may come later.
type retractSite struct {
	file    *yamlfile.File
	node    *yaml.Node // of its rule field
	path    string
	source  *Source
	rule    *rule // of the retraction
	retract *ruleRetraction
}

func newLoader(o Options) *loader {
	return &loader{options: o, languages: map[string]*language{}, made: map[string]*madeRule{}, topics: map[string]int{}}
}

func (l *loader) problems() []Problem {
	var out []Problem
	for _, f := range l.files {
		f.Sort()
		out = append(out, f.Problems...)
	}
	return out
}

// file reads one file and returns the canonical texts of its sources.
func (l *loader) file(t namedText) []string {
	f := &yamlfile.File{Name: t.name}
	l.files = append(l.files, f)
	root := f.Parse(t.text, "write a list of sources under \"sources:\"")
	if root == nil {
		return nil
	}
	fields := f.Fields(root, "", "a mapping with \"sources:\"", "sources")
	list, ok := fields["sources"]
	if !ok {
		if len(f.Problems) == 0 {
			f.Wrong(root, "sources", "is missing; write a list of sources under \"sources:\"")
		}
		return nil
	}
	var texts []string
	elements := f.List(list, "sources", "sources")
	if len(elements) == 0 && len(f.Problems) == 0 {
		f.Wrong(list, "sources", "is empty; add a source with topic: and rules:")
	}
	for i, n := range elements {
		l.source(f, n, "sources["+strconv.Itoa(i)+"]")
		texts = append(texts, canonical(n, false))
	}
	return texts
}

func (l *loader) source(f *yamlfile.File, n *yaml.Node, path string) {
	fields := f.Fields(n, path, "a mapping with topic: and rules:", "topic", "pattern", "from", "silent", "timezone", "let", "rules")
	s := &Source{Location: l.options.Location, File: f.Name, Line: n.Line, decoder: l.options.Decoder, prefix: l.options.Prefix}
	l.names(f, s, n, fields, path)
	if v, ok := fields["from"]; ok {
		if text, ok := f.Text(v, path+".from"); ok {
			from, err := ParseStart(text)
			if err != nil {
				f.Wrong(v, path+".from", "%v, not %.80q", err, text)
			}
			s.From = from
		}
	}
	if v, ok := fields["silent"]; ok {
		s.Silent = f.Bool(v, path+".silent")
	}
	if v, ok := fields["timezone"]; ok {
		if text, ok := f.Text(v, path+".timezone"); ok {
			zone, err := ParseZone(text)
			if err != nil {
				f.Wrong(v, path+".timezone", "%v", err)
			} else {
				s.Location = zone
			}
		}
	}
	r := &sourceReader{File: f, loader: l, source: s, language: l.language(f, n, s.Location)}
	if r.language == nil {
		return
	}
	if v, ok := fields["let"]; ok {
		r.lets(v, path+".let")
	}
	rules, ok := fields["rules"]
	if !ok {
		if n.Kind == yaml.MappingNode {
			f.Wrong(n, path+".rules", "is missing; write a list of rules, each with name, recipients and title")
		}
		return
	}
	elements := f.List(rules, path+".rules", "rules")
	if rules.Kind == yaml.SequenceNode && len(elements) == 0 {
		f.Wrong(rules, path+".rules", "is empty; write at least one rule with name, recipients and title")
	}
	for i, e := range elements {
		if made := r.rule(e, path+".rules", i, fields["let"]); made != nil {
			s.rules = append(s.rules, made)
		}
	}
	l.sources = append(l.sources, s)
}

// names reads which topics a source is for.
func (l *loader) names(f *yamlfile.File, s *Source, n *yaml.Node, fields map[string]*yaml.Node, path string) {
	topic, hasTopic := fields["topic"]
	pattern, hasPattern := fields["pattern"]
	switch {
	case hasTopic && hasPattern:
		f.Wrong(pattern, path+".pattern", "is given beside topic; keep one of the two")
	case !hasTopic && !hasPattern:
		if n.Kind == yaml.MappingNode {
			f.Wrong(n, path+".topic", "is missing; name the topic to read, or several by pattern:")
		}
		return
	}
	field, node := "topic", topic
	if !hasTopic {
		field, node = "pattern", pattern
	}
	text, ok := f.Text(node, path+"."+field)
	if !ok {
		return
	}
	problem := ""
	if hasTopic {
		s.Topic = text
		problem = checkTopic(text, l.options.Prefix)
	} else {
		s.Pattern = text
		s.pattern, problem = compilePattern(text)
	}
	if problem != "" {
		f.Wrong(node, path+"."+field, "%s", problem)
		return
	}
	if line, ok := l.topics[field+text]; ok {
		f.Wrong(node, path+"."+field, "%.80q has a source already (line %d); put all of its rules into one", text, line)
		return
	}
	l.topics[field+text] = node.Line
}

// language returns a copy to define names in.
func (l *loader) language(f *yamlfile.File, n *yaml.Node, zone *time.Location) *language {
	base, ok := l.languages[zone.String()]
	if !ok {
		var err error
		if base, err = newLanguage(zone); err != nil {
			f.Wrong(n, "", "%v", err)
			return nil
		}
		l.languages[zone.String()] = base
	}
	own := *base
	own.names = slices.Clone(base.names)
	return &own
}

// across checks what shows only in all files together.
func (l *loader) across() {
	names := slices.Sorted(maps.Keys(l.made))
	for _, r := range l.retracts {
		target, ok := l.made[r.retract.rule]
		switch {
		case !ok && len(names) == 0:
		case !ok:
			r.file.Wrong(r.node, r.path, "there is no rule %.80q; name the rule whose notification is taken back, the nearest one is %q", r.retract.rule, yamlfile.Nearest(r.retract.rule, names))
		case target.rule.retract != nil:
			r.file.Wrong(r.node, r.path, "the rule %.80q retracts too; name the rule whose notification is taken back", r.retract.rule)
		case target.rule.member != nil:
			r.file.Wrong(r.node, r.path, "the rule %.80q sends nothing; name the rule whose notification is taken back", r.retract.rule)
		case (target.rule.audience != nil) != (r.rule.audience != nil):
			r.file.Wrong(r.node, r.path, "the rule %.80q is for %s; take it back from the same ones", r.retract.rule, target.rule.whom())
		case r.retract.source == nil:
			l.inherit(r, target)
		}
	}
}

// inherit gives a retraction the source of what it takes back: the two have to
// be the same.
func (l *loader) inherit(r retractSite, target *madeRule) {
	path := strings.TrimSuffix(r.path, "rule") + "source"
	switch {
	case slices.ContainsFunc(target.rule.texts, func(t ruleText) bool { return t.field == "source" }):
		r.file.Wrong(r.node, path, "is missing; the rule %q makes its source of the event, so give the same text here", target.rule.name)
	case target.rule.base.Source != "":
		r.retract.source = &template{source: target.rule.base.Source, texts: []string{target.rule.base.Source}}
	case target.source.Name() != r.source.Name():
		r.file.Wrong(r.node, path, "is missing; the rule %q is of another topic, so give both the same source", target.rule.name)
	}
}

// ParseZone returns a time zone by its IANA name.
func ParseZone(name string) (*time.Location, error) {
	zone, err := reach.LoadZone(name)
	if err != nil {
		return nil, &belfry.FieldError{Problem: "must be a time zone by its IANA name, such as Asia/Seoul, Europe/Berlin or UTC, not " + strconv.Quote(name)}
	}
	return zone, nil
}

var ruleName = regexp.MustCompile(`^[a-z0-9._-]{1,100}$`)

// canonical is the text of a node without comments and layout; the order of its
// fields counts if it is ordered, as that of let is.
func canonical(n *yaml.Node, ordered bool) string {
	var b strings.Builder
	writeCanonical(&b, n, ordered)
	return b.String()
}

func writeCanonical(b *strings.Builder, n *yaml.Node, ordered bool) {
	switch n.Kind {
	case yaml.MappingNode:
		type pair struct{ key, value *yaml.Node }
		var pairs []pair
		for i := 0; i+1 < len(n.Content); i += 2 {
			pairs = append(pairs, pair{n.Content[i], n.Content[i+1]})
		}
		if !ordered {
			slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.key.Value, b.key.Value) })
		}
		b.WriteString("{")
		for _, p := range pairs {
			b.WriteString(strconv.Quote(p.key.Value) + ":")
			writeCanonical(b, p.value, p.key.Value == "let")
			b.WriteString(",")
		}
		b.WriteString("}")
	case yaml.SequenceNode:
		b.WriteString("[")
		for _, c := range n.Content {
			writeCanonical(b, c, false)
			b.WriteString(",")
		}
		b.WriteString("]")
	default:
		b.WriteString(n.ShortTag() + " " + strconv.Quote(strings.TrimSpace(n.Value)))
	}
}
