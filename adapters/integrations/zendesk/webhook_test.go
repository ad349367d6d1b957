package zendesk_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
)

func heard(t *testing.T, r *http.Request) commands.Webhook {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return commands.Webhook{Header: r.Header.Get, Query: func(string) string { return "" }, Body: body, At: time.Now()}
}

func with(header map[string]string, body string, at time.Time) commands.Webhook {
	h := http.Header{}
	for name, value := range header {
		h.Set(name, value)
	}
	return commands.Webhook{Header: h.Get, Query: func(string) string { return "" }, Body: []byte(body), At: at}
}

func TestWebhooksNameTheirTicket(t *testing.T) {
	t.Parallel()
	d := open(t)
	a, ref := d.Account(), d.made(t)
	seen := map[string]bool{}
	for range 2 {
		for _, happen := range []func(){
			func() {}, func() { d.Move(ref.ID, "pending") }, func() { d.Say(ref.ID, "Eve", "Hm.") },
		} {
			happen()
			w := heard(t, d.Webhook(ref.ID))
			require.NoError(t, d.platform.Verify(a, w))
			h, err := d.platform.Hear(a, w)
			require.NoError(t, err)
			require.True(t, h.Concerns)
			require.Equal(t, []string{ref.ID}, h.Tickets)
			require.Nil(t, h.Answer)
			require.False(t, seen[h.Delivery])
			seen[h.Delivery] = true
		}
	}
	w := heard(t, d.Webhook(ref.ID))
	w.Body[3] ^= 1
	require.ErrorIs(t, d.platform.Verify(a, w), commands.ErrUnsigned, "tampered")
	w = heard(t, d.Webhook(ref.ID))
	for _, by := range []time.Duration{6 * time.Minute, -6 * time.Minute} {
		w.At = time.Now().Add(by)
		require.ErrorIs(t, d.platform.Verify(a, w), commands.ErrOutdated)
	}
	a.Credentials["webhook_secret"] = ""
	require.ErrorIs(t, d.platform.Verify(a, heard(t, d.Webhook(ref.ID))), commands.ErrUnsigned)
}

func TestASignatureIsOverTheTimeAndTheBody(t *testing.T) {
	t.Parallel()
	d := open(t)
	a := d.Account()
	const secret, at = "zendesk-signing-secret", "2026-01-02T03:04:05Z"
	a.Credentials["webhook_secret"] = secret
	now, err := time.Parse(time.RFC3339, at)
	require.NoError(t, err)
	// made with another program: printf %s "$at$body" | openssl dgst -sha256 -hmac "$secret" -binary | base64
	for body, signature := range map[string]string{
		`{"hello":"world"}`: "arD9dnfsyPqW/acbs1nWjMugIO11DNazSsUeur/vPNs=",
		"":                  "owoTNgAyyYpiIm9z4cyC6l3b9YdqDOKPUVKDpv11Dp4=",
	} {
		header := map[string]string{"X-Zendesk-Webhook-Signature": signature, "X-Zendesk-Webhook-Signature-Timestamp": at}
		require.NoError(t, d.platform.Verify(a, with(header, body, now)))
		require.ErrorIs(t, d.platform.Verify(a, with(header, body+" ", now)), commands.ErrUnsigned)
		for name, value := range map[string]string{"X-Zendesk-Webhook-Signature": "", "X-Zendesk-Webhook-Signature-Timestamp": "2026-01-02T03:04:06Z"} {
			kept := header[name]
			header[name] = value
			require.ErrorIs(t, d.platform.Verify(a, with(header, body, now)), commands.ErrUnsigned)
			header[name] = kept
		}
		header["X-Zendesk-Webhook-Signature"] = "no base64!"
		require.ErrorIs(t, d.platform.Verify(a, with(header, body, now)), commands.ErrUnsigned)
	}
	header := map[string]string{"X-Zendesk-Webhook-Signature": "N0PnsCIoE1p/6ehgWEZWSw/6Wf0wsKWqqibvmoXRP8M=", "X-Zendesk-Webhook-Signature-Timestamp": "never"}
	require.ErrorIs(t, d.platform.Verify(a, with(header, "{}", now)), commands.ErrOutdated)
}

func TestTheSecretThatEverybodyKnowsIsNeverTaken(t *testing.T) {
	t.Parallel()
	d := open(t)
	const at = "2026-01-02T03:04:05Z"
	now, err := time.Parse(time.RFC3339, at)
	require.NoError(t, err)
	for _, secret := range []string{"zendesk-signing-secret", "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="} {
		a := d.Account()
		a.Credentials["webhook_secret"] = secret
		for body, signature := range map[string]string{
			`{"hello":"world"}`: "WSTlD8sp/VLH8QALIAbzU3RqUyxsHEvCtOwU4GEVnFk=", "": "1xsiPKGHFyXedEmvxNaOg4VQ2U4XjHcPMETpJymjCkg=",
		} {
			header := map[string]string{"X-Zendesk-Webhook-Signature": signature, "X-Zendesk-Webhook-Signature-Timestamp": at}
			require.ErrorIs(t, d.platform.Verify(a, with(header, body, now)), commands.ErrUnsigned)
		}
	}
}

func TestWhatAWebhookSaysIsUnderstoodOrNot(t *testing.T) {
	t.Parallel()
	d := open(t)
	invocation := map[string]string{"X-Zendesk-Webhook-Invocation-Id": "01X"}
	for body, want := range map[string]commands.Heard{
		"": {Delivery: "01X"},
		`{"id":"e","type":"zen:event-type:ticket.created","subject":"zen:ticket:7"}`:                     {Delivery: "e", Tickets: []string{"7"}},
		`{"id":"e","type":"zen:event-type:ticket.created","detail":{"id":"8"},"subject":"zen:ticket:7"}`: {Delivery: "e", Tickets: []string{"8"}},
		`{"id":"e","type":"zen:event-type:user.created","detail":{"id":"8"},"subject":"zen:user:8"}`:     {Delivery: "e"},
		`{"ticket_id":"9"}`:                       {Delivery: "01X", Tickets: []string{"9"}},
		`{"ticket_id":9}`:                         {Delivery: "01X", Tickets: []string{"9"}},
		`{"ticket_id":null,"detail":{"id":null}}`: {Delivery: "01X"},
	} {
		want.Concerns = true
		h, err := d.platform.Hear(d.Account(), with(invocation, body, time.Now()))
		require.NoError(t, err, body)
		require.Equal(t, want, h, body)
	}
	for _, body := range []string{
		"[", `{"ticket_id":"../8"}`, `{"ticket_id":{}}`, `{"type":"zen:event-type:ticket.created"}`,
		`{"type":"zen:event-type:ticket.created","subject":"zen:ticket:x"}`, `{"type":"zen:event-type:ticket.created","subject":"zen:user:1"}`,
	} {
		_, err := d.platform.Hear(d.Account(), with(invocation, body, time.Now()))
		require.ErrorIs(t, err, commands.ErrNotUnderstood, body)
	}
}

func FuzzHear(f *testing.F) {
	f.Add(`{"id":"e","type":"zen:event-type:ticket.created","subject":"zen:ticket:7","detail":{"id":"7"}}`)
	f.Add(`{"ticket_id":null}`)
	d := desk{}
	f.Fuzz(func(t *testing.T, body string) {
		h, err := d.platform.Hear(commands.Account{}, with(nil, body, time.Now()))
		if err != nil {
			require.ErrorIs(t, err, commands.ErrNotUnderstood)
			return
		}
		for _, ticket := range h.Tickets {
			require.Regexp(t, `^[0-9]+$`, ticket)
		}
	})
}
