package cli

import (
	"runtime/debug"
	"testing"
)

func TestFormatVersion(t *testing.T) {
	vcs := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"}}
	tests := []struct {
		name   string
		linked string
		info   debug.BuildInfo
		want   string
	}{
		{"nothing known", "", debug.BuildInfo{}, "belfry devel"},
		{"go run", "", debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"}}, "belfry devel go1.26"},
		{"go install", "", debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "v0.3.0"}}, "belfry v0.3.0 go1.26"},
		{"linked", "1.2.3", debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "v0.3.0"}}, "belfry 1.2.3 go1.26"},
		{"modified", "1.2.3", debug.BuildInfo{Settings: vcs}, "belfry 1.2.3 (commit 0123456789ab, modified)"},
		{"clean", "", debug.BuildInfo{Settings: vcs[:1]}, "belfry devel (commit 0123456789ab)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := formatVersion("belfry", tt.linked, &tt.info); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
