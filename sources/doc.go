// Package sources reads what stands on source topics: envelopes of all kinds,
// down to notifications and retractions.
package sources
