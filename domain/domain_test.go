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
	for name, c := range map[string]struct {
		value any
		want  bool
	}{
		"text":                  {"Grüße 🎫", true},
		"nothing":               {nil, true},
		"a number":              {1.5, true},
		"a nested value":        {map[string]any{"a": []any{"b", true, map[string]any{"c": nil}}}, true},
		"NUL in text":           {"a\x00b", false},
		"broken UTF-8":          {"a\xff", false},
		"NUL in a key":          {map[string]any{"\x00": 1.0}, false},
		"NUL in a list":         {[]any{"a", "\x00"}, false},
		"NUL deep in an object": {map[string]any{"a": []any{map[string]any{"b": "\x00"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, domain.Storable(c.value))
		})
	}
}
