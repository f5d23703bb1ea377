// Package scheduled measures notifications with a deliver_at, and what they cost those
// that have none: badge and list sampled while many come due, a million that wait, and
// another build of Belfry beside this one.
package scheduled
