// Package replay works on the dead-letter topic at the brokers: [Letters] reads,
// lists and purges letters, and [Replayer] processes them again. It joins no
// consumer group, and a replay never writes into the topic that a record came
// from. To fold a journal again is no replay but a refold, see views.Journals.
//
// It imports deadletter, engine, codec, inbox and sources, and none of the groups
// that set letters aside. Begin reading with [Replayer.Matching]; plan.go decides
// what becomes of one letter.
package replay
