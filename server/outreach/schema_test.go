package outreach

import (
	"testing"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

func TestSchemas(t *testing.T) {
	servertest.CheckSchemas(t, "../../docs/openapi.yaml", map[string]any{
		"Preferences": preferences{}, "PushSubscriptions": places{}, "Registered": registered{}, "Decision": decision{}, "Head": wire.Head{},
	})
}
