package domain_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

func TestFoldAppliesFactsInOrder(t *testing.T) {
	t.Parallel()
	d := domain.Decider[string, string, string]{Evolve: func(s, e string) string { return s + e }}
	require.Equal(t, "abc", d.Fold("a", "b", "c"))
	require.Equal(t, "a", d.Fold("a"))
}

func TestAnAbsentIDIsLeftOutOfJSON(t *testing.T) {
	t.Parallel()
	type event struct {
		Org  domain.OrgID  `json:"org,omitzero"`
		User domain.UserID `json:"user,omitzero"`
		File domain.FileID `json:"file,omitzero"`
	}
	text, err := json.Marshal(event{})
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(text))

	id := uuid.MustParse("0198c0de-0000-7000-8000-000000000001")
	text, err = json.Marshal(event{Org: domain.OrgID{UUID: id}, User: domain.UserID{UUID: id}, File: domain.FileID{UUID: id}})
	require.NoError(t, err)
	require.JSONEq(t, `{"org":"`+id.String()+`","user":"`+id.String()+`","file":"`+id.String()+`"}`, string(text))
}

func TestStorable(t *testing.T) {
	t.Parallel()
	require.True(t, domain.Storable("Grüße 🎫"))
	require.False(t, domain.Storable("a\x00b"))
	require.False(t, domain.Storable("a\xff"))
}

func TestUnstorable(t *testing.T) {
	t.Parallel()
	const characters, depth = "holds characters that are not text", "is nested more than 32 levels deep"
	for name, c := range map[string]struct {
		value map[string]any
		want  string
	}{
		"nothing":               {nil, ""},
		"a nested value":        {map[string]any{"a": []any{"b", 1.5, true, map[string]any{"c": nil}}}, ""},
		"NUL in a key":          {map[string]any{"\x00": 1.0}, characters},
		"broken UTF-8":          {map[string]any{"a": "\xff"}, characters},
		"NUL in a list":         {map[string]any{"a": []any{"a", "\x00"}}, characters},
		"NUL deep in an object": {map[string]any{"a": []any{map[string]any{"b": "\x00"}}}, characters},
		"32 levels":             {map[string]any{"a": nested(31, "leaf")}, ""},
		"33 levels":             {map[string]any{"a": nested(32, "leaf")}, depth},
		"an object too deep":    {map[string]any{"a": nested(31, map[string]any{})}, depth},
		"5,000 levels":          {map[string]any{"a": nested(5_000, nil)}, depth},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, domain.Unstorable(c.value))
		})
	}
}

// nested wraps a value in so many lists.
func nested(levels int, value any) any {
	for range levels {
		value = []any{value}
	}
	return value
}
