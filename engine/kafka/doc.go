// Package kafka is how Belfry reaches its brokers: settings ([Config]), topics
// and what is committed of them ([Topics], [StartPosition]), partitioning as
// Java clients do it ([Hasher]) and producers that lose nothing ([Producer]).
//
// It imports the root package, goka's types and Kafka clients; it knows no
// consumer group of ours. Begin reading with [Config].
package kafka
