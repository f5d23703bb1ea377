package options

import (
	"io"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
)

// Log say what the log looks like; it goes to stderr.
type Log struct {
	format cli.Choice
	Level  cli.Choice
}

// AddFlags adds the flags to fs.
func (o *Log) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Log")()
	o.format = cli.NewChoice("text", "text", "json")
	o.Level = cli.NewChoice("info", "debug", "info", "warn", "error")
	fs.Var(&o.format, "log-format", "how each line of the log is written")
	fs.Var(&o.Level, "log-level", "the least severe lines to log")
}

// Logger returns a logger on w.
func (o *Log) Logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(o.Level.Value)) // of the words of the flag all are levels
	handle := &slog.HandlerOptions{Level: level}
	if o.format.Value == "json" {
		return slog.New(slog.NewJSONHandler(w, handle))
	}
	return slog.New(slog.NewTextHandler(w, handle))
}
