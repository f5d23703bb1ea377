package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belfry/belfry"
)

// Step is what [Topics.Ensure] would do about one topic.
type Step struct {
	Topic string
	// Create says that it does not exist and would be created.
	Create      bool
	Partitions  int // that it has, or would have
	Replication int // that it would be created with; 0 unless Create
	// Settings are those of the specification, and what it would be created
	// with besides.
	Settings map[string]string
	// Differs is what is not as it must be of a topic that exists. Nothing of
	// that would be changed.
	Differs []Difference
}

// Difference is one thing that is not as it must be. An empty Setting is the
// partition count.
type Difference struct {
	Setting, Is, Want string
}

// String is one line for people.
func (s Step) String() string {
	switch {
	case s.Create:
		line := fmt.Sprintf("create   %s: %d partitions, replication %d", s.Topic, s.Partitions, s.Replication)
		for _, k := range slices.Sorted(maps.Keys(s.Settings)) {
			line += ", " + k + "=" + s.Settings[k]
		}
		return line
	case len(s.Differs) > 0:
		all := make([]string, len(s.Differs))
		for i, d := range s.Differs {
			all[i] = d.String()
		}
		return fmt.Sprintf("differs  %s: %s", s.Topic, strings.Join(all, "; "))
	default:
		return fmt.Sprintf("keep     %s: %d partitions", s.Topic, s.Partitions)
	}
}

// String is what is the matter, without the remedy.
func (d Difference) String() string {
	if d.Setting == "" {
		return fmt.Sprintf("%s partitions, not %s", d.Is, d.Want)
	}
	return fmt.Sprintf("%s=%q, not %q", d.Setting, d.Is, d.Want)
}

// Mismatches are topics that exist and are not as they must be. It matches [ErrTopic].
// Its text has a line for each topic, and what to do.
type Mismatches []string

// Error returns the lines, the first of which says how many topics there are.
func (m Mismatches) Error() string { return strings.Join(m, "\n") }

// Lines are those of the text, for people.
func (m Mismatches) Lines() []string { return m }

// Is reports whether target is [ErrTopic].
func (m Mismatches) Is(target error) bool { return target == ErrTopic }

// mismatches returns the error of differences by topic, nil if there are none.
func (t *Topics) mismatches(specs []belfry.TopicSpec, differs map[string][]Difference) error {
	var lines Mismatches
	partitions := ""
	for _, s := range specs {
		if len(differs[s.Name]) == 0 {
			continue
		}
		var is, set []string
		for _, d := range differs[s.Name] {
			is = append(is, d.String())
			if d.Setting == "" {
				partitions = d.Is
			} else {
				set = append(set, d.Setting+"="+d.Want)
			}
		}
		line := s.Name + " has " + strings.Join(is, "; ")
		if len(set) > 0 {
			line += fmt.Sprintf(": set it with kafka-configs --alter --topic %s --add-config %s --bootstrap-server %s", s.Name, strings.Join(set, ","), strings.Join(t.brokers, ","))
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return nil
	}
	head := fmt.Sprintf("%d of %d topics are not as they must be", len(lines), len(specs))
	if partitions != "" {
		lines = append(lines, fmt.Sprintf("start with --partitions %s if all topics have that many (partitions cannot change for life; how to get more, with another --prefix: docs/operations.md, \"More partitions\")", partitions))
	}
	return slices.Insert(lines, 0, head)
}

// Plan tells what [Topics.Ensure] would do, topic by topic, and changes nothing.
func (t *Topics) Plan(specs []belfry.TopicSpec, replication int) ([]Step, error) {
	replication, err := t.replication(replication)
	if err != nil {
		return nil, err
	}
	infos, err := t.Existing(namesOf(specs)...)
	if err != nil {
		return nil, err
	}
	existing, _ := parted(specs, infos)
	differs, err := t.differences(existing, infos)
	if err != nil {
		return nil, err
	}
	steps := make([]Step, len(specs))
	for i, s := range specs {
		if info, ok := infos[s.Name]; ok {
			steps[i] = Step{Topic: s.Name, Partitions: info.Partitions, Settings: s.Config, Differs: differs[s.Name]}
		} else {
			steps[i] = Step{Topic: s.Name, Create: true, Partitions: s.Partitions, Replication: replication, Settings: settings(s, replication)}
		}
	}
	return steps, nil
}

// Verify checks topics that exist against their specification; the error of those that
// are not as they must be is [Mismatches].
func (t *Topics) Verify(specs []belfry.TopicSpec) error {
	if len(specs) == 0 {
		return nil
	}
	infos, err := t.Info(namesOf(specs)...)
	if err != nil {
		return err
	}
	differs, err := t.differences(specs, infos)
	if err != nil {
		return err
	}
	return t.mismatches(specs, differs)
}

// differences compares topics that exist with their specification.
func (t *Topics) differences(specs []belfry.TopicSpec, infos map[string]TopicInfo) (map[string][]Difference, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	got, err := t.configs(specs)
	if err != nil {
		return nil, err
	}
	out := map[string][]Difference{}
	for _, s := range specs {
		if is := infos[s.Name].Partitions; is != s.Partitions {
			out[s.Name] = append(out[s.Name], Difference{Is: fmt.Sprint(is), Want: fmt.Sprint(s.Partitions)})
		}
		for _, k := range slices.Sorted(maps.Keys(s.Config)) {
			if is, want := got[s.Name][k], s.Config[k]; is != want {
				out[s.Name] = append(out[s.Name], Difference{k, is, want})
			}
		}
	}
	return out, nil
}

// configs returns the settings of the topics, by topic.
func (t *Topics) configs(specs []belfry.TopicSpec) (map[string]map[string]string, error) {
	results, err := t.Admin.DescribeTopicConfigs(context.Background(), namesOf(specs)...)
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	got := map[string]map[string]string{}
	for _, r := range results {
		if r.Err != nil {
			return nil, fmt.Errorf("describe topic %s: %w", r.Name, r.Err)
		}
		got[r.Name] = map[string]string{}
		for _, e := range r.Configs {
			got[r.Name][e.Key] = e.MaybeValue()
		}
	}
	return got, nil
}
