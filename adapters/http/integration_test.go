package http

import (
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
)

// Who may say where the program is: its operator, the operator's proxies, and else only what the request itself shows.
func TestLinksLeadBackToWhereTheRequestCameTo(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	forwarded := struct{ scheme, host string }{"HTTPS", "tickets.example.org"}
	for name, c := range map[string]struct {
		config Config
		origin Origin
		want   string
	}{
		"what the operator says":               {Config{PublicURL: "https://a.example.org/"}, Origin{host: "b.example.org"}, "https://a.example.org"},
		"what the request says":                {Config{}, Origin{host: "localhost:8000"}, "http://localhost:8000"},
		"over TLS":                             {Config{}, Origin{host: "b.example.org", secure: true}, "https://b.example.org"},
		"what a proxy says":                    {Config{TrustedProxies: proxies}, Origin{host: "b", from: "10.1.2.3:4444", forwarded: forwarded}, "https://tickets.example.org"},
		"what a proxy says, over IPv6":         {Config{TrustedProxies: proxies}, Origin{host: "b", from: "[::ffff:10.1.2.3]:4444", forwarded: forwarded}, "https://tickets.example.org"},
		"what a proxy says of nothing":         {Config{TrustedProxies: proxies}, Origin{host: "b", from: "10.1.2.3:4444"}, "http://b"},
		"a scheme that is none":                {Config{TrustedProxies: proxies}, Origin{host: "b", from: "10.1.2.3:4444", forwarded: struct{ scheme, host string }{scheme: "javascript"}}, "http://b"},
		"what somebody else says":              {Config{TrustedProxies: proxies}, Origin{host: "b", from: "11.1.2.3:4444", forwarded: forwarded}, "http://b"},
		"what somebody says without an origin": {Config{TrustedProxies: proxies}, Origin{host: "b", from: "@", forwarded: forwarded}, "http://b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, c.origin.of(c.config))
		})
	}
}

func TestAConsentThatFailsIsExplainedWithoutWhatIsInside(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	r := integrationRoutes{bare(slog.New(slog.NewTextHandler(&lines, nil))), Integrations{}}
	for _, c := range []struct {
		err    error
		status int
		says   string
	}{
		{&commands.VendorError{Kind: commands.Down, Message: `<script>alert("x")</script>`}, 502, "&lt;script&gt;"},
		{commands.ErrConsentUnknown, 422, "Begin again."},
		{domain.ErrForbidden, 403, "Your role does not allow this."},
		{errors.New("dial tcp: secret.internal"), 500, "Something went wrong on our side"},
	} {
		p, err := r.consentFailed(t.Context(), c.err)
		require.NoError(t, err)
		require.Equal(t, c.status, p.Status)
		require.Contains(t, string(p.Body), c.says)
		require.NotContains(t, string(p.Body), "secret")
		require.NotContains(t, string(p.Body), "<script>")
	}
	require.Contains(t, lines.String(), "secret.internal", "the operator learns why")
}

func TestWhatARefusalRepeats(t *testing.T) {
	t.Parallel()
	for _, location := range []string{"body.credentials", "body.credentials.email", "body.webhook_secret", "body.password"} {
		require.Nil(t, shown(location, "a-secret"), location)
	}
	require.Equal(t, "x", shown("body.name", "x"))
}
