// Package broadcast has the commands by which an operator announces something: to
// everybody or to a topic, shown as its readers will see it before it is sent, listed, and
// taken back. Begin reading with [Command].
package broadcast
