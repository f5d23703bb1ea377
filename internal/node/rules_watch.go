package node

import (
	"log/slog"
	"time"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources/rules"
)

// Rules is what a node needs of rules.
type Rules = Watched[*rules.Set]

// rulesWatch gives routers new rules when their files change or on SIGHUP.
type rulesWatch = watch[*rules.Set]

// newRulesWatch puts the rules that were loaded at start in force.
func newRulesWatch(cfg Rules, set func([]processors.Source), log *slog.Logger) *rulesWatch {
	log = log.With("component", "rules")
	return newWatch(cfg, "rules", func(s *rules.Set) { set(routedSources(s)) }, func(s *rules.Set) (string, []any) {
		return s.Hash(), []any{"sources", len(s.Sources())}
	}, watchLines{
		loaded:  func(facts ...any) { log.Info("rules loaded", facts...) },
		refused: func(facts ...any) { log.Error("rules not reloaded, the former ones stay", facts...) },
	})
}

// routedSources are the sources of rules for routers.
func routedSources(rules *rules.Set) []processors.Source {
	var out []processors.Source
	for _, s := range rules.Sources() {
		out = append(out, processors.Source{
			Topic: s.Topic, Pattern: s.Pattern, Matches: s.Matches, Rules: s,
			Start: func(now time.Time) engine.Start { return startOf(s, now) },
		})
	}
	return out
}

func startOf(s *rules.Source, now time.Time) engine.Start {
	start := engine.Start{At: engine.AtEnd, Silent: s.Silent}
	if s.From.Earliest {
		start.At = engine.AtOldest
	}
	if since, ok := s.From.Since(now); ok {
		start.At, start.Time = engine.AtTime, since
	}
	return start
}
