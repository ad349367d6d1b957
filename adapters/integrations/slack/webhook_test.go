package slack_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/slack"
	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

// hook answers a request as what came in.
func hook(t *testing.T, r *http.Request) commands.Webhook {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return commands.Webhook{Header: r.Header.Get, Query: func(string) string { return "" }, Body: body, At: time.Now()}
}

func signed(secret, at, proof, body string) (commands.Account, commands.Webhook) {
	headers := http.Header{}
	headers.Set("X-Slack-Request-Timestamp", at)
	headers.Set("X-Slack-Signature", proof)
	return commands.Account{Credentials: map[string]string{"signing_secret": secret}}, commands.Webhook{Header: headers.Get, Body: []byte(body)}
}

const vectorSecret = "8f742231b10e8888abcd99yyyzzz85a5"

func TestSignaturesAreSlacks(t *testing.T) {
	t.Parallel()
	p := slack.New(nil)
	for _, v := range []struct {
		at    int64
		text  string
		proof string
		body  string
	}{
		{1531420618, "1531420618", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503", "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"},
		{1700000000, "1700000000", "v0=847e8f68e020fe69d5b60cb3ded54074024149b54d59e37785b63c35e60c4450", `{"hello":"world"}`},
	} {
		a, w := signed(vectorSecret, v.text, v.proof, v.body)
		w.At = time.Unix(v.at, 0).Add(commands.WebhookTolerance)
		require.NoError(t, p.Verify(a, w))
		w.At = time.Unix(v.at, 0).Add(-commands.WebhookTolerance)
		require.NoError(t, p.Verify(a, w))
		w.At = time.Unix(v.at, 0).Add(commands.WebhookTolerance + time.Second)
		require.ErrorIs(t, p.Verify(a, w), commands.ErrOutdated)
		w.At = time.Unix(v.at, 0).Add(-commands.WebhookTolerance - time.Second)
		require.ErrorIs(t, p.Verify(a, w), commands.ErrOutdated)

		w.At = time.Unix(v.at, 0)
		tampered := w
		tampered.Body = append([]byte(v.body), ' ')
		require.ErrorIs(t, p.Verify(a, tampered), commands.ErrUnsigned)
		_, later := signed(vectorSecret, "1700000001", v.proof, v.body)
		require.ErrorIs(t, p.Verify(a, later), commands.ErrUnsigned, "the time is signed, too")
		_, bare := signed(vectorSecret, v.text, "", v.body)
		require.ErrorIs(t, p.Verify(a, bare), commands.ErrUnsigned)
		other, _ := signed("another", v.text, v.proof, v.body)
		require.ErrorIs(t, p.Verify(other, w), commands.ErrUnsigned)
		none, _ := signed("", v.text, v.proof, v.body)
		require.ErrorIs(t, p.Verify(none, w), commands.ErrUnsigned)
	}
}

func TestWhatAPersonDoesIsHeard(t *testing.T) {
	t.Parallel()
	w := start(t)
	a := w.Account()
	ref := w.create(t, draft())
	hear := func(r *http.Request) commands.Heard {
		t.Helper()
		h := hook(t, r)
		require.NoError(t, w.platform.Verify(a, h))
		heard, err := w.platform.Hear(a, h)
		require.NoError(t, err)
		require.True(t, heard.Concerns)
		require.Nil(t, heard.Answer)
		return heard
	}
	require.Empty(t, hear(w.Webhook(ref.ID)).Tickets, "our own reaction")

	_, err := w.open().Comment(t.Context(), ref, commands.Note{Comment: uuid.New(), Text: "Ours"})
	require.NoError(t, err)
	require.Empty(t, hear(w.Webhook(ref.ID)).Tickets, "our own comment")
	require.NoError(t, w.open().Update(t.Context(), ref, draft()))
	require.Empty(t, hear(w.Webhook(ref.ID)).Tickets, "our own change")
	_, err = w.open().Attach(t.Context(), ref, attachment("x"))
	require.NoError(t, err)
	require.Empty(t, hear(w.Webhook(ref.ID)).Tickets, "our own file")

	w.Say(ref.ID, "Bob", "Hello")
	first, second := hear(w.Webhook(ref.ID)), hear(w.Webhook(ref.ID))
	require.Equal(t, []string{ref.ID}, first.Tickets)
	require.NotEmpty(t, first.Delivery)
	require.NotEqual(t, first.Delivery, second.Delivery)
	w.Move(ref.ID, "eyes")
	require.Equal(t, []string{ref.ID}, hear(w.Webhook(ref.ID)).Tickets)
	w.Hand(ref.ID, "Bob", "a.png", 3)
	require.Equal(t, []string{ref.ID}, hear(w.Webhook(ref.ID)).Tickets)
	w.Delete(ref.ID)
	require.Equal(t, []string{ref.ID}, hear(w.Webhook(ref.ID)).Tickets)

	for name, event := range map[string]map[string]any{
		"a message that answers nothing":    {"type": "message", "channel": channel, "user": "U1", "ts": "1.1"},
		"a message with its own thread":     {"type": "message", "channel": channel, "user": "U1", "ts": "1.1", "thread_ts": "1.1"},
		"somebody joins":                    {"type": "message", "subtype": "channel_join", "channel": channel, "user": "U1", "ts": "1.1", "thread_ts": "1.0"},
		"a reaction to a file":              {"type": "reaction_added", "user": "U1", "item": map[string]any{"type": "file", "channel": channel}},
		"our own words, without a bot's id": {"type": "message", "subtype": "file_share", "channel": channel, "user": "U0TICKETBOT", "ts": "1.1", "thread_ts": "1.0"},
		"something else":                    {"type": "pin_added", "channel": channel},
	} {
		require.Empty(t, hear(w.Event(event)).Tickets, name)
	}
	for name, event := range map[string]map[string]any{
		"a word in a thread was changed": {"type": "message", "subtype": "message_changed", "channel": channel, "message": map[string]any{"user": "U1", "ts": "1.1", "thread_ts": ref.ID}},
		"a word in a thread was deleted": {"type": "message", "subtype": "message_deleted", "channel": channel, "previous_message": map[string]any{"user": "U1", "ts": "1.1", "thread_ts": ref.ID}},
		"a reaction was taken back":      {"type": "reaction_removed", "user": "U1", "item": map[string]any{"type": "message", "channel": channel, "ts": ref.ID}},
	} {
		require.Equal(t, []string{ref.ID}, hear(w.Event(event)).Tickets, name)
	}
}

func TestWhatHappensInAnotherChannelIsNoConcern(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, event := range []map[string]any{
		{"type": "message", "channel": "C9", "user": "U1", "ts": "1.1", "thread_ts": "1.0"},
		{"type": "reaction_added", "user": "U1", "item": map[string]any{"type": "message", "channel": "C9", "ts": "1.1"}},
	} {
		heard, err := w.platform.Hear(w.Account(), hook(t, w.Event(event)))
		require.NoError(t, err)
		require.False(t, heard.Concerns)
		require.Empty(t, heard.Tickets)
	}
}

func TestSlackTriesTheAddress(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := hook(t, w.Handshake("3eZbrw1aB"))
	require.NoError(t, w.platform.Verify(w.Account(), h))
	heard, err := w.platform.Hear(w.Account(), h)
	require.NoError(t, err)
	require.Equal(t, commands.Heard{Concerns: true, Answer: &commands.WebhookAnswer{Status: 200, Type: "text/plain", Body: []byte("3eZbrw1aB")}}, heard)
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", "{", `"text"`, `{"hello":"world"}`, `{"type":1}`, "payload=%7B%7D"} {
		_, err := slack.New(nil).Hear(commands.Account{}, commands.Webhook{Body: []byte(body)})
		require.ErrorIs(t, err, commands.ErrNotUnderstood, body)
	}
}

var _ vendorfake.Vendor = (*vendorfake.Slack)(nil)
