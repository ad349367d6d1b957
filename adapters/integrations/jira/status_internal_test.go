package jira

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A status that is called as its category is, is what the mapping calls so: never now one, now the other.
func TestAStatusHasOneName(t *testing.T) {
	t.Parallel()
	done := status{Name: "Done"}
	done.Category.Key = "done"
	for range 50 {
		require.Equal(t, "Done", done.value(map[string]string{"resolved": "Done", "closed": "done", "open": "new"}))
		require.Equal(t, "done", done.value(map[string]string{"resolved": "done", "closed": "done", "open": "new"}))
	}
	require.Equal(t, "Odd", status{Name: "Odd"}.value(nil))
}
