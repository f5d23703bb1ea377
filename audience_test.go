package belfry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/belfry/belfry"
)

func TestCheckAudience(t *testing.T) {
	for audience, problem := range map[string]string{
		"all":                              "",
		"topic:release-notes":              "",
		"topic:공지":                         "",
		"topic:" + strings.Repeat("t", 64): "",
		"":                                 "must be all or topic:<name>",
		"ALL":                              "must be all or topic:<name>",
		"everybody":                        "must be all or topic:<name>",
		"topic:":                           "must not be empty",
		"topic:a/b":                        `must not contain "/"`,
		"topic:a\nb":                       "control characters",
		"topic:__a":                        `must not start with "__"`,
		"topic:" + strings.Repeat("t", 65): "at most 64 bytes, has 65",
		"topic:" + strings.Repeat("가", 21) + "ab": "at most 64 bytes, has 65",
	} {
		err := belfry.CheckAudience(audience)
		if problem == "" {
			if err != nil {
				t.Errorf("%q is refused: %v", audience, err)
			}
			continue
		}
		var fe *belfry.FieldError
		if !errors.As(err, &fe) || fe.Field != "audience" || !strings.Contains(fe.Problem, problem) {
			t.Errorf("%q: error = %v, want one of the field audience with %s", audience, err, problem)
		}
	}
}

func TestCheckTopic(t *testing.T) {
	if err := belfry.CheckTopic("release-notes"); err != nil {
		t.Errorf("refused: %v", err)
	}
	var fe *belfry.FieldError
	if err := belfry.CheckTopic("a/b"); !errors.As(err, &fe) || fe.Field != "topic" {
		t.Errorf("error = %v, want one of the field topic", err)
	}
	if got := belfry.TopicAudience("a"); belfry.CheckAudience(got) != nil {
		t.Errorf("the audience of a topic is %q, which is none", got)
	}
}
