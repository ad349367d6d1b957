package grant_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/grant"
)

func TestOnlyACodeThatNamesTheEndIsOne(t *testing.T) {
	t.Parallel()
	wait := http.Header{"Retry-After": {"30"}}
	for _, c := range []struct {
		status int
		header http.Header
		body   string
		kind   commands.VendorErrorKind
	}{
		{400, nil, `{"error":"invalid_grant","error_description":"expired access/refresh token"}`, commands.Revoked},
		{401, nil, `{"error":"invalid_client"}`, commands.Revoked},
		{403, nil, `{"error":"unauthorized_client"}`, commands.Revoked},
		{200, nil, `{"ok":false,"error":"invalid_refresh_token"}`, commands.Revoked},
		{400, nil, `{"error":"invalid_grant","error_description":"login rate exceeded"}`, commands.Limited},
		{400, nil, `{"error":"invalid_grant","error_description":"AADSTS90055: The request was throttled."}`, commands.Limited},
		{200, nil, `{"ok":false,"error":"ratelimited"}`, commands.Limited},
		{403, wait, `{"error":"invalid_grant"}`, commands.Limited},
		{429, nil, ``, commands.Limited},
		{400, nil, `{"error":"temporarily_unavailable"}`, commands.Down},
		{400, nil, `{"error":"invalid_grant","error_description":"The account is locked, try again later."}`, commands.Down},
		{400, nil, `{"error":"never_heard_of"}`, commands.Down},
		{400, nil, `{"error":{"code":"invalid_grant"}}`, commands.Down},
		{400, nil, ``, commands.Down},
		{401, nil, `<html>`, commands.Down},
		{403, nil, `<html>Blocked</html>`, commands.Down},
		{404, nil, ``, commands.Down},
		{302, nil, ``, commands.Down},
		{503, nil, `{"error":"invalid_grant"}`, commands.Down},
	} {
		wrong := grant.Judge(func(int, []byte) string { return "No." })(c.status, c.header, []byte(c.body))
		require.Equal(t, c.kind, wrong.Kind, c.body)
		require.Equal(t, "No.", wrong.Message)
		require.Equal(t, c.status >= 500, wrong.Unsure)
	}
	require.Nil(t, grant.Judge(nil)(200, nil, []byte(`{"access_token":"a"}`)))
}
