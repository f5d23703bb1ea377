package inbox

import (
	"errors"
	"testing"

	"github.com/belfry/belfry"
)

func TestFeatures(t *testing.T) {
	for text, want := range map[string]Features{
		"none": 0, "time": FeatureTime, " time ": FeatureTime, "time,time": FeatureTime, "time,reach": FeatureTime | FeatureReach, "broadcast": FeatureBroadcast, DefaultFeatures.String(): DefaultFeatures,
	} {
		if got, err := ParseFeatures(text); got != want || err != nil {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for f := range (FeatureTime | FeatureReach | FeatureBroadcast) + 1 {
		if got, err := ParseFeatures(f.String()); got != f || err != nil {
			t.Errorf("%v: got %v, %v back", f, got, err)
		}
	}
	for _, text := range []string{"", ",", "time,", "Time", "none,time", "notices"} {
		var fe *belfry.FieldError
		if _, err := ParseFeatures(text); !errors.As(err, &fe) || fe.Field != "features" {
			t.Errorf("%q: got %v, want an error about features", text, err)
		}
	}
}
