package teams_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

func heard(t *testing.T, r *http.Request) commands.Webhook {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return with(r.Header.Get("Authorization"), string(body), "")
}

func with(proof, body, validation string) commands.Webhook {
	h := http.Header{}
	if proof != "" {
		h.Set("Authorization", proof)
	}
	query := func(name string) string {
		if name == "validationToken" {
			return validation
		}
		return ""
	}
	return commands.Webhook{Header: h.Get, Query: query, Body: []byte(body), At: time.Now()}
}

func TestAHandshakeIsAnsweredWithItsToken(t *testing.T) {
	t.Parallel()
	o := open(t)
	a := o.Account()
	w := with("", "", "Validation: Testing <b>client</b>")
	require.NoError(t, o.platform.Verify(a, w))
	h, err := o.platform.Hear(a, w)
	require.NoError(t, err)
	require.Equal(t, commands.Heard{Concerns: true, Answer: &commands.WebhookAnswer{
		Status: 200, Type: "text/plain; charset=utf-8", Body: []byte("Validation: Testing <b>client</b>"),
	}}, h)

	smuggled := heard(t, o.Webhook(o.made(t).ID))
	smuggled.Query = w.Query
	h, err = o.platform.Hear(a, smuggled)
	require.NoError(t, err)
	require.Empty(t, h.Tickets, "a handshake proves nothing, so nothing else of it is heard")
	require.ErrorIs(t, o.platform.Verify(a, with("", "", strings.Repeat("x", 2000))), commands.ErrUnsigned)
	delete(a.Credentials, "client_state")
	require.ErrorIs(t, o.platform.Verify(a, w), commands.ErrUnsigned)
}

func TestNoticesNameTheirTicket(t *testing.T) {
	t.Parallel()
	o := open(t)
	a, ref := o.Account(), o.made(t)
	seen := map[string]bool{}
	for _, happen := range []func(){
		func() {}, func() { o.Move(ref.ID, "Pending") }, func() { o.Say(ref.ID, "Eve", "Hm.") }, func() {},
	} {
		happen()
		w := heard(t, o.Webhook(ref.ID))
		require.NoError(t, o.platform.Verify(a, w))
		h, err := o.platform.Hear(a, w)
		require.NoError(t, err)
		require.True(t, h.Concerns)
		require.Equal(t, []string{ref.ID}, h.Tickets)
		require.Nil(t, h.Answer)
		require.Len(t, h.Delivery, 64)
		require.False(t, seen[h.Delivery])
		seen[h.Delivery] = true
		again, err := o.platform.Hear(a, w)
		require.NoError(t, err)
		require.Equal(t, h, again)
	}
	w := heard(t, o.Webhook(ref.ID))
	a.Settings["channel_id"] = "19:other@thread.tacv2"
	h, err := o.platform.Hear(a, w)
	require.NoError(t, err)
	require.Equal(t, commands.Heard{}, h)
}

func TestEveryNoticeMustHoldTheSecret(t *testing.T) {
	t.Parallel()
	o := open(t)
	a := o.Account()
	one := func(state string) string { return fmt.Sprintf(`{"clientState":%q}`, state) }
	good, bad := one("teams-client-state"), one("teams-client-stat")
	require.NoError(t, o.platform.Verify(a, with("", `{"value":[`+good+`,`+good+`]}`, "")))
	for _, body := range []string{
		"", "[", "{}", `{"value":[]}`, `{"value":[{}]}`, `{"value":[` + bad + `]}`, `{"value":[` + good + `,` + bad + `]}`, `{"value":[` + bad + `,` + good + `]}`,
	} {
		require.ErrorIs(t, o.platform.Verify(a, with("", body, "")), commands.ErrUnsigned, body)
	}
	a.Credentials["client_state"] = ""
	require.ErrorIs(t, o.platform.Verify(a, with("", `{"value":[`+one("")+`]}`, "")), commands.ErrUnsigned)
}

