package scenario

import (
	"fmt"
	"slices"

	"github.com/belfry/belfry/engine/kafka"
)

// orders is the shop: an envelope around each event, keyed by order, with the
// partitioner of kafka-clients.
type orders struct {
	*generator
	count   int
	open    []order
	written []Record
}

type order struct {
	id       int
	customer person
	sellers  []person
}

func (o *orders) put(key int, value any) {
	k := fmt.Sprint(key)
	o.write(Orders, kafka.Partition(k, 3), []byte(k), encode(value, false), o.headers("com.shop.order.domain.OrderEvent")...)
}

func (o *orders) envelope(kind string, payload object) object {
	return object{"eventId": fmt.Sprintf("e-%d", o.rnd.Uint64()), "eventType": kind, "occurredAt": o.moment(), "source": "order-service", "payload": payload}
}

func (o *orders) next() {
	switch {
	case o.chance(15): // nobody is told
		o.count++
		o.put(o.count, o.envelope("STOCK_RESERVED", object{"orderId": o.count}))
	case o.chance(15) && len(o.open) > 0:
		o.cancel()
	default:
		o.create(false)
	}
}

// create writes a new order; one by a guest names its customer elsewhere, which
// the first rules don't expect.
func (o *orders) create(guest bool) {
	o.count++
	n := order{id: o.count, customer: o.person()}
	n.sellers = o.others(n.customer, 1+o.rnd.IntN(2))
	var items []object
	for _, s := range append(slices.Clone(n.sellers), n.sellers[0]) { // one seller has two of the items
		items = append(items, object{"name": "자전거", "sellerId": s})
	}
	if !guest && o.chance(10) {
		items = append(items, object{"name": "own", "sellerId": n.customer}) // to oneself
	}
	payload := object{"orderId": n.id, "total": o.rnd.IntN(2000), "items": items}
	if guest {
		payload["buyer"] = object{"id": n.customer}
	} else {
		payload["customerId"] = n.customer
	}
	o.put(n.id, o.envelope("ORDER_CREATED", payload))
	o.wrote(&o.written, guest)
	id := fmt.Sprint(n.id)
	o.deliver(guest, Name("order.created", id), n.customer.recipient())
	o.deliver(guest, Name("order.sold", id), recipients(n.sellers...)...)
	o.open = append(o.open, n)
}

// cancel takes back an order, a guest's too, of which nobody may know yet.
func (o *orders) cancel() {
	i := o.rnd.IntN(len(o.open))
	c := o.open[i]
	o.open[i] = o.open[len(o.open)-1]
	o.open = o.open[:len(o.open)-1]
	o.put(c.id, o.envelope("ORDER_CANCELLED", object{"orderId": c.id, "customerId": c.customer, "sellerIds": c.sellers}))
	id := fmt.Sprint(c.id)
	o.withdraw(Name("order.created", id), c.customer.recipient())
	o.withdraw(Name("order.sold", id), recipients(c.sellers...)...)
}

func (o *orders) again() bool { return o.repeat(o.written) }

// wrote keeps the last record, to be written again, or notes that it is poison
// to the first rules.
func (g *generator) wrote(written *[]Record, mendable bool) {
	last := g.plan.Records[len(g.plan.Records)-1]
	if mendable {
		g.plan.Poison[last.At] = true
		return
	}
	*written = append(*written, last)
}

// repeat writes a record again, byte for byte, in the same partition.
func (g *generator) repeat(written []Record) bool {
	if len(written) == 0 {
		return false
	}
	r := written[g.rnd.IntN(len(written))]
	g.write(r.Topic, r.Partition, r.Key, r.Value, r.Headers...)
	return true
}

func (o *orders) hopeless() {
	o.count++
	o.poison(Orders, o.headers("com.shop.order.domain.OrderEvent"), o.envelope("ORDER_CREATED", object{"orderId": o.count, "total": 1, "customerId": "a/b", "items": []object{}}))
}
