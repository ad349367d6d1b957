package http

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the sockets say and the manual does not name, nobody listens for.
func TestTheManualNamesEveryNotice(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("../../projections/*_notice*.go")
	require.NoError(t, err)
	types := regexp.MustCompile(`\tn\.Type(?:, n\.Data)? = "([a-z_]+)"`)
	var named []string
	for _, source := range sources {
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		for _, found := range types.FindAllSubmatch(text, -1) {
			named = append(named, string(found[1]))
		}
	}
	require.Subset(t, named, []string{"ticket_created", "message_added", "file_deleted"})
	for _, name := range append(named, "ai_budget_alert", "ai_budget_stop") {
		require.Contains(t, websocketManual, name)
	}
}
