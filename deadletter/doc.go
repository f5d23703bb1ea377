// Package deadletter is the vocabulary of dead letters: what is said of a record
// that could not be processed ([Envelope], in headers), a [Letter] as it lies in
// its topic, which letters are meant ([Filter], [Query]) and what a replay of
// them does ([ReplayOutcome]).
//
// It imports the root package and inbox, and knows nothing of Kafka clients.
// Begin reading with [Envelope].
package deadletter
