package engine

import (
	"fmt"
	"log/slog"
	"strings"
)

// gokaLogger takes goka's lines into slog at debug level: what matters of them
// comes back as errors, which the supervisor logs.
type gokaLogger struct{ log *slog.Logger }

func (l gokaLogger) Print(args ...any)   { l.debug(fmt.Sprint(args...)) }
func (l gokaLogger) Println(args ...any) { l.debug(fmt.Sprintln(args...)) }
func (l gokaLogger) Printf(format string, args ...any) {
	l.debug(fmt.Sprintf(format, args...))
}

func (l gokaLogger) debug(line string) {
	l.log.Debug("goka", "line", strings.TrimSpace(line))
}
