package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/pflag"
)

// logOptions say what the log looks like; it goes to stderr.
type logOptions struct {
	format choice
	level  choice
}

func (o *logOptions) addFlags(fs *pflag.FlagSet) {
	o.format = newChoice("text", "text", "json")
	o.level = newChoice("info", "debug", "info", "warn", "error")
	fs.Var(&o.format, "log-format", "how each line of the log is written")
	fs.Var(&o.level, "log-level", "the least severe lines to log")
}

// logger returns a logger on w. The options were checked as they were set.
func (o *logOptions) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.level.value)); err != nil {
		return nil, fmt.Errorf("parse log level: %w", err)
	}
	handle := &slog.HandlerOptions{Level: level}
	if o.format.value == "json" {
		return slog.New(slog.NewJSONHandler(w, handle)), nil
	}
	return slog.New(slog.NewTextHandler(w, handle)), nil
}
