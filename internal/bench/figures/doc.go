// Package figures turns samples into what is printed: quantiles, trends, the
// longest silence of a series, CSV and SVG.
//
// It imports the standard library. Begin reading with [Sample].
package figures
