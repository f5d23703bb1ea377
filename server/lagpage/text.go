package lagpage

import (
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry/belfry/lag"
)

// families are the metrics of the lag page, by name.
func families() []family {
	return []family{
		{"belfry_catchup_seconds", "Time until the group has processed all, +Inf if it gets no nearer; absent until that is known.", catchUps},
		{"belfry_held_back_offsets", "Offsets of the partition that an open transaction keeps from being read; absent without one.", byHeld(func(p *lag.Partition, _ time.Time) float64 { return float64(p.HeldBack) })},
		{"belfry_held_back_seconds", "Age of the first record of that transaction.", byHeld(func(p *lag.Partition, at time.Time) float64 { return max(at.Sub(p.HeldSince), 0).Seconds() })},
		{"belfry_lag_collection_seconds", "Time that the last successful collection took.", whole(func(r *lag.Report) float64 { return r.TookSeconds })},
		{"belfry_lag_last_success_timestamp_seconds", "When lag was collected last, 0 if never.", whole(collectedAt)},
		{"belfry_lag_requests", "Requests that the last successful collection made.", whole(func(r *lag.Report) float64 { return float64(r.Requests) })},
		{"belfry_lag_skipped", "Groups and partitions that the last successful collection left out since they could not be read; none of Belfry's own.", whole(func(r *lag.Report) float64 { return float64(r.Skipped) })},
		{"belfry_lag_up", "1 if lag was collected at the last attempt; 0 if what is shown is what was found before.", whole(func(r *lag.Report) float64 { return asNumber(r.Up) })},

		{"kafka_consumergroup_current_offset", "Offset that the group has committed, absent if none.", byPartition("consumergroup", "topic", "partition", currentOffset)},
		{"kafka_consumergroup_current_offset_sum", "Sum of the offsets that the group has committed in the topic.", byTopic("consumergroup", "topic", func(t *topicLag) int64 { return t.current })},
		{"kafka_consumergroup_group_lag_seconds", "Age of the oldest record of the partition that the group has not processed, 0 without one.", byPartition("group", "topic", "partition", lagSeconds)},
		{"kafka_consumergroup_group_max_lag_seconds", "Age of the oldest record that the group has not processed, 0 without one.", byGroup("group", func(g *lag.Group) float64 { return g.MaxLagSeconds })},
		{"kafka_consumergroup_lag", "Records of the partition that the group has not processed.", byPartition("consumergroup", "topic", "partition", lagRecords)},
		{"kafka_consumergroup_lag_sum", "Records of the topic that the group has not processed.", byTopic("consumergroup", "topic", func(t *topicLag) int64 { return t.lag })},
		{"kafka_consumergroup_members", "Running members of the group.", byGroup("consumergroup", func(g *lag.Group) float64 { return float64(len(g.Members)) })},
		{"kafka_topic_partition_current_offset", "Offset of the next record to be written to the partition.", ofTopics(func(p *lag.Partition) int64 { return p.EndOffset })},
		{"kafka_topic_partition_oldest_offset", "Offset of the oldest record of the partition.", ofTopics(func(p *lag.Partition) int64 { return p.OldestOffset })},
		{"kafka_topic_partitions", "Partitions of the topic.", topicPartitions},

		{"kminion_kafka_consumer_group_empty_members", "Members of the group without a partition.", byGroup("group_id", emptyMembers)},
		{"kminion_kafka_consumer_group_info", "1 if the group is stable.", groupInfo},
		{"kminion_kafka_consumer_group_members", "Running members of the group.", byGroup("group_id", func(g *lag.Group) float64 { return float64(len(g.Members)) })},
		{"kminion_kafka_consumer_group_topic_assigned_partitions", "Partitions of the topic that are assigned to members.", byTopic("group_id", "topic_name", func(t *topicLag) int64 { return t.assigned })},
		{"kminion_kafka_consumer_group_topic_lag", "Records of the topic that the group has not processed.", byTopic("group_id", "topic_name", func(t *topicLag) int64 { return t.lag })},
		{"kminion_kafka_consumer_group_topic_members", "Members that have partitions of the topic.", byTopic("group_id", "topic_name", func(t *topicLag) int64 { return t.members })},
		{"kminion_kafka_consumer_group_topic_offset_sum", "Sum of the offsets that the group has committed in the topic.", byTopic("group_id", "topic_name", func(t *topicLag) int64 { return t.current })},
		{"kminion_kafka_consumer_group_topic_partition_lag", "Records of the partition that the group has not processed.", byPartition("group_id", "topic_name", "partition_id", lagRecords)},
	}
}

