// Package push has the commands about Web Push: "belfry vapid" makes keys, "belfry push
// test USER" sends a message to a user's browsers and says what became of it.
//
// It imports no command. Begin reading with [Command].
package push
