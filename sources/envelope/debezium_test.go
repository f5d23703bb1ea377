package envelope_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

// As Debezium's PostgreSQL connector documents an update, without its schema.
const changeText = `{"before":{"id":1,"email":"annek@noanswer.org"},"after":{"id":1,"email":"anne@example.com"},` +
	`"source":{"version":"3.2.0.Final","connector":"postgresql","name":"shop","ts_ms":1785810600123,"snapshot":"false","db":"shop","schema":"public","table":"customers","txId":571,"lsn":24023128},` +
	`"transaction":null,"op":"u","ts_ms":1785810600456}`

func changeValue() object {
	return object{
		"before": object{"id": int64(1), "email": "annek@noanswer.org"},
		"after":  object{"id": int64(1), "email": "anne@example.com"},
		"source": object{"version": "3.2.0.Final", "connector": "postgresql", "name": "shop", "ts_ms": int64(1785810600123), "snapshot": "false",
			"db": "shop", "schema": "public", "table": "customers", "txId": int64(571), "lsn": int64(24023128)},
		"transaction": nil, "op": "u", "ts_ms": int64(1785810600456),
	}
}

const (
	connectSchema = `{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,"name":"shop.Envelope"}`
	outboxID      = "06f8a7b5-0f2c-4c1d-9ddc-6a4f2dbd1d8a"
)

func TestDecoderReadsDebezium(t *testing.T) {
	changed := time.UnixMilli(1785810600123).UTC()
	created := object{"before": nil, "after": object{"_id": int64(1)}, "source": object{"connector": "mongodb", "collection": "orders", "name": "m"}, "op": "c", "ts_ms": int64(1785810600456)}
	tests := []struct {
		name, value string
		headers     []sources.Header
		want        sources.Event
	}{
		{"change", changeText, nil, sources.Event{Value: changeValue(), Type: "customers.u", Source: "shop", Time: changed}},
		{"change with its schema", `{"schema":` + connectSchema + `,"payload":` + changeText + `}`, nil, sources.Event{Value: changeValue(), Type: "customers.u", Source: "shop", Time: changed}},
		{"change of a collection", `{"before":null,"after":{"_id":1},"source":{"connector":"mongodb","collection":"orders","name":"m"},"op":"c","ts_ms":1785810600456}`, nil,
			sources.Event{Value: created, Type: "orders.c", Source: "m", Time: time.UnixMilli(1785810600456).UTC()}},
		{"change in a CloudEvent", `{"specversion":"1.0","id":"e-1","source":"/debezium/postgresql/shop","type":"io.debezium.connector.postgresql.DataChangeEvent","data":{"schema":` + connectSchema + `,"payload":` + changeText + `}}`, nil,
			sources.Event{Value: changeValue(), ID: "e-1", Source: "/debezium/postgresql/shop", Type: "io.debezium.connector.postgresql.DataChangeEvent", Time: changed,
				Attributes: map[string]string{"specversion": "1.0", "id": "e-1", "source": "/debezium/postgresql/shop", "type": "io.debezium.connector.postgresql.DataChangeEvent"}}},
		{"an op of somebody else's", `{"op":"c","source":"web"}`, nil, sources.Event{Value: object{"op": "c", "source": "web"}}},

		{"outbox, escaped", `"{\"orderId\":4711,\"total\":12.50}"`, headers("id", outboxID, "eventType", "OrderCreated"), sources.Event{Value: order, ID: outboxID, Type: "OrderCreated"}},
		{"outbox, escaped twice", `"\"{\\\"orderId\\\":4711,\\\"total\\\":12.50}\""`, headers("id", outboxID), sources.Event{Value: order, ID: outboxID}},
		{"outbox, expanded", orderText, headers("id", outboxID, "eventType", "OrderCreated"), sources.Event{Value: order, ID: outboxID, Type: "OrderCreated"}},
		{"outbox with a schema", `{"schema":{"type":"string","optional":false},"payload":"{\"orderId\":4711,\"total\":12.50}"}`, headers("id", outboxID), sources.Event{Value: order, ID: outboxID}},
		{"outbox, headers in JSON", orderText, headers("id", `{"schema":{"type":"string","optional":false},"payload":"`+outboxID+`"}`, "eventType", `"OrderCreated"`), sources.Event{Value: order, ID: outboxID, Type: "OrderCreated"}},
		{"outbox with columns in an envelope", `{"payload":"{\"orderId\":4711,\"total\":12.50}","eventType":"OrderCreated"}`, headers("id", outboxID),
			sources.Event{Value: object{"payload": order, "eventType": "OrderCreated"}, ID: outboxID, Type: "OrderCreated"}},
		{"an envelope that is no outbox", `{"payload":"{}","eventType":"OrderCreated"}`, nil, sources.Event{Value: object{"payload": "{}", "eventType": "OrderCreated"}}},
		{"schema and payload of somebody else's", `{"schema":"v1","payload":{"a":1}}`, nil, sources.Event{Value: object{"schema": "v1", "payload": object{"a": int64(1)}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := envelope.NewDecoder(envelope.Config{}).Decode(t.Context(), sources.Record{Topic: "outbox.event.order", Value: []byte(tt.value), Headers: tt.headers})
			if err != nil {
				t.Fatal(err)
			}
			if want := []sources.Event{tt.want}; !reflect.DeepEqual(got, want) {
				t.Errorf("got  %#v\nwant %#v", got, want)
			}
		})
	}
}