func TestWhatNoticesSayIsUnderstoodOrNot(t *testing.T) {
	t.Parallel()
	o := open(t)
	a := o.Account()
	a.Settings = map[string]string{"team_id": "t", "channel_id": "19:c@x"}
	for body, want := range map[string]commands.Heard{
		`{"value":[{"resource":"teams('t')/channels('19:c@x')/messages('1')"},{"resource":"/teams/t/channels/19:c@x/messages/2/replies/3"},{"resource":"teams('t')/channels('19:c@x')/messages('1')/replies('4')"}]}`: {Concerns: true, Tickets: []string{"1", "2"}},
		`{"value":[{"resource":"teams('o')/channels('19:c@x')/messages('1')"}]}`: {},
		`{"value":[{"lifecycleEvent":"missed"}]}`:                                {Concerns: true, Everything: true},
		`{"value":[{"lifecycleEvent":"subscriptionRemoved"}]}`:                   {Concerns: true, Everything: true},
		`{"value":[{"lifecycleEvent":"reauthorizationRequired"}]}`:               {Concerns: true},
	} {
		h, err := o.platform.Hear(a, with("", body, ""))
		require.NoError(t, err)
		require.Equal(t, want, h)
	}
	for _, body := range []string{"[", `{"value":[{}]}`, `{"value":[{"resource":"users('1')"}]}`, `{"value":[{"resource":"teams('t')/channels('c')/messages('1')/../x"}]}`} {
		_, err := o.platform.Hear(a, with("", body, ""))
		require.ErrorIs(t, err, commands.ErrNotUnderstood, body)
	}
}

func TestAMentionIsSignedAndAnswered(t *testing.T) {
	t.Parallel()
	o := open(t)
	a, ref := o.Account(), o.made(t)
	w := heard(t, o.Mention(ref.ID, "Eve", "<at>Tickets</at> look"))
	require.NoError(t, o.platform.Verify(a, w))
	h, err := o.platform.Hear(a, w)
	require.NoError(t, err)
	require.True(t, h.Concerns)
	require.NotEmpty(t, h.Delivery)
	require.Equal(t, []string{ref.ID}, h.Tickets)
	require.JSONEq(t, `{"type":"message","text":"Noted."}`, string(h.Answer.Body))
	w.At = time.Now().Add(6 * time.Minute)
	require.ErrorIs(t, o.platform.Verify(a, w), commands.ErrOutdated)
	w.Body[9] ^= 1
	require.ErrorIs(t, o.platform.Verify(a, w), commands.ErrUnsigned)

	// the vector, which has no time in it
	const proof, body = "HMAC kBOPuaEGssyb9dNhSktaVOgUjYlAiThmfO5IJkEVnVo=", `{"hello":"world"}`
	require.NoError(t, o.platform.Verify(a, with(proof, body, "")))
	for _, forged := range []string{"HMAC ", "HMAC !", "Bearer x", strings.TrimPrefix(proof, "HMAC "), strings.Replace(proof, "kBOP", "kBOQ", 1)} {
		require.ErrorIs(t, o.platform.Verify(a, with(forged, body, "")), commands.ErrUnsigned, forged)
	}
	for _, key := range []string{"", "no base64!"} {
		a.Credentials["webhook_secret"] = key
		require.ErrorIs(t, o.platform.Verify(a, with(proof, body, "")), commands.ErrUnsigned)
	}
	for _, said := range []string{"[", "{}", `{"conversation":{"id":"19:x@thread.tacv2"}}`, `{"conversation":{"id":"19:x;messageid=a"}}`} {
		_, err = o.platform.Hear(a, with(proof, said, ""))
		require.ErrorIs(t, err, commands.ErrNotUnderstood)
	}
	h, err = o.platform.Hear(a, with(proof, `{"conversation":{"id":"19:x@thread.tacv2;messageid=1"}}`, ""))
	require.NoError(t, err)
	require.Equal(t, commands.Heard{}, h)
}

func FuzzHear(f *testing.F) {
	f.Add(`{"value":[{"resource":"teams('t')/channels('c')/messages('1')"}]}`, "")
	f.Add(`{"id":"1","conversation":{"id":"c;messageid=1"}}`, "HMAC x")
	o := office{}
	a := commands.Account{Settings: map[string]string{"team_id": "t", "channel_id": "c"}}
	f.Fuzz(func(t *testing.T, body, proof string) {
		if strings.ContainsAny(proof, "\r\n") {
			t.Skip("no header")
		}
		h, err := o.platform.Hear(a, with(proof, body, ""))
		if err != nil {
			require.ErrorIs(t, err, commands.ErrNotUnderstood)
			return
		}
		require.True(t, h.Concerns || len(h.Tickets) == 0)
	})
}

var _ vendorfake.Vendor = (*vendorfake.Teams)(nil)
