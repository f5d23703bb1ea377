// Package bill charges what the rules do for one record, before they do it, so that no
// record takes more time and memory than a record may: [Limit] units of work for all rules
// together.
package bill
