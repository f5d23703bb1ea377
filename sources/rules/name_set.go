package rules

import "slices"

// fewNames are how many names are looked through one by one sooner than they are hashed.
const fewNames = 16

// nameSet is a set of people. Those of most events are few.
type nameSet struct {
	few  []string
	many map[string]bool // nil for few
}

// newNameSet returns a set that will have at most that many.
func newNameSet(most int) nameSet {
	if most > fewNames {
		return nameSet{many: make(map[string]bool, most)}
	}
	return nameSet{few: make([]string, 0, most)}
}

func (n *nameSet) has(name string) bool {
	return n.many[name] || slices.Contains(n.few, name)
}

// add reports whether the name is new.
func (n *nameSet) add(name string) bool {
	switch {
	case n.has(name):
		return false
	case n.many != nil:
		n.many[name] = true
	default:
		n.few = append(n.few, name)
	}
	return true
}

func (n *nameSet) empty() bool { return len(n.many)+len(n.few) == 0 }
