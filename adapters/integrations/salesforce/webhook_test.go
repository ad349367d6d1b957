package salesforce_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
)

// hook answers what came in by a request.
func hook(t *testing.T, r *http.Request) commands.Webhook {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return commands.Webhook{Header: r.Header.Get, Query: r.URL.Query().Get, Body: body, At: time.Now()}
}

func TestAnOutboundMessageIsProvedByTheSecretOfItsAddress(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	w := hook(t, d.Webhook(made(t, d).ID))
	require.NoError(t, d.platform.Verify(d.account, w))
	for _, secret := range []string{"", "outbound-message-secre", "outbound-message-secret ", "Outbound-message-secret"} {
		w.Query = func(string) string { return secret }
		require.ErrorIs(t, d.platform.Verify(d.account, w), commands.ErrUnsigned, secret)
	}
	delete(d.account.Credentials, "webhook_secret")
	w.Query = func(string) string { return "" }
	require.ErrorIs(t, d.platform.Verify(d.account, w), commands.ErrUnsigned)
}

func TestAnOutboundMessageTellsWhichCasesToLookAt(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	ref := made(t, d)
	first, err := d.platform.Hear(d.account, hook(t, d.Webhook(ref.ID)))
	require.NoError(t, err)
	require.True(t, first.Concerns)
	require.Equal(t, []string{ref.ID}, first.Tickets)
	require.Equal(t, http.StatusOK, first.Answer.Status)
	var answer struct {
		Ack string `xml:"Body>notificationsResponse>Ack"`
	}
	require.NoError(t, xml.Unmarshal(first.Answer.Body, &answer))
	require.Equal(t, "true", answer.Ack)
	second, err := d.platform.Hear(d.account, hook(t, d.Webhook(ref.ID)))
	require.NoError(t, err)
	require.NotEqual(t, first.Delivery, second.Delivery)

	for settings, concerns := range map[string]bool{"": true, "00D000000000001": true, "00D000000000001EAA": true, "00D000000000002EAA": false, "00D": false} {
		d.account.Settings["organization_id"] = settings
		heard, err := d.platform.Hear(d.account, hook(t, d.Webhook(ref.ID)))
		require.NoError(t, err)
		require.Equal(t, concerns, heard.Concerns, settings)
	}
}

// message answers an outbound message of notifications.
func message(notifications string) string {
	return `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body>` +
		`<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D000000000001EAA</OrganizationId>` + notifications + `</notifications></Body></Envelope>`
}

func notification(id, kind, fields string) string {
	return `<Notification><Id>` + id + `</Id><sObject xsi:type="sf:` + kind + `" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">` + fields + `</sObject></Notification>`
}

func TestAHundredNotificationsAreOneMessage(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	var all strings.Builder
	for range 50 {
		all.WriteString(notification("04l000000000000001", "Case", "<sf:Id>500000000000000001</sf:Id>"))
		all.WriteString(notification("04l000000000000002", "CaseComment", "<sf:Id>00a000000000000001</sf:Id><sf:ParentId>500000000000000002</sf:ParentId>"))
	}
	all.WriteString(notification("04l000000000000003", "Account", "<sf:Id>001000000000000001</sf:Id>"))
	heard, err := d.platform.Hear(d.account, commands.Webhook{Body: []byte(message(all.String()))})
	require.NoError(t, err)
	require.Equal(t, []string{"500000000000000001", "500000000000000002"}, heard.Tickets)
	require.Len(t, heard.Delivery, 64)
}

func TestWhatIsNoOutboundMessageIsNotUnderstood(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	good := notification("04l000000000000001", "Case", "<sf:Id>500000000000000001</sf:Id>")
	heard, err := d.platform.Hear(d.account, commands.Webhook{Body: []byte(message(good))})
	require.NoError(t, err)
	require.NotEmpty(t, heard.Tickets)
	for name, body := range map[string]string{
		"nothing":             "",
		"no XML":              `{"a": 1}`,
		"half":                message(good)[:300],
		"something else":      "<Envelope/>",
		"another envelope":    strings.Replace(message(good), "schemas.xmlsoap.org", "example.org", 1),
		"no notification":     message(""),
		"no id":               message(notification("04l000000000000001", "Case", "")),
		"an id that is none":  message(notification("04l000000000000001", "Case", "<sf:Id>../x</sf:Id>")),
		"no id of its own":    message(notification("", "Case", "<sf:Id>500000000000000001</sf:Id>")),
		"a declaration":       `<!DOCTYPE Envelope>` + message(good),
		"entities of its own": `<!DOCTYPE x [<!ENTITY a "500000000000000001">]>` + message(notification("04l000000000000001", "Case", "<sf:Id>&a;</sf:Id>")),
		"an unknown entity":   message(notification("04l000000000000001", "Case", "<sf:Id>&a;</sf:Id>")),
		"a file of ours":      `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + message(good),
		"very deep":           strings.Repeat("<a>", 200_000),
	} {
		_, err := d.platform.Hear(d.account, commands.Webhook{Body: []byte(body)})
		require.ErrorIs(t, err, commands.ErrNotUnderstood, name)
	}
}
