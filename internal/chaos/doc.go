// Package chaos runs Belfry under faults and proves that what clients were told
// is true: writers with known ids, users who act, readers who poll, list and
// stream, a schedule of faults made from a seed, and a checker that knows what
// was acknowledged and replays the journal.
package chaos
