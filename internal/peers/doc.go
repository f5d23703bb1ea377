// Package peers are programs that do the job of `belfry processor --groups unread`
// with other means, for `belfry-lab bench peers` to measure beside it: [Bare], a loop
// that consumes and produces as much and does nothing else, which is the limit, and
// Kafka Streams ([Streams]). Plain goka is internal/plaingoka.
package peers
