package rules

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/sources/yamlfile"
)

// rule reads one rule, the i-th of its source; what is wrong with it is
// reported, and then it must not be used.
func (r *sourceReader) rule(n *yaml.Node, path string, i int, let *yaml.Node) *rule {
	path = fmt.Sprintf("%s[%s]", path, r.label(n, i))
	known := append(shortTexts(), "name", "each", "when", "recipients", "exclude", "audience", "title", "body", "actor", "time", "expires_at", "deliver_at", "data",
		"retract", "subscribe", "unsubscribe", "join")
	fields := r.Fields(n, path, "a mapping with name, recipients and title", known...)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	out := &rule{}
	r.name(out, n, fields, path)
	text := canonical(n, false)
	if let != nil {
		text += "\nlet " + canonical(let, true)
	}
	out.hash = inbox.RuleHash(text)
	r.checkAddressees(n, fields, path)
	if n := fields["each"]; n != nil {
		out.each = r.expression(n, path+".each", elements, true)
		if r = r.withItem(n, path+".each"); r == nil {
			return nil
		}
	}
	out.when = r.optional(fields, path, "when", condition, false)
	out.whenOfItem = out.when != nil && out.when.ofItem
	out.recipients = r.optional(fields, path, "recipients", people, true)
	out.exclude = r.optional(fields, path, "exclude", people, true)
	r.audience(out, fields, path)
	if r.member(out, fields, path) {
		return out
	}
	if v, ok := fields["retract"]; ok {
		r.retract(out, v, fields, path)
		return out
	}
	r.notification(out, n, fields, path)
	return out
}

// checkAddressees reports a rule that is for nobody, or for people and an audience.
func (r *sourceReader) checkAddressees(n *yaml.Node, fields map[string]*yaml.Node, path string) {
	v, to := fields["audience"]
	switch {
	case !to && fields["recipients"] == nil && memberKind(fields) >= 0:
		r.Wrong(n, path+".recipients", "is missing; name the field with the ids of those whom it is about, for example recipients: event.userId")
	case !to && fields["recipients"] == nil:
		r.Wrong(n, path+".recipients", "is missing; name the field with the ids of those who get it, for example recipients: event.customerId, or audience: all for everybody")
	case to && fields["recipients"] != nil:
		r.Wrong(v, path+".audience", "give either audience or recipients, not both; make two rules of it")
	case to && fields["exclude"] != nil:
		r.Wrong(fields["exclude"], path+".exclude", "leaves people out of recipients, and nobody out of an audience; remove it")
	}
}

// audience reads whom a rule is for that names no recipients.
func (r *sourceReader) audience(out *rule, fields map[string]*yaml.Node, path string) {
	v, ok := fields["audience"]
	if !ok {
		return
	}
	if out.audience = r.template(v, path+".audience", false); out.audience == nil {
		return
	}
	if text, ok := out.audience.constant(); ok {
		if err := belfry.CheckAudience(text); err != nil {
			r.Wrong(v, path+".audience", "%v", unnamed(err))
		}
	}
}

// memberKinds are those of rules that say something of their recipients themselves.
var memberKinds = []inbox.Kind{inbox.KindSubscribe, inbox.KindUnsubscribe, inbox.KindJoin}

// memberKind is the place in memberKinds of what a rule has, -1 for none.
func memberKind(fields map[string]*yaml.Node) int {
	return slices.IndexFunc(memberKinds, func(k inbox.Kind) bool { return fields[k.String()] != nil })
}

