package ops

import (
	"testing"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
)

func TestSchemas(t *testing.T) {
	servertest.CheckSchemas(t, "../../docs/openapi.yaml", map[string]any{
		"Overview": overview{}, "Lookup": lookup{}, "Letter": letterBody{}, "Topic": Topic{}, "TopicRecord": Record{}, "Replay": inbox.Refold{},
	})
}
