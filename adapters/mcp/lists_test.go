package mcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
)

func TestAListOfToolsIsUsedAgainForAWhileByTheSameRole(t *testing.T) {
	t.Parallel()
	var l lists
	now := time.Now()
	_, known := l.find(domain.Admin, now)
	require.False(t, known)
	l.keep(domain.Admin, []commands.Tool{{Name: "get_ticket"}}, now)
	list, known := l.find(domain.Admin, now.Add(listedFor-1))
	require.True(t, known)
	require.Equal(t, "get_ticket", list[0].Name)
	_, known = l.find(domain.Member, now)
	require.False(t, known)
	_, known = l.find(domain.Admin, now.Add(listedFor))
	require.False(t, known)
}
