// Package mail brings messages to mail boxes: [Transport] is senders' over a mail server of
// the operator's (SMTP, RFC 5321), which all of them go through.
//
// It imports senders, senders/mail/letter, inbox and the root package. Begin reading with
// [Transport.Send]; answer.go has what each answer of a server means, session.go how one is
// connected to.
package mail
