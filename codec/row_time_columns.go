package codec

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry/codec/belfrypb"
)

// timeOf returns the decoder of what m has of the capability time, nil if it has nothing.
func timeOf(m *belfrypb.Row) *timeDecoder {
	d := &timeDecoder{}
	some := m.Uses&usesTime != 0
	column := func(number, n int, value func(b []byte, i int) []byte) {
		some = some || n > 0
		c := &d.columns[number].rest
		for i := range n {
			*c = value(*c, i)
		}
	}
	for number, values := range map[int][]uint64{
		itemTimeColumn: m.ItemTime, itemShownColumn: m.ItemShown, groupCutColumn: m.GroupCut, groupEarlierColumn: m.GroupEarlier,
		arrivalActorColumn: m.ArrivalActor, memberMetaColumn: m.MemberMeta, muteVersionColumn: m.MuteVersion,
	} {
		column(number, len(values), func(b []byte, i int) []byte { return protowire.AppendVarint(b, values[i]) })
	}
	for number, values := range map[int][]int64{
		itemUntilColumn: m.ItemUntil, memberSeqColumn: m.MemberSeq, memberExpiresAtColumn: m.MemberExpiresAt, muteAtColumn: m.MuteAt,
	} {
		column(number, len(values), func(b []byte, i int) []byte { return protowire.AppendVarint(b, protowire.EncodeZigZag(values[i])) })
	}
	for number, values := range map[int][]uint64{memberHashColumn: m.MemberHash, actorHashColumn: m.ActorHash} {
		column(number, len(values), func(b []byte, i int) []byte { return protowire.AppendFixed64(b, values[i]) })
	}
	for to, values := range map[*[][]byte][]string{&d.ids: m.ActorId, &d.names: m.ActorName, &d.mutes: m.MuteCategory} {
		some = some || len(values) > 0
		for _, v := range values {
			*to = append(*to, []byte(v))
		}
	}
	if !some {
		return nil
	}
	return d
}
