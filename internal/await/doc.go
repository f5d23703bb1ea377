// Package await has tests wait for conditions, and for nothing else.
//
// It imports the standard library only: a test that waits links no broker.
// Begin reading at [Eventually].
package await
