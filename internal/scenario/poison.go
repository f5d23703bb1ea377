package scenario

import "github.com/belfry/belfry/sources"

// poison writes what no rules take, somewhere in a topic: no JSON, half of it,
// nothing, Avro without a registry, or an event that can be read and means
// nothing.
func (g *generator) poison(topic string, headers []sources.Header, senseless any) {
	values := [][]byte{
		[]byte("com.shop.order.domain.OrderEvent@6d06d69c"),
		[]byte(`{"orderId":`),
		{},
		{0, 0, 0, 0, 7, 0x02, 0xf1, 0xff},
		encode(senseless, false),
	}
	value := values[g.rnd.IntN(len(values))]
	at := g.write(topic, int32(g.rnd.IntN(int(Topics()[topic]))), []byte("poison"), value, headers...)
	g.plan.Poison[at] = false
}
