package renew_test

import (
	"testing"

	"github.com/belfry/belfry/internal/kafkatest"
)

func TestMain(m *testing.M) { kafkatest.Main(m) }
