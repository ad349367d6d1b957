package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Passing over tickets costs as much as showing them, so nobody may ask for a billion.
func TestAPageFarAwayIsRefusedWithAWayOut(t *testing.T) {
	t.Parallel()
	ada := boot(t).founder("ada")
	ada.ticket()
	for query, field := range map[string]string{"offset=100001": "query.offset", "page=1002&size=100": "query.page", "page=100000&size=100": "query.page"} {
		refused := ada.do(422, "GET", "/api/v1/tickets?"+query, nil)
		require.Contains(t, refused.detail(), "cursor", query)
		require.Equal(t, field, refused.problems()[0]["location"])
	}
	require.Empty(t, ada.get("/api/v1/tickets?offset=100000").list())
	require.Equal(t, "1", ada.get("/api/v1/tickets?offset=100000").header.Get("X-Total-Count"))
}
