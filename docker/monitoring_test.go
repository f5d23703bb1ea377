package docker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
)

// TestMonitoring scrapes real processes with a real Prometheus: every panel of
// our dashboards shows something, so do dashboards and rules of others, and an
// alert fires when it must and clears.
func TestMonitoring(t *testing.T) {
	if testing.Short() {
		t.Skip("runs processes of its own")
	}
	s := startScene(t)
	exprs := map[string]string{}
	for file, d := range dashboards(t) {
		for name, expr := range queriesOf(&d) {
			exprs[file+": "+name] = expr
		}
	}
	if len(exprs) < 60 {
		t.Fatalf("got %d queries", len(exprs))
	}
	for name, expr := range queriesOfOthers() {
		exprs[name] = expr
	}
	for name, expr := range exprs {
		// Without a fault, or a sender, there is no such figure: that it can be asked for must do.
		if slices.ContainsFunc(slices.Concat(faultsAlone, sendersAlone), func(metric string) bool { return strings.Contains(expr, metric) }) {
			exprs[name] = "(" + expr + ") or vector(0)"
		}
	}
	s.awaitFigures(exprs)
	s.wantLabels()
	s.wantAlertOfStoppedProcessors()
}

// faultsAlone are metrics that a healthy installation does not have.
var faultsAlone = []string{"belfry_source_topic_missing", "belfry_skipped_records_total", "belfry_foreign_commits_total", "belfry_held_back_offsets"}

// sendersAlone are metrics that an installation without channels does not have.
var sendersAlone = []string{"belfry_outbound_", "belfry_bounces_total", "belfry_unsubscribed_total"}

// queriesOf are the queries of a dashboard's panels and variables, with all
// chosen of each variable, by panel.
func queriesOf(d *dashboard) map[string]string {
	fill := strings.NewReplacer("$__rate_interval", "10s", "$instance", ".*", "$group", ".*", "$topic", ".*")
	out := map[string]string{}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			out[p.Title+" "+q.RefID] = fill.Replace(q.Expr)
		}
	}
	for _, v := range d.Templating.List {
		if inner, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			selector, label, _ := strings.Cut(strings.TrimSuffix(inner, ")"), ", ")
			out["variable "+v.Name] = "count by (" + label + ") (" + selector + ")"
		}
	}
	return out
}

// queriesOfOthers ask for the metrics and labels that well-known dashboards and
// alert rules ask for, in the shapes that those need: kafka_exporter's and
// KMinion's dashboards (7589 and 14014 at Grafana's), and rules about consumer
// lag as Strimzi and others publish them, with bounds that are always passed.
func queriesOfOthers() map[string]string {
	const (
		instance = `instance=~".+",topic=~".+"`
		kminion  = "kminion_kafka_consumer_group"
	)
	return map[string]string{
		"7589: variables":             `count by (job, instance, topic) (kafka_consumergroup_current_offset)`,
		"7589: written":               `sum by (topic) (rate(kafka_topic_partition_current_offset{` + instance + `}[10s]))`,
		"7589: lag":                   `sum by (consumergroup, topic) (kafka_consumergroup_lag{` + instance + `})`,
		"7589: written a minute":      `sum by (topic) (delta(kafka_topic_partition_current_offset{` + instance + `}[10s]) * 6)`,
		"7589: processed a minute":    `sum by (consumergroup, topic) (delta(kafka_consumergroup_current_offset{` + instance + `}[10s]) * 6)`,
		"7589: partitions":            `sum by (topic) (kafka_topic_partitions{` + instance + `})`,
		"14014: states":               `sum by (state) (` + kminion + `_info)`,
		"14014: members":              `sum by (group_id) (` + kminion + `_members)`,
		"14014: idle members":         `sum by (group_id) (` + kminion + `_empty_members)`,
		"14014: members of a topic":   `sum by (group_id, topic_name) (` + kminion + `_topic_members)`,
		"14014: assigned":             `sum by (group_id, topic_name) (` + kminion + `_topic_assigned_partitions)`,
		"14014: lag":                  `sum by (group_id, topic_name) (` + kminion + `_topic_lag)`,
		"14014: lag of a partition":   `max by (group_id, topic_name, partition_id) (` + kminion + `_topic_partition_lag)`,
		"14014: processed":            `sum by (group_id) (rate(` + kminion + `_topic_offset_sum[10s]))`,
		"rule: lag of a partition":    `kafka_consumergroup_lag{consumergroup!="",topic!="",partition=~"[0-9]+"} > -1`,
		"rule: lag of a group":        `sum by (consumergroup) (kafka_consumergroup_lag) > -1`,
		"rule: lag that grows":        `sum by (topic, consumergroup) (delta(kafka_consumergroup_lag{topic!="__consumer_offsets",consumergroup!=""}[10s])) > -1e9`,
		"rule: no message for long":   `changes(kafka_topic_partition_current_offset[10s]) >= 0`,
		"rule: lag in time":           `max by (group, topic) (kafka_consumergroup_group_lag_seconds) < Inf > -1`,
		"rule: most lag in time":      `kafka_consumergroup_group_max_lag_seconds{group!=""} > -1`,
		"KEDA: sum over what we have": `sum(kafka_consumergroup_lag_sum{consumergroup=~"belfry-.*"})`,
	}
}