// member reads a rule that says something of its recipients themselves, and reports
// whether it is one.
func (r *sourceReader) member(out *rule, fields map[string]*yaml.Node, path string) bool {
	at := memberKind(fields)
	if at < 0 {
		return false
	}
	kind := memberKinds[at]
	v := fields[kind.String()]
	own := path + "." + kind.String()
	others := append(shortTexts(), "title", "body", "actor", "time", "expires_at", "deliver_at", "data", "retract", "audience", "unsubscribe", "join")
	for _, field := range others {
		if other, ok := fields[field]; ok && field != kind.String() {
			r.Wrong(other, yamlfile.Join(path, field), "a rule with %s is about its recipients themselves, who get nothing by it; remove %s, or make two rules of it", kind, field)
		}
	}
	out.member = &ruleMember{kind: kind}
	if kind == inbox.KindJoin {
		if v.Kind != yaml.ScalarNode || v.ShortTag() != "!!bool" || v.Value != "true" {
			r.Wrong(v, own, "must be true: its recipients are new, and do not begin with the notices of before")
		}
		return true
	}
	out.member.topic = r.template(v, own, false)
	if text, ok := out.member.topic.constant(); ok && out.member.topic != nil {
		if err := belfry.CheckTopic(text); err != nil {
			r.Wrong(v, own, "%v", unnamed(err))
		}
	}
	return true
}

// withItem returns a reader whose language knows the element of a rule's list; nil
// if the source has given the name away.
func (r *sourceReader) withItem(n *yaml.Node, path string) *sourceReader {
	own, language := *r, *r.language
	language.names = slices.Clone(language.names)
	own.language = &language
	if slices.Contains(language.names, itemName) {
		r.Wrong(n, path, "each element is called %q, which let: has defined; choose another name there", itemName)
		return nil
	}
	if err := language.define(itemName, cel.DynType); err != nil {
		r.Wrong(n, path, "%v", err)
		return nil
	}
	return &own
}

// label names a rule in paths: its name if it has one, else its place.
func (r *sourceReader) label(n *yaml.Node, i int) string {
	for j := 0; n.Kind == yaml.MappingNode && j+1 < len(n.Content); j += 2 {
		if n.Content[j].Value == "name" && ruleName.MatchString(n.Content[j+1].Value) {
			return n.Content[j+1].Value
		}
	}
	return fmt.Sprint(i)
}

func (r *sourceReader) name(out *rule, n *yaml.Node, fields map[string]*yaml.Node, path string) {
	v, ok := fields["name"]
	if !ok {
		r.Wrong(n, path+".name", "is missing; give the rule a name of its own, such as order-received: ids, metrics and dead letters carry it")
		return
	}
	text, ok := r.Text(v, path+".name")
	if !ok {
		return
	}
	if !ruleName.MatchString(text) {
		r.Wrong(v, path+".name", "must be 1 to 100 of a-z, 0-9, '.', '_' and '-', not %.120q", text)
		return
	}
	if first, ok := r.loader.made[text]; ok {
		r.Wrong(v, path+".name", "%q is the name of another rule (%s:%d); give each its own, over all files", text, first.file, first.line)
		return
	}
	out.name = text
	r.loader.made[text] = &madeRule{out, r.source, r.File.Name, v.Line}
}

// optional compiles the expression of a field; nil if it is not there or wrong.
func (r *sourceReader) optional(fields map[string]*yaml.Node, path, field string, s shape, written bool) *expression {
	if n := fields[field]; n != nil {
		return r.expression(n, yamlfile.Join(path, field), s, written)
	}
	return nil
}

// notification reads the fields of what recipients get.
func (r *sourceReader) notification(out *rule, n *yaml.Node, fields map[string]*yaml.Node, path string) {
	texts := shortTexts()
	if v, ok := fields["actor"]; ok {
		for field, n := range r.Fields(v, path+".actor", "a mapping with id, name and avatar", "id", "name", "avatar") {
			fields["actor."+field] = n
		}
		texts = append(texts, "actor.id", "actor.name", "actor.avatar")
	}
	for _, field := range texts {
		if v, ok := fields[field]; ok {
			r.shortText(out, v, path, field)
		}
	}
	if v, ok := fields["title"]; ok {
		out.title, out.base.Title = settle(r.languages(v, path+".title"))
		if v.Kind == yaml.ScalarNode && v.Value == "" || v.Kind == yaml.MappingNode && len(v.Content) == 0 {
			r.Wrong(v, path+".title", "is empty; write what recipients read, for example title: \"Order ${event.no} received\"")
		}
	} else {
		r.Wrong(n, path+".title", "is missing; write what recipients read, for example title: \"Order ${event.no} received\"")
	}
	if v, ok := fields["body"]; ok {
		out.body, out.base.Body = settle(r.languages(v, path+".body"))
	}
	out.time = r.optional(fields, path, "time", moment, false)
	out.expiresAt = r.optional(fields, path, "expires_at", moment, false)
	out.deliverAt = r.optional(fields, path, "deliver_at", moment, false)
	if v, ok := fields["data"]; ok {
		r.ruleData(out, v, path+".data")
	}
	r.constants(out.base, fields, path)
}

