// Package parts decides which tests run against the real parts that Belfry works
// with, such as Apache Kafka and Chromium: those whose parts are named by
// [RequireEnv]. [Need] is the one place of that decision. It also deals out what the
// tests of all packages share of a machine: ports, turns, processes.
//
// It imports the standard library only. The parts themselves are started by
// kafkatest, browsertest and promtest.
package parts
