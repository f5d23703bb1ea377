// Package notices keeps logs readable: of one cause there is a line a minute, which says
// how many more there were. A room that logs what strangers cause, a record or a service,
// asks it for the logger. It imports the standard library. Begin reading with [Notices].
package notices