func (r *sourceReader) shortText(out *rule, v *yaml.Node, path, field string) {
	t := r.template(v, yamlfile.Join(path, field), false)
	if t == nil {
		return
	}
	text, ok := t.constant()
	if !ok {
		out.texts = append(out.texts, ruleText{field, t})
		return
	}
	if err := setText(&out.base, field, text); err != nil {
		r.Wrong(v, yamlfile.Join(path, field), "%v", unnamed(err))
	}
}

// settle returns texts that are the same for every event as the text itself.
func settle(texts []languageText) ([]languageText, belfry.Text) {
	fixed := belfry.Text{}
	for _, t := range texts {
		text, ok := t.template.constant()
		if !ok {
			return texts, nil
		}
		if text != "" {
			fixed[t.language] = text
		}
	}
	if len(fixed) == 0 {
		return nil, nil
	}
	return nil, fixed
}

func (r *sourceReader) ruleData(out *rule, v *yaml.Node, path string) {
	if v.Kind != yaml.MappingNode {
		var t *template
		if v.Kind == yaml.ScalarNode {
			if t = r.template(v, path, true); t == nil {
				return
			}
		}
		if t == nil || t.whole() == nil {
			r.Wrong(v, path, "must be a mapping, or one ${...} that gives an object")
			return
		}
		out.data = t
		return
	}
	data, _ := r.data(v, path)
	if !fixedData(data) {
		out.data = data
		return
	}
	raw, err := encodeData(data, nil)
	if err != nil {
		r.Wrong(v, path, "%v", err)
		return
	}
	out.base.Data = raw
}

// retract reads what a rule takes back.
func (r *sourceReader) retract(out *rule, n *yaml.Node, fields map[string]*yaml.Node, path string) {
	for _, field := range append(shortTexts(), "title", "body", "actor", "time", "expires_at", "deliver_at", "data") {
		if v, ok := fields[field]; ok {
			r.Wrong(v, yamlfile.Join(path, field), "a rule that retracts has no text of its own; remove %s, or make two rules of it", field)
		}
	}
	at := path + ".retract"
	parts := r.Fields(n, at, "a mapping with id and rule, or with collapse_key", "id", "rule", "source", "collapse_key")
	if n.Kind != yaml.MappingNode {
		return
	}
	out.retract = &ruleRetraction{}
	for field, to := range map[string]**template{"id": &out.retract.id, "source": &out.retract.source, "collapse_key": &out.retract.collapseKey} {
		if v, ok := parts[field]; ok {
			if *to = r.template(v, yamlfile.Join(at, field), false); *to == nil {
				continue
			}
			if text, ok := (*to).constant(); ok && text == "" {
				r.Wrong(v, yamlfile.Join(at, field), "is empty; give it a text, such as \"${event.id}\"")
			}
		}
	}
	rule, hasRule := parts["rule"]
	_, hasID := parts["id"]
	_, hasKey := parts["collapse_key"]
	switch {
	case hasID == hasKey:
		r.Wrong(n, at, "needs either id and rule, or collapse_key")
	case hasKey && (hasRule || parts["source"] != nil):
		r.Wrong(n, at, "collapse_key stands alone; remove rule and source")
	case hasID && !hasRule:
		r.Wrong(n, at+".rule", "is missing; name the rule whose notification is taken back (\"\" for one that came without rules)")
	case hasID:
		name, ok := r.Text(rule, at+".rule")
		out.retract.rule = name
		if ok && name != "" {
			r.loader.retracts = append(r.loader.retracts, retractSite{r.File, rule, at + ".rule", r.source, out, out.retract})
		}
	}
}
