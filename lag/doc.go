// Package lag says how far behind consumer groups are: in records ([Of]), in
// time ([Clock]) and until they will have caught up ([CatchUp]).
//
// It imports the standard library only, and asks nobody: engine collects, and
// server shows, what stands in a [Report]. Begin reading there.
package lag
