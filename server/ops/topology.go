package ops

import "slices"

// topology is what reads and writes which topics, as a graph without cycles.
type topology struct {
	Nodes []topologyNode `json:"nodes"`
	Edges []topologyEdge `json:"edges"`
}

// topologyNode is a topic, a table, a group, or what every server does.
type topologyNode struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // topic, table, group or server
	// Column is where to draw it: how many nodes the longest way to it has, or,
	// if none leads to it, right before what it leads to.
	Column int    `json:"column"`
	State  string `json:"state,omitempty"` // of a group
	Lag    int64  `json:"lag"`             // of a group
}

// topologyEdge is where records go.
type topologyEdge struct {
	From string `json:"from"`
	To   string `json:"to"`
}

func newTopology(flows []Flow, groups []groupStatus) topology {
	t := topology{Nodes: []topologyNode{}, Edges: []topologyEdge{}}
	for _, f := range flows {
		for _, in := range f.Inputs {
			t.node(in, "topic")
		}
		n := t.node(f.Name, f.Kind)
		for _, g := range groups {
			if f.Kind == "group" && g.Name == f.Name {
				n.State, n.Lag = g.State, g.Lag
			}
		}
		for _, out := range slices.Concat(f.Outputs, f.Tables) {
			kind := "topic"
			if slices.Contains(f.Tables, out) {
				kind = "table"
			}
			t.node(out, kind)
		}
		for _, in := range f.Inputs {
			t.Edges = append(t.Edges, topologyEdge{in, f.Name})
		}
		for _, out := range slices.Concat(f.Outputs, f.Tables) {
			t.Edges = append(t.Edges, topologyEdge{f.Name, out})
		}
	}
	t.place()
	return t
}

// node returns the node of that name, a new one if there is none.
func (t *topology) node(name, kind string) *topologyNode {
	if i := slices.IndexFunc(t.Nodes, func(n topologyNode) bool { return n.Name == name }); i >= 0 {
		if kind == "table" {
			t.Nodes[i].Kind = kind
		}
		return &t.Nodes[i]
	}
	t.Nodes = append(t.Nodes, topologyNode{Name: name, Kind: kind})
	return &t.Nodes[len(t.Nodes)-1]
}

// place finds the columns. Each round can only move nodes to the right; there
// are as many as the longest way without a cycle can have.
func (t *topology) place() {
	column := make(map[string]int, len(t.Nodes))
	for range t.Nodes {
		moved := false
		for _, e := range t.Edges {
			if column[e.To] <= column[e.From] {
				column[e.To], moved = column[e.From]+1, true
			}
		}
		if !moved {
			break
		}
	}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		n.Column = column[n.Name]
		// A node that nothing leads to stands right before what it leads to: an edge
		// over several columns would run through what is between.
		if !slices.ContainsFunc(t.Edges, func(e topologyEdge) bool { return e.To == n.Name }) {
			nearest := len(t.Nodes)
			for _, e := range t.Edges {
				if e.From == n.Name {
					nearest = min(nearest, column[e.To]-1)
				}
			}
			if nearest < len(t.Nodes) {
				n.Column = nearest
			}
		}
	}
}
