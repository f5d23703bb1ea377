// Package upkeep keeps the tables right behind everybody's back: [Repairs] has a
// row written again that an older one hides, [Sweep] removes contents that no row
// holds, and [Audit] recounts badges from rows and contents.
//
// It imports the root package and inbox; how tables are read and journals written
// comes in by interfaces. Begin reading with the type of the task in question.
package upkeep
