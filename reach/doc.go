// Package reach says when a user who does not look at the inbox is to be told of what is
// in it, and what is still to be told: rules of the operator ([Policy]), the user's
// preferences ([Prefs]), and the row.
//
// # Words
//
//   - channel: a name of the policy with a kind of endpoint; what was sent on one counts
//     for that one.
//   - decision: a tell record that the fold has taken; its version names it. The fold
//     decides, what is here proposes ([Tells]) and looks again ([Look]).
//   - due: the instant at which an item is to be told on a channel, and what holds it
//     ([Due]).
//
// All of it is pure but for the zone data of the program, which is linked in: equal
// arguments give equal results, and nobody is asked for the time. A row is looked at in
// the present and may be told otherwise a moment later; what depends on that is decided
// once, in the journal's order.
//
// The package imports inbox, the root package and the standard library, and is safe for
// concurrent use. Begin reading with due.go; quiet.go and zone.go have local times.
package reach
