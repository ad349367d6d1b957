package intercom_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/intercom"
	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

var _ vendorfake.Vendor = (*vendorfake.Intercom)(nil)

// hook answers a request as what came in.
func hook(t *testing.T, r *http.Request) commands.Webhook {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return commands.Webhook{Header: r.Header.Get, Query: func(string) string { return "" }, Body: body, At: time.Now()}
}

func signed(secret, proof, body string) (commands.Account, commands.Webhook) {
	headers := http.Header{}
	headers.Set("X-Hub-Signature", proof)
	return commands.Account{Credentials: map[string]string{"webhook_secret": secret}}, commands.Webhook{Header: headers.Get, Body: []byte(body), At: time.Now()}
}

func sign(secret, body string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha1=" + hex.EncodeToString(mac.Sum(nil))
}

func TestSignaturesAreIntercoms(t *testing.T) {
	t.Parallel()
	p := intercom.New(nil)
	const secret, proof, body = "intercom-client-secret", "sha1=885e3669670608450143fbbd758f8914406c1b45", `{"hello":"world"}`
	a, w := signed(secret, proof, body)
	require.NoError(t, p.Verify(a, w))
	_, tampered := signed(secret, proof, body+" ")
	require.ErrorIs(t, p.Verify(a, tampered), commands.ErrUnsigned)
	_, bare := signed(secret, "", body)
	require.ErrorIs(t, p.Verify(a, bare), commands.ErrUnsigned)
	_, unnamed := signed(secret, strings.TrimPrefix(proof, "sha1="), body)
	require.ErrorIs(t, p.Verify(a, unnamed), commands.ErrUnsigned)
	other, _ := signed("another", proof, body)
	require.ErrorIs(t, p.Verify(other, w), commands.ErrUnsigned)
	none, _ := signed("", "sha1="+hex.EncodeToString(hmac.New(sha1.New, nil).Sum(nil)), body)
	require.ErrorIs(t, p.Verify(none, w), commands.ErrUnsigned)
	none.Credentials["client_secret"] = secret
	require.NoError(t, p.Verify(none, w), "the app's secret is the one that signs")
	odd, makesNoSense := signed(secret, sign(secret, "{"), "{")
	require.NoError(t, p.Verify(odd, makesNoSense), "proved all the same")
}

func TestANoticeHasItsTime(t *testing.T) {
	t.Parallel()
	w := start(t)
	for offset, want := range map[time.Duration]error{
		0: nil, -4 * time.Minute: nil, 4 * time.Minute: nil, -6 * time.Minute: commands.ErrOutdated, 6 * time.Minute: commands.ErrOutdated,
	} {
		err := w.platform.Verify(w.Account(), hook(t, w.Notice("ticket.created", nil, time.Now().Add(offset))))
		require.ErrorIs(t, err, want)
	}
}

func TestWhatHappensIsHeard(t *testing.T) {
	t.Parallel()
	w := start(t)
	a := w.Account()
	ref := w.create(t)
	hear := func() commands.Heard {
		t.Helper()
		h := hook(t, w.Webhook(ref.ID))
		require.NoError(t, w.platform.Verify(a, h))
		heard, err := w.platform.Hear(a, h)
		require.NoError(t, err)
		require.True(t, heard.Concerns)
		require.Equal(t, []string{ref.ID}, heard.Tickets)
		require.Nil(t, heard.Answer, "and never 410")
		return heard
	}
	require.NotEqual(t, hear().Delivery, hear().Delivery)
	w.Say(ref.ID, "Bob", "Hello")
	hear()
	_, err := w.open().Comment(t.Context(), ref, commands.Note{Comment: uuid.New(), Text: "Ours"})
	require.NoError(t, err)
	hear()
	w.Move(ref.ID, "resolved")
	hear()
	require.NoError(t, w.open().Update(t.Context(), ref, draft()))
	hear()
	w.Delete(ref.ID)
	require.True(t, strings.HasPrefix(hear().Delivery, "notif_"))
}

func TestAnotherWorkspaceIsNoConcern(t *testing.T) {
	t.Parallel()
	w := start(t)
	ref := w.create(t)
	h := hook(t, w.Webhook(ref.ID))
	a := w.Account()
	a.Settings["app_id"] = "other"
	heard, err := w.platform.Hear(a, h)
	require.NoError(t, err)
	require.False(t, heard.Concerns)
	require.Empty(t, heard.Tickets)
	a.Settings["app_id"] = ""
	heard, err = w.platform.Hear(a, h)
	require.NoError(t, err)
	require.True(t, heard.Concerns, "only one workspace sends here")
}

func TestAPingIsOnlyAnswered(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := hook(t, w.Ping())
	require.NoError(t, w.platform.Verify(w.Account(), h))
	heard, err := w.platform.Hear(w.Account(), h)
	require.NoError(t, err)
	require.Equal(t, commands.Heard{Concerns: true}, heard)
	heard, err = w.platform.Hear(w.Account(), hook(t, w.Notice("conversation.user.replied", map[string]any{"type": "conversation", "id": "5"}, time.Now())))
	require.NoError(t, err)
	require.Empty(t, heard.Tickets, "a conversation is no ticket")
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", "{", `"text"`, `{"hello":"world"}`, `{"type":1}`} {
		_, err := intercom.New(nil).Hear(commands.Account{}, commands.Webhook{Body: []byte(body)})
		require.ErrorIs(t, err, commands.ErrNotUnderstood, body)
	}
}
