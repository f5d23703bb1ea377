// Package breath lets work that takes long be interrupted for what is short: requests
// come in while records are decoded and lists put together in the same process. It
// imports the standard library alone; [Take] is all there is.
package breath

import "time"

// shortest is as short as a timer can be.
const shortest = 20 * time.Microsecond

// Take interrupts work that takes long, so that what has come over the network meanwhile
// is noticed: the runtime looks there when a processor has nothing to do, and else every
// ten milliseconds. A goroutine that merely yields is something to do. Taken once a
// millisecond of work it costs some twentieth of one processor where nothing else is to do.
func Take() { time.Sleep(shortest) }
