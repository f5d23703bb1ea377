package rules

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/belfry/belfry"
)

// The characters of a topic's name, and how many it may have; see Kafka's
// org.apache.kafka.common.internals.Topic.
const (
	topicCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	maxTopicBytes   = 249
)

// checkTopic says what is wrong with the name of a topic to read, "" if nothing
// is.
func checkTopic(name string, prefix belfry.Prefix) string {
	switch {
	case name == "" || len(name) > maxTopicBytes || name == "." || name == ".." || strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(topicCharacters, r) }):
		return fmt.Sprintf("%.80q can be no topic: a name has 1 to %d letters, digits, '.', '_' or '-'; for several topics write pattern: instead", name, maxTopicBytes)
	case prefix.Owns(name):
		return fmt.Sprintf("%.80q is a topic of Belfry's or Kafka's own, which no rule may read; name the topic of a service", name)
	}
	return ""
}

// compilePattern returns the expression for whole names, or what is wrong with
// the pattern.
func compilePattern(pattern string, prefix belfry.Prefix) (*regexp.Regexp, string) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, fmt.Sprintf("is no regular expression (RE2): %v; note that any text is \".*\", not \"*\"", err)
	}
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return nil, fmt.Sprintf("is no regular expression (RE2) of a name: %v", err)
	}
	switch matchable(re, prefix) {
	case matchesNothing:
		return nil, fmt.Sprintf("no topic can match it: a name has 1 to %d letters, digits, '.', '_' or '-', and the pattern is for the whole name; any text is \".*\"", maxTopicBytes)
	case matchesOwn:
		return nil, "it matches topics of Belfry's or Kafka's own alone, which no rule may read; name the topics of services"
	}
	return re, ""
}

type match int

const (
	matchesNothing match = iota
	matchesOwn
	matchesOthers
)

// maxPatternWork bounds the search of matchable, in instructions looked at: a few
// tenths of a second. A pattern that needs more is taken for one that matches
// something.
const maxPatternWork = 3_000_000

// matchable finds out which topics an expression for whole names can match, by
// a search through the states of its automaton: names are far too many to try.
func matchable(re *regexp.Regexp, prefix belfry.Prefix) match {
	parsed, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return matchesOthers
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return matchesOthers
	}
	a := &automaton{prog: prog}
	// Names of the same states are not the same to Owns, so that a few of each
	// are kept: more than there are topics of ours, "." and "..".
	kept := map[string]int{}
	most := len(prefix.Topics(1)) + 3
	found := matchesNothing
	type node struct {
		name string
		pcs  []uint32
	}
	queue := []node{{"", []uint32{uint32(prog.Start)}}}
	for len(queue) > 0 && a.work < maxPatternWork {
		n := queue[0]
		queue = queue[1:]
		if n.name != "" && a.accepts(n.pcs, n.name) {
			switch {
			case prefix.Owns(n.name):
				found = matchesOwn
			case checkTopic(n.name, prefix) == "":
				return matchesOthers
			}
		}
		if len(n.name) == maxTopicBytes {
			continue
		}
		// What can come next depends on the next character only by whether it
		// belongs to a word.
		word, other := a.closure(n.pcs, last(n.name), 'a'), a.closure(n.pcs, last(n.name), '.')
		for _, c := range topicCharacters {
			from := other
			if syntax.IsWordChar(c) {
				from = word
			}
			next := a.step(from, c)
			if len(next) == 0 {
				continue
			}
			key := stateKey(next, n.name+string(c))
			if kept[key] == most {
				continue
			}
			kept[key]++
			queue = append(queue, node{n.name + string(c), next})
		}
	}
	if len(queue) > 0 {
		return matchesOthers
	}
	return found
}

// stateKey tells apart what the future of a search depends on.
func stateKey(pcs []uint32, name string) string {
	internal := "?"
	if strings.HasPrefix(name, "__") {
		internal = "internal"
	} else if name == "_" {
		internal = "_"
	}
	return fmt.Sprint(pcs, internal, syntax.IsWordChar(last(name)))
}

// automaton runs a compiled expression over sets of its instructions.
type automaton struct {
	prog *syntax.Prog
	work int // instructions looked at
}

func last(name string) rune {
	if name == "" {
		return -1
	}
	return rune(name[len(name)-1])
}

// closure follows all instructions that take no character, between what stands
// before and what comes next (-1: nothing).
func (a *automaton) closure(pcs []uint32, before, next rune) []uint32 {
	flags := syntax.EmptyOpContext(before, next)
	seen := map[uint32]bool{}
	stack := slices.Clone(pcs)
	var out []uint32
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		a.work++
		in := &a.prog.Inst[pc]
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^flags == 0 {
				stack = append(stack, in.Out)
			}
		default:
			out = append(out, pc)
		}
	}
	return out
}

func (a *automaton) accepts(pcs []uint32, name string) bool {
	return slices.ContainsFunc(a.closure(pcs, last(name), -1), func(pc uint32) bool {
		return a.prog.Inst[pc].Op == syntax.InstMatch
	})
}

// step returns what follows after a character, from a closure.
func (a *automaton) step(closure []uint32, c rune) []uint32 {
	var out []uint32
	a.work += len(closure)
	for _, pc := range closure {
		in := &a.prog.Inst[pc]
		switch in.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if in.MatchRune(c) {
				out = append(out, in.Out)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