// family is one metric; each writes its series.
type family struct {
	name, help string
	each       func(t *text, r *lag.Report)
}

// text writes reports in Prometheus's text format, version 0.0.4. It is
// written by hand since a page may have a million series, and client_golang
// makes an object of each.
type text struct {
	out  io.Writer
	name string
	head string // of the family, until its first series
	buf  []byte
}

// flushAt is how much is held before it is written.
const flushAt = 32 << 10

func (t *text) write(w io.Writer, r *lag.Report) {
	t.out, t.buf = w, t.buf[:0]
	for _, f := range families() {
		t.name, t.head = f.name, "# HELP "+f.name+" "+f.help+"\n# TYPE "+f.name+" gauge\n"
		f.each(t, r)
	}
	t.flush()
}

func (t *text) flush() {
	_, _ = t.out.Write(t.buf) // the caller's buffer takes all
	t.buf = t.buf[:0]
}

// labels returns the start of a series with those labels, by name and value.
func (t *text) labels(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteByte(',')
		b.WriteString(pairs[i])
		b.WriteString(`="`)
		b.WriteString(escapeLabel(strings.ToValidUTF8(pairs[i+1], "\uFFFD")))
		b.WriteByte('"')
	}
	if b.Len() == 0 {
		return ""
	}
	return "{" + b.String()[1:]
}

