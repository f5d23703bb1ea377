// Package lagwatch collects consumer lag from the brokers, in records and in
// time, for the reports of package lag.
//
// It imports lag and engine/kafka. Begin reading with [Collector];
// one collection is client.go asking, offsets.go and records.go assembling.
package lagwatch
