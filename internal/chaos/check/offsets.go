package check

import (
	"fmt"
	"time"

	"github.com/belfry/belfry/internal/chaos/history"
)

// checkOffsets holds that what a group has committed never goes back.
func checkOffsets(h *history.History, r *report) {
	keys, groups := groupBy(inOrder(h.Committed, func(c history.Committed) time.Time { return c.At }), func(c history.Committed) string {
		return fmt.Sprintf("%s on %s/%d", c.Group, c.Topic, c.Partition)
	})
	for _, key := range keys {
		last := groups[key][0]
		for _, c := range groups[key][1:] {
			r.checked.Offsets++
			if c.Offset < last.Offset {
				r.find(Back, "", "%s: committed offset %d at %s after %d at %s", key, c.Offset, clock(c.At), last.Offset, clock(last.At))
			}
			last = c
		}
	}
}
