// Package webpush speaks Web Push as an application server: what a browser
// subscribes with ([Subscription]), encryption (RFC 8291, [Encrypt]), keys and
// tokens (VAPID, RFC 8292, [Keys]), and a client ([Client], RFC 8030) that can be
// given endpoints which an attacker chose.
//
// It imports the root package and the standard library. Begin reading with
// [Client.Push]; hosts.go and public.go hold what keeps it out of networks that
// are not the attacker's to reach. Package senders decides what is sent to whom.
package webpush
