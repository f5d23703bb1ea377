package processors

import (
	"cmp"
	"log/slog"
)

// sometimes returns a logger once a minute for each cause, and how many more there were
// of it since the last line; nil in between.
func (d *Deps) sometimes(cause ...string) (log *slog.Logger, more int) {
	return d.Metrics.notices.Sometimes(cmp.Or(d.Log, slog.Default()), cause...)
}
