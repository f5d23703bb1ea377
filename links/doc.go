// Package links signs and reads what acts for a user without a token: a push message
// or a mail carries a link, and whoever has it may do that one thing. It imports the
// root package and the standard library, and knows neither HTTP nor how messages are
// sent. Begin reading with [Signer].
package links
