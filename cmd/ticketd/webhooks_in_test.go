package main

import (
	"errors"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

// came has a webhook brought to an address, and answers the status.
func (w *towards) came(r *nethttp.Request, address string) int {
	w.t.Helper()
	request, err := nethttp.NewRequestWithContext(w.t.Context(), nethttp.MethodPost, w.ada.url+address, r.Body)
	require.NoError(w.t, err)
	request.Header = r.Header.Clone()
	answer, err := web.Do(request)
	require.NoError(w.t, err)
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(w.t, err)
	return answer.StatusCode
}

// A webhook is taken once, by whoever it is for, as long as there is somebody; and a change is known before the next one comes.
func TestAVendorsWebhooksAreTakenAndCounted(t *testing.T) {
	t.Parallel()
	i := boot(t, hasty)
	ada := i.founder("ada").on(t)
	w := ada.connects(begins(t, integration.GitHub)).usable()
	other := i.founder("eve").on(t).connects(begins(t, integration.GitHub), object{"settings": object{"owner": "another", "repo": "place"}})
	one, all := w.path+"/webhook", "/api/v1/integrations/github/webhook"
	made := ada.ticket(object{"integration_id": w.id})
	external, _ := w.arrived(made.id())["external_ticket_id"].(string)
	w.settled()
	here := "/api/v1/tickets/" + made.id() + "/comments"

	w.Say(external, "Zoe", "Over the platform's address.")
	hook := w.Webhook(external)
	delivery, proof := hook.Header.Get("X-GitHub-Delivery"), hook.Header.Get("X-Hub-Signature-256")
	require.Equal(t, 200, w.came(hook, all))
	w.until(func() bool { return len(ada.get(here).list()) == 1 })
	w.settled()

	again := w.Webhook(external)
	again.Header.Set("X-GitHub-Delivery", delivery)
	require.Equal(t, 200, w.came(again, one), "it was taken before, at whatever address")
	tampered := w.Webhook(external)
	tampered.Header.Set("X-Hub-Signature-256", strings.Replace(proof, proof[len(proof)-1:], "x", 1))
	require.Equal(t, 401, w.came(tampered, one))
	require.Equal(t, 401, w.came(w.Webhook(external), "/api/v1/integrations/slack/webhook"))
	require.Equal(t, 404, w.came(w.Webhook(external), "/api/v1/integrations/gitlab/webhook"))
	require.Empty(t, other.Tickets(), "nobody else is concerned")

	ada.do(200, "PATCH", w.path+"/status", object{"enabled": false})
	w.Say(external, "Zoe", "Over its own address.")
	require.Equal(t, 200, w.came(w.Webhook(external), one))
	w.until(func() bool { return len(ada.get(w.path+"/deliveries?status=held").list()) == 1 })
	require.Len(t, ada.get(here).list(), 1, "it is kept back")
	ada.do(200, "PATCH", w.path+"/status", object{"enabled": true})
	w.until(func() bool { return len(ada.get(here).list()) == 2 })
	ada.do(204, "DELETE", w.path, nil)
	eventually(t, func() bool { return w.came(w.Webhook(external), one) == 404 })

	counted := string(i.nobody().get("/metrics").raw)
	for _, line := range []string{
		`ticketd_webhooks_total{outcome="taken",platform="github"} `, `ticketd_webhooks_total{outcome="repeated",platform="github"} 1`,
		`ticketd_webhooks_total{outcome="unsigned",platform="github"} 1`, `ticketd_webhooks_total{outcome="unknown",platform="unknown"} `,
	} {
		require.Contains(t, counted, line)
	}
	require.NotContains(t, i.log.String(), proof)
}

// Before a vendor sends anything it tries the address, each in its own way: Slack's and Graph's must be told what they said.
func TestVendorsTryTheirAddressFirst(t *testing.T) {
	t.Parallel()
	ada := boot(t, hasty).founder("ada")
	shakes := func(platform integration.Platform, shake func(v vendorfake.Vendor) *nethttp.Request, answer string) {
		w := ada.connects(begins(t, platform)).usable()
		for _, address := range []string{w.path + "/webhook", "/api/v1/integrations/" + string(platform) + "/webhook"} {
			r := shake(w.Vendor)
			request, err := nethttp.NewRequestWithContext(t.Context(), nethttp.MethodPost, ada.url+address+"?"+r.URL.RawQuery, r.Body)
			require.NoError(t, err)
			request.Header = r.Header
			said, err := web.Do(request)
			require.NoError(t, err)
			text, err := io.ReadAll(said.Body)
			require.NoError(t, errors.Join(err, said.Body.Close()))
			require.Equal(t, 200, said.StatusCode, "%s at %s: %s", platform, address, text)
			if answer != "" {
				require.Equal(t, answer, string(text))
				require.Contains(t, said.Header.Get("Content-Type"), "text/plain")
			}
		}
		w.settled()
		require.Empty(t, w.Tickets())
	}
	shakes(integration.Slack, func(v vendorfake.Vendor) *nethttp.Request { return v.(*vendorfake.Slack).Handshake("3eZbrw1aB") }, "3eZbrw1aB")
	shakes(integration.Intercom, func(v vendorfake.Vendor) *nethttp.Request { return v.(*vendorfake.Intercom).Ping() }, "")
	shakes(integration.Teams, func(vendorfake.Vendor) *nethttp.Request {
		return httptest.NewRequest(nethttp.MethodPost, "/?validationToken=Validation%3A+Testing", nethttp.NoBody)
	}, "Validation: Testing")
}
