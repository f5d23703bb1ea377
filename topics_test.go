package belfry_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/belfry/belfry"
)

func TestSourceGroupsAreTheirOwn(t *testing.T) {
	seen := map[string]string{}
	for _, source := range []string{"topic a", "pattern a", "topic b", ""} {
		group := belfry.Prefix("acme").SourceGroup(source)
		if other, ok := seen[group]; ok || !strings.HasPrefix(group, "acme-source-") {
			t.Errorf("sources %q and %q have the group %s", source, other, group)
		}
		seen[group] = source
	}
	// Every later version must find the group of a source that was noted.
	if got, want := belfry.Prefix("acme").SourceGroup("topic orders"), "acme-source-9ab5253609c2a027"; got != want {
		t.Errorf("got group %s, want %s", got, want)
	}
}

func TestNames(t *testing.T) {
	for _, prefix := range []belfry.Prefix{belfry.DefaultPrefix, "acme.inbox"} {
		p := string(prefix)
		for got, want := range map[string]string{
			prefix.Notifications():                     p + ".notifications",
			prefix.Journal():                           p + ".journal",
			prefix.FormerItems():                       p + ".items",
			prefix.DeadLetters():                       p + ".dead-letters",
			prefix.Outbound():                          p + ".outbound",
			prefix.Outbound():                          p + ".outbound",
			prefix.WebPushGroup():                      p + "-webpush",
			prefix.MailGroup():                         p + "-mail",
			prefix.UnreadTable():                       p + "-unread-table",
			prefix.InboxTable():                        p + "-inbox-table",
			prefix.UnreadGroup():                       p + "-unread",
			prefix.FormerInboxGroup():                  p + "-inbox",
			prefix.RouterGroup("orders"):               p + "-router-orders",
			prefix.RouterGroup(prefix.Notifications()): p + "-router-" + p + ".notifications",
		} {
			if got != want {
				t.Errorf("prefix %s: %q, want %q", p, got, want)
			}
		}
	}
}

func TestPrefixCheck(t *testing.T) {
	for _, ok := range []belfry.Prefix{belfry.DefaultPrefix, "b", "a.b_c-d", "9", belfry.Prefix(strings.Repeat("a", 100))} {
		if err := ok.Check(); err != nil {
			t.Errorf("%q refused: %v", ok, err)
		}
	}
	for _, bad := range []belfry.Prefix{"", ".", "__a", "a.", "-a", "a b", "a/b", "벨", "a\n", belfry.Prefix(strings.Repeat("a", 101))} {
		var fe *belfry.FieldError
		if err := bad.Check(); !errors.As(err, &fe) || fe.Field != "prefix" {
			t.Errorf("%q: %v, want an error of the field prefix", bad, err)
		}
	}
}

func TestOwns(t *testing.T) {
	const p = belfry.Prefix("acme")
	for _, spec := range p.Topics(1) {
		if !p.Owns(spec.Name) {
			t.Errorf("does not own %s", spec.Name)
		}
		if belfry.Prefix(belfry.DefaultPrefix).Owns(spec.Name) {
			t.Errorf("another prefix owns %s", spec.Name)
		}
	}
	for topic, want := range map[string]bool{
		"__consumer_offsets": true, "__x": true,
		"orders": false, "acme.items": true, "acme.orders": false, "acme-unread-loop": false, "acmeorders": false, "_acme": false, "my.acme.journal": false, "": false,
	} {
		if got := p.Owns(topic); got != want {
			t.Errorf("owns %q = %t, want %t", topic, got, want)
		}
	}
}

func TestTopics(t *testing.T) {
	table := map[string]string{
		"cleanup.policy": "compact", "min.compaction.lag.ms": "3600000", "max.compaction.lag.ms": "86400000",
		"segment.ms": "3600000", "delete.retention.ms": "86400000",
	}
	kept := func(retention string) map[string]string {
		return map[string]string{"cleanup.policy": "delete", "retention.ms": retention, "segment.ms": "86400000"}
	}
	journal := kept("604800000")
	journal["message.timestamp.type"] = "LogAppendTime"
	dead := kept("2592000000")
	dead["max.message.bytes"] = "2097152"
	want := map[string]map[string]string{
		"b.notifications": kept("604800000"), "b.journal": journal,
		"b.dead-letters": dead, "b.outbound": kept("2592000000"), "b-unread-table": table, "b-inbox-table": table,
	}
	specs := belfry.Prefix("b").Topics(5)
	if len(specs) != len(want) {
		t.Errorf("%d topics, want %d", len(specs), len(want))
	}
	for _, s := range specs {
		if s.Partitions != 5 {
			t.Errorf("%s has %d partitions, want 5", s.Name, s.Partitions)
		}
		for k, v := range want[s.Name] {
			if s.Config[k] != v {
				t.Errorf("%s: %s = %q, want %q", s.Name, k, s.Config[k], v)
			}
		}
		if len(s.Config) != len(want[s.Name]) {
			t.Errorf("%s has settings %v, want %v", s.Name, s.Config, want[s.Name])
		}
	}
	specs[0].Config["retention.ms"] = "1"
	if got := belfry.Prefix("b").Topics(5)[0].Config["retention.ms"]; got == "1" {
		t.Error("a caller's change reaches the next caller")
	}
}

func TestGroupInputs(t *testing.T) {
	got := belfry.Prefix("p").GroupInputs()
	want := map[string][]string{
		"p-router-p.notifications": {"p.notifications"},
		"p-unread":                 {"p.journal"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
