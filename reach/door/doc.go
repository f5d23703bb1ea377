// Package door says what may be asked about reaching a user, and what it means, whichever
// way it comes: over HTTP or over Kafka. Subscriptions, addresses, preferences and
// bounces are read and checked here alone.
//
// It imports exactjson, the Prometheus client, reach, webpush, inbox and the root package. Begin reading with
// [ParseSubscription].
package door
