package jira_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/jira"
	"ticketd/commands"
	"ticketd/internal/outbound"
	"ticketd/internal/vendorfake"
)

// here are the addresses of this machine, where the vendor is played.
var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// world is a Jira that is played, and the adapter that speaks with it.
type world struct {
	*testing.T

	fake    *vendorfake.Jira
	jira    *jira.Jira
	account commands.Account
}

func newWorld(t *testing.T) *world { t.Helper(); return worldOf(t, vendorfake.NewJira()) }

func oauthWorld(t *testing.T) *world { t.Helper(); return worldOf(t, vendorfake.NewJira().OAuth()) }

func worldOf(t *testing.T, fake *vendorfake.Jira) *world {
	t.Helper()
	t.Cleanup(fake.Base().Close)
	w := &world{T: t, fake: fake, account: fake.Account()}
	w.patient(time.Minute)
	return w
}

// patient sets how long Jira may say nothing.
func (w *world) patient(silence time.Duration) {
	w.jira = jira.New(outbound.New(outbound.Options{Allow: here, Silence: silence, UserAgent: "ticketd-test"}))
}

func (w *world) open() commands.Connection { return w.jira.Open(w.account) }

// valid ends a test: Jira's description has nothing against any request.
func (w *world) valid() {
	w.Helper()
	require.Empty(w, w.fake.Base().Invalid())
}

func draft() commands.Draft {
	return commands.Draft{
		Ticket: uuid.New(), Number: 12, Title: "Printer on fire", Description: "It **burns**.\n\n- smoke\n- flames", Priority: "High",
		Category: "bug", Status: "new", Tags: []string{"third floor", "printer"}, Creator: commands.Person{Name: "Ada"}, Link: "https://desk.example/tickets/12",
	}
}

// made makes an issue.
func (w *world) made() commands.Ref {
	w.Helper()
	receipt, err := w.open().Create(w.Context(), draft())
	require.NoError(w, err)
	return commands.Ref{ID: receipt.ID, Place: receipt.Place}
}

// only answers the one issue there.
func (w *world) only() vendorfake.Ticket {
	w.Helper()
	all := w.fake.Tickets()
	require.Len(w, all, 1)
	return all[0]
}

func upload(name, content string) (commands.Attachment, *int64) {
	sent := new(int64)
	return commands.Attachment{
		File: uuid.New(), Name: name, Type: "text/plain", Size: int64(len(content)),
		Open: func(context.Context) (io.ReadSeekCloser, error) {
			return closing{bytes.NewReader([]byte(content))}, nil
		},
		Sent: func(bytes int64) { *sent = bytes },
	}, sent
}

type closing struct{ io.ReadSeeker }

func (closing) Close() error { return nil }

func vendorError(t *testing.T, err error) *commands.VendorError {
	t.Helper()
	var wrong *commands.VendorError
	require.ErrorAs(t, err, &wrong)
	return wrong
}

func (w *world) webhook(r *http.Request) commands.Webhook {
	w.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(w, err)
	return commands.Webhook{Header: r.Header.Get, Query: func(string) string { return "" }, Body: body, At: time.Now()}
}