// escapeLabel writes a label's value as the text format wants it.
func escapeLabel(s string) string {
	if !strings.ContainsAny(s, "\\\n\"") {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(s)
}

// series adds a line; labels are as t.labels has begun them.
func (t *text) series(labels string, value float64) {
	t.begin()
	t.buf = append(append(t.buf, t.name...), labels...)
	if labels != "" {
		t.buf = append(t.buf, '}')
	}
	t.value(value)
}

// partition adds a line with one more label, a number.
func (t *text) partition(labels, label string, partition int32, value float64) {
	t.begin()
	t.buf = append(append(append(t.buf, t.name...), labels...), ',')
	t.buf = append(append(t.buf, label...), '=', '"')
	t.buf = append(strconv.AppendInt(t.buf, int64(partition), 10), '"', '}')
	t.value(value)
}

func (t *text) begin() {
	t.buf = append(t.buf, t.head...)
	t.head = ""
}

func (t *text) value(v float64) {
	t.buf = append(t.buf, ' ')
	switch {
	case math.IsInf(v, 1):
		t.buf = append(t.buf, "+Inf"...)
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		t.buf = strconv.AppendInt(t.buf, int64(v), 10)
	default:
		t.buf = strconv.AppendFloat(t.buf, v, 'g', -1, 64)
	}
	t.buf = append(t.buf, '\n')
	if len(t.buf) > flushAt {
		t.flush()
	}
}

func whole(value func(*lag.Report) float64) func(*text, *lag.Report) {
	return func(t *text, r *lag.Report) { t.series("", value(r)) }
}

func asNumber(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func collectedAt(r *lag.Report) float64 {
	if r.CollectedAt.IsZero() {
		return 0
	}
	return float64(r.CollectedAt.UnixMilli()) / 1000
}

func byGroup(label string, value func(*lag.Group) float64) func(*text, *lag.Report) {
	return func(t *text, r *lag.Report) {
		for i := range r.Groups {
			t.series(t.labels(label, r.Groups[i].Name), value(&r.Groups[i]))
		}
	}
}

func emptyMembers(g *lag.Group) float64 {
	n := 0
	for _, m := range g.Members {
		if m.Partitions == 0 {
			n++
		}
	}
	return float64(n)
}

func catchUps(t *text, r *lag.Report) {
	for _, g := range r.Groups {
		if seconds, known := g.CatchUp(); known {
			t.series(t.labels("group", g.Name), seconds)
		}
	}
}

func groupInfo(t *text, r *lag.Report) {
	for _, g := range r.Groups {
		t.series(t.labels("coordinator_id", strconv.Itoa(int(g.Coordinator)), "group_id", g.Name,
			"protocol", g.Protocol, "protocol_type", "consumer", "state", g.State), asNumber(g.State == "Stable"))
	}
}

// topicLag is what a group has to do with a topic.
type topicLag struct{ lag, current, assigned, members int64 }

func byTopic(group, topic string, value func(*topicLag) int64) func(*text, *lag.Report) {
	return func(t *text, r *lag.Report) {
		for _, g := range r.Groups {
			topics := map[string]*topicLag{}
			for i := range g.Partitions {
				p := &g.Partitions[i]
				sum := topics[p.Topic]
				if sum == nil {
					sum = &topicLag{}
					topics[p.Topic] = sum
				}
				sum.lag += p.Lag
				if p.CurrentOffset != nil {
					sum.current += *p.CurrentOffset
				}
			}
			for _, m := range g.Members {
				for name, n := range m.Topics {
					if sum := topics[name]; sum != nil {
						sum.members++
						sum.assigned += int64(n)
					}
				}
			}
			for _, name := range slices.Sorted(maps.Keys(topics)) {
				t.series(t.labels(group, g.Name, topic, name), float64(value(topics[name])))
			}
		}
	}
}

func currentOffset(p *lag.Partition) (float64, bool) {
	if p.CurrentOffset == nil {
		return 0, false
	}
	return float64(*p.CurrentOffset), true
}

func lagSeconds(p *lag.Partition) (float64, bool) { return p.LagSeconds, true }
func lagRecords(p *lag.Partition) (float64, bool) { return float64(p.Lag), true }

func byPartition(group, topic, partition string, value func(*lag.Partition) (float64, bool)) func(*text, *lag.Report) {
	return func(t *text, r *lag.Report) {
		for _, g := range r.Groups {
			labels, of := "", ""
			for i := range g.Partitions {
				p := &g.Partitions[i]
				if labels == "" || of != p.Topic {
					labels, of = t.labels(group, g.Name, topic, p.Topic), p.Topic
				}
				if v, ok := value(p); ok {
					t.partition(labels, partition, p.Partition, v)
				}
			}
		}
	}
}

// eachTopic calls visit once for each topic, however many groups read it.
func eachTopic(r *lag.Report, visit func(topic string, partitions []lag.Partition)) {
	topics := map[string][]lag.Partition{}
	for _, g := range r.Groups {
		for rest := g.Partitions; len(rest) > 0; {
			name := rest[0].Topic
			n := slices.IndexFunc(rest, func(p lag.Partition) bool { return p.Topic != name })
			if n < 0 {
				n = len(rest)
			}
			if len(topics[name]) < n {
				topics[name] = rest[:n]
			}
			rest = rest[n:]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		visit(name, topics[name])
	}
}

func ofTopics(value func(*lag.Partition) int64) func(*text, *lag.Report) {
	return func(t *text, r *lag.Report) {
		eachTopic(r, func(topic string, partitions []lag.Partition) {
			labels := t.labels("topic", topic)
			for i := range partitions {
				t.partition(labels, "partition", partitions[i].Partition, float64(value(&partitions[i])))
			}
		})
	}
}

// byHeld has a series for each partition in which a transaction is open.
func byHeld(value func(p *lag.Partition, at time.Time) float64) func(*text, *lag.Report) {
	return func(t *text, r *lag.Report) {
		eachTopic(r, func(topic string, partitions []lag.Partition) {
			for i := range partitions {
				if p := &partitions[i]; p.HeldBack > 0 {
					t.partition(t.labels("topic", topic), "partition", p.Partition, value(p, r.CollectedAt))
				}
			}
		})
	}
}

func topicPartitions(t *text, r *lag.Report) {
	eachTopic(r, func(topic string, partitions []lag.Partition) {
		t.series(t.labels("topic", topic), float64(len(partitions)))
	})
}
