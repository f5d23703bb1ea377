// Package mail has the commands about mail: "belfry mail test ADDRESS" sends one and says
// what the mail server answered, "belfry mail preview USER" shows which is sent to a user
// next, when and why, and "belfry mail check FOLDER" what is wrong with templates.
//
// It imports no command. Begin reading with [Command].
package mail
