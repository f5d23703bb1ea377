package upkeep_test

import (
	"testing"

	"github.com/belfry/belfry/internal/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }
