package github_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ticketd/adapters/integrations/github"
	"ticketd/commands"
	"ticketd/internal/outbound"
	"ticketd/internal/vendorfake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// impatience is how long GitHub may say nothing where it does.
const impatience = 200 * time.Millisecond

// world is a GitHub and who speaks with it.
type world struct {
	*vendorfake.GitHub

	platform *github.GitHub
	account  commands.Account
	commands.Connection
}

// meet plays a GitHub, connected as the account says. Every request is valid at the end.
func meet(t *testing.T, connect ...func(*vendorfake.GitHub) map[string]any) *world {
	t.Helper()
	w := &world{GitHub: vendorfake.NewGitHub()}
	t.Cleanup(func() {
		w.Close()
		require.Empty(t, w.Base().Invalid())
	})
	w.platform = patient(t, time.Minute)
	w.account = w.Account()
	if len(connect) > 0 {
		w.account = w.Opened(connect[0](w.GitHub))
	}
	w.open()
	return w
}

// patient answers what speaks with GitHub, and waits so long for an answer.
func patient(t *testing.T, silence time.Duration) *github.GitHub {
	t.Helper()
	client := outbound.New(outbound.Options{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, Silence: silence, UserAgent: "ticketd/test",
	})
	t.Cleanup(client.Close)
	return github.New(client)
}

// facing answers the connection for a fault: nobody waits long for an answer that never comes.
func (w *world) facing(t *testing.T, f vendorfake.Fault) commands.Connection {
	t.Helper()
	if !f.Silence {
		return w.Connection
	}
	return patient(t, impatience).Open(w.account)
}

func (w *world) open() { w.Connection = w.platform.Open(w.account) }

// renewed opens the connection with what Renew answers.
func (w *world) renewed(t *testing.T) commands.Renewal {
	t.Helper()
	renewal, err := w.platform.Renew(t.Context(), w.account)
	require.NoError(t, err)
	maps.Copy(w.account.Credentials, renewal.Fields)
	w.open()
	return renewal
}

func asApp(t *testing.T) *world {
	t.Helper()
	w := meet(t, (*vendorfake.GitHub).ConnectByApp)
	w.renewed(t)
	return w
}

func draft() commands.Draft {
	return commands.Draft{
		Ticket: uuid.New(), Number: 12, Title: "The printer is on fire", Description: "It burns.\n\nSince *today*.", Priority: "priority: high", Category: "bug",
		Status: "open", Tags: []string{"printer"}, Creator: commands.Person{Name: "Ada"}, Link: "https://help.example.com/t/12",
	}
}

// made answers an issue that was made.
func (w *world) made(t *testing.T) commands.Ref {
	t.Helper()
	receipt, err := w.Create(t.Context(), draft())
	require.NoError(t, err)
	return commands.Ref{ID: receipt.ID, Place: receipt.Place}
}

// wrong answers the vendor's error, of which there must be one.
func wrong(t *testing.T, err error) *commands.VendorError {
	t.Helper()
	e, ok := errors.AsType[*commands.VendorError](err)
	require.True(t, ok, "%v", err)
	return e
}

// inMemory is a file that is opened from a text.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

func attachment(name, kind, text string) commands.Attachment {
	return commands.Attachment{
		File: uuid.New(), Name: name, Type: kind, Size: int64(len(text)), Sent: func(int64) {},
		Open: func(context.Context) (io.ReadSeekCloser, error) { return inMemory{bytes.NewReader([]byte(text))}, nil },
	}
}

// received answers a webhook as the program hears it.
func received(t *testing.T, r *http.Request) commands.Webhook {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return commands.Webhook{Header: r.Header.Get, Query: func(string) string { return "" }, Body: body, At: time.Now()}
}

func count(seen []vendorfake.Seen, operation string) int {
	n := 0
	for _, s := range seen {
		if strings.HasPrefix(s.Operation, operation) {
			n++
		}
	}
	return n
}
