package figures

import (
	"cmp"
	"math"
	"slices"
)

// Quantile returns the q-quantile (0 to 1) of sorted values by the nearest-rank
// method, or the zero value if there are none.
func Quantile[T any](sorted []T, q float64) T {
	if len(sorted) == 0 {
		var zero T
		return zero
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// Median returns the lower median of values in any order, or the zero value if
// there are none.
func Median[T cmp.Ordered](values []T) T { return Quantile(slices.Sorted(slices.Values(values)), .5) }