// wantLabels holds figures that must not count twice, with two processes that
// know them and a server.
func (s *scene) wantLabels() {
	s.t.Helper()
	for expr, want := range map[string]float64{
		`sum(kafka_topic_partitions{topic="belfry.journal"})`:     4,
		`sum(belfry_processor_partitions{group="belfry-unread"})`: 4,
		`count(up == 1)`: 4,
		`max(belfry_rebalances_total{group="belfry-unread"}) > bool 1`:       1,
		`min(belfry_state_bytes) > bool 0`:                                   1,
		`max(belfry_unread_drift)`:                                           0,
		`count(count by (consumergroup) (kafka_consumergroup_members>0))`:    4, // the built-in source's router, that of orders, and that of requests
		`max(kafka_consumergroup_members{consumergroup="belfry-unread"})`:    2,
		`sum(belfry_processor_running{processor="processor belfry-unread"})`: 2,
		`count(ALERTS{alertname="BelfryGroupWithoutMembers"}) or vector(0)`:  0,
	} {
		var got any
		await.Eventually(s.t, patience, func() string { return expr + ": " + toText(got) }, func() bool {
			samples, err := s.prometheus.Query(expr)
			got = samples
			return err == nil && len(samples) == 1 && samples[0].Value == want
		})
	}
}

// wantAlertOfStoppedProcessors stops the processors, waits for the alert that
// nobody runs their groups, starts them and waits until it is gone.
func (s *scene) wantAlertOfStoppedProcessors() {
	s.t.Helper()
	firing := func() []string {
		alerts, err := s.prometheus.Alerts()
		if err != nil {
			s.t.Fatal(err)
		}
		var groups []string
		for _, a := range alerts {
			if a.Labels["alertname"] == "BelfryGroupWithoutMembers" && a.State == "firing" {
				groups = append(groups, a.Labels["consumergroup"])
			}
		}
		slices.Sort(groups)
		return groups
	}
	if got := firing(); len(got) > 0 {
		s.t.Errorf("the alert fires already, about %v", got)
	}
	for _, m := range s.processors {
		if graceful, err := m.process.Stop(20 * time.Second); err != nil || !graceful {
			s.t.Fatalf("stop %v: in order %v, %v", m.args, graceful, err)
		}
	}
	want := []string{"belfry-requests", "belfry-router-belfry.notifications", "belfry-router-orders", "belfry-unread"}
	await.Eventually(s.t, patience, func() string { return "firing for " + toText(firing()) }, func() bool {
		return slices.Equal(firing(), want)
	})
	for _, m := range s.processors {
		s.run(m, m.metrics)
	}
	await.Eventually(s.t, patience, func() string { return "still firing for " + toText(firing()) }, func() bool {
		return len(firing()) == 0
	})
}
