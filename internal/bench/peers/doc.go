// Package peers measures Belfry beside programs that do the same job, on one Kafka
// and in one run: each has a full input when it starts, and is measured until it has
// committed all of it ([Config.Run]). Programs take turns, so that what else the
// machine does meets all of them; [Table] and [WriteSVG] tell medians and spread.
package peers
