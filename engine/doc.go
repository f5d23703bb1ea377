// Package engine runs goka processors safely: supervised groups ([Processor],
// [Group]) that commit completed prefixes only, see the raw record ([Context])
// and set aside what cannot be processed ([DeadLetters]).
//
// It imports engine/kafka and engine/store. Begin reading with [Processor], then
// group.go, session.go and tracker.go, which is the way of an offset. The rooms
// beside it: kafka (brokers, topics, producers), store (rows on disk), table
// (views and scans), lagwatch (consumer lag), renew (topics created anew).
//
// Everything here is safe for concurrent use unless it says otherwise.
package engine
