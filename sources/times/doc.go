// Package times reads the times that services write, in all the forms that they
// have, and knows which of them stand for none. It imports the root alone. Start
// with [Parse].
package times
