package teams_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/teams"
	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

// door is where notices come in. It takes only what the platform verifies for the account, as the program does.
type door struct {
	*httptest.Server

	platform *teams.Platform
	mu       sync.Mutex
	account  commands.Account
	heard    []string // tickets
	asked    int      // handshakes
}

// receives opens the door for an office's account.
func (o office) receives(t *testing.T) *door {
	t.Helper()
	d := &door{platform: o.platform, account: o.Account()}
	d.Server = httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(d.Close)
	return d
}

func (d *door) address() string { return d.URL + "/api/v1/integrations/x/webhook" }

func (d *door) serve(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	hook := commands.Webhook{Header: r.Header.Get, Query: r.URL.Query().Get, Body: body, At: time.Now()}
	if err != nil || d.platform.Verify(d.account, hook) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	h, err := d.platform.Hear(d.account, hook)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	d.heard = append(d.heard, h.Tickets...)
	if h.Answer == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	d.asked++
	w.Header().Set("Content-Type", h.Answer.Type)
	w.WriteHeader(h.Answer.Status)
	_, _ = w.Write(h.Answer.Body)
}

// listens has an account listen, which says so before it makes a subscription.
func (o office) listens(t *testing.T, a commands.Account, address string) error {
	t.Helper()
	_, err := o.begins(t, a, address)
	return err
}

// begins has an account listen, and answers whether notices may have been missed.
func (o office) begins(t *testing.T, a commands.Account, address string) (bool, error) {
	t.Helper()
	listener, ok := o.platform.Open(a).(commands.Listener)
	require.True(t, ok)
	begun, before := 0, o.sent(subscribes)
	err := listener.Listen(t.Context(), address, func() error {
		begun++
		require.Equal(t, before, o.sent(subscribes))
		return nil
	})
	require.LessOrEqual(t, o.sent(subscribes)-before, begun)
	require.LessOrEqual(t, begun, 1)
	return begun == 1, err
}

func TestNoticesThatMayHaveBeenMissedAreAskedFor(t *testing.T) {
	t.Parallel()
	o := open(t)
	d, a := o.receives(t), o.Account()
	var later time.Duration
	o.platform.At(func() time.Time { return time.Now().Add(later) })
	for n, c := range []struct {
		after  time.Duration
		missed bool
	}{{0, true}, {5 * time.Minute, false}, {40 * time.Minute, false}, {70 * time.Minute, true}, {5 * time.Minute, false}, {80 * time.Hour, true}} {
		later += c.after
		o.Later(c.after)
		missed, err := o.begins(t, a, d.address())
		require.NoError(t, err)
		require.Equal(t, c.missed, missed, n)
	}
}

func TestNothingIsSubscribedToUnlessItIsNoted(t *testing.T) {
	t.Parallel()
	o := open(t)
	listener, ok := o.platform.Open(o.Account()).(commands.Listener)
	require.True(t, ok)
	wrong := errors.New("the database is away")
	require.ErrorIs(t, listener.Listen(t.Context(), o.receives(t).address(), func() error { return wrong }), wrong)
	require.Zero(t, o.sent(subscribes))
}

// sent counts the requests of an operation.
func (o office) sent(operation string) int {
	n := 0
	for _, r := range o.Requests() {
		if r.Operation == operation {
			n++
		}
	}
	return n
}

const (
	subscribes = "POST /subscriptions"
	renews     = "PATCH /subscriptions/{subscription-id}"
	ends       = "DELETE /subscriptions/{subscription-id}"
)

func TestAChannelIsSubscribedToOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	d, a, began := o.receives(t), o.Account(), time.Now()
	for range 3 {
		require.NoError(t, o.listens(t, a, d.address()))
	}
	require.Equal(t, 1, o.sent(subscribes))
	require.Zero(t, o.sent(renews)+o.sent(ends))
	require.Equal(t, 2, d.asked, "for notices, and for what becomes of the subscription")
	s := o.Subscriptions()
	require.Len(t, s, 1)
	require.Equal(t, "created,updated,deleted", s[0].Changes)
	require.Equal(t, "/teams/"+a.Settings["team_id"]+"/channels/"+a.Settings["channel_id"]+"/messages", s[0].Resource)
	require.Equal(t, "teams-client-state", s[0].State)
	require.Equal(t, s[0].URL, s[0].Lifecycle)
	require.NotContains(t, s[0].URL, s[0].State)
	require.WithinDuration(t, began.Add(3*24*time.Hour), s[0].Ends, 2*time.Minute)

	ref := o.made(t)
	o.Say(ref.ID, "Eve", "Hm.")
	require.NoError(t, o.Notify(t.Context(), ref.ID))
	require.Equal(t, []string{ref.ID}, d.heard)
}

func TestASubscriptionIsRenewedBeforeItsTokenEnds(t *testing.T) {
	t.Parallel()
	o := open(t)
	d, a := o.receives(t), o.Account()
	var later time.Duration
	o.platform.At(func() time.Time { return time.Now().Add(later) })
	pass := func(span time.Duration) {
		later += span
		o.Later(span)
		require.NoError(t, o.listens(t, a, d.address()))
	}
	pass(0)
	first := o.Subscriptions()[0]
	pass(25 * time.Minute)
	require.Zero(t, o.sent(renews), "not twice in a short while")
	pass(10 * time.Minute)
	require.Equal(t, 1, o.sent(renews))
	for range 7 * 24 { // a week, by the hour
		pass(time.Hour)
	}
	now := o.Subscriptions()
	require.Len(t, now, 1)
	require.Equal(t, first.ID, now[0].ID)
	require.WithinDuration(t, first.Ends.Add(later), now[0].Ends, 2*time.Minute)
	require.Equal(t, 1, o.sent(subscribes))

	pass(4 * 24 * time.Hour) // nobody was there for so long
	require.NotEqual(t, first.ID, o.Subscriptions()[0].ID)
	require.Equal(t, 2, o.sent(subscribes))
}

func TestWhatWasSubscribedForOtherSettingsEnds(t *testing.T) {
	t.Parallel()
	o := open(t)
	d, a := o.receives(t), o.Account()
	require.NoError(t, o.listens(t, a, d.address()))
	before := o.Subscriptions()[0]

	a.Credentials["client_state"] = "another secret"
	d.account.Credentials["client_state"] = "another secret"
	require.NoError(t, o.listens(t, a, d.address()))
	now := o.Subscriptions()
	require.Len(t, now, 1)
	require.NotEqual(t, before.ID, now[0].ID)
	require.Equal(t, "another secret", now[0].State)

	o.Next(ends, vendorfake.Fault{Status: 404, Body: `{"error":{"code":"ResourceNotFound","message":"Gone."}}`})
	a.Credentials["client_state"] = "a third one"
	err := o.listens(t, a, d.address())
	require.Equal(t, "Microsoft says: Forbidden: The limit of 1 subscription for an application and a channel is reached.", wrong(t, err).Message,
		"what has ended is no trouble, had it ended")

	require.Equal(t, commands.Denied, wrong(t, o.listens(t, a, d.URL+"/another/integration")).Kind)
	require.Equal(t, now[0].ID, o.Subscriptions()[0].ID, "another address is none of ours")
}

func TestTwoSubscriptionsForOneAddressAreOneTooMany(t *testing.T) {
	t.Parallel()
	o := open(t)
	d, a := o.receives(t), o.Account()
	require.NoError(t, o.listens(t, a, d.address()))
	s := o.Subscriptions()[0]
	at := s.Ends.UTC().Format(time.RFC3339)
	one := func(id, url string) string {
		return `{"id":"` + id + `","notificationUrl":"` + url + `","expirationDateTime":"` + at + `"}`
	}
	const lists = "GET /subscriptions"
	o.Next(lists, vendorfake.Fault{Status: 200, Body: `{"value":[` + one("x", "https://else.example") + `],"@odata.nextLink":"https://graph.microsoft.com/v1.0/subscriptions?$skiptoken=1"}`})
	o.Next(lists, vendorfake.Fault{Status: 200, Body: `{"value":[` + one("y", s.URL) + `,` + one(s.ID, s.URL) + `]}`})
	require.NoError(t, o.listens(t, a, d.address()))
	require.Empty(t, o.Subscriptions())
	require.Equal(t, 1, o.sent(ends))

	o.Next(lists, vendorfake.Fault{Status: 200, Body: `{"@odata.nextLink":":"}`})
	require.Equal(t, commands.Down, wrong(t, o.listens(t, a, d.address())).Kind)
}

func TestWhatKeepsGraphFromSendingIsSaid(t *testing.T) {
	t.Parallel()
	const refused = "Microsoft says: ValidationError: Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request."
	for name, c := range map[string]struct {
		change func(o office, d *door, a commands.Account) string // answers the address
		says   string
	}{
		"nobody knows the address": {func(office, *door, commands.Account) string { return "" }, commands.ErrNoAddress.Message},
		"nobody is there": {func(_ office, d *door, _ commands.Account) string {
			d.Close()
			return d.address()
		}, refused},
		"another secret there": {func(_ office, d *door, _ commands.Account) string {
			delete(d.account.Credentials, "client_state")
			return d.address()
		}, refused},
		"no secret": {func(_ office, d *door, a commands.Account) string {
			delete(a.Credentials, "client_state")
			delete(a.Credentials, "webhook_secret")
			return d.address()
		}, "The credential client_state is missing, which proves Microsoft's notices: any secret of at most 128 characters."},
		"a secret that is too long": {func(_ office, d *door, a commands.Account) string {
			a.Credentials["client_state"] = strings.Repeat("x", 129)
			return d.address()
		}, "The credential client_state is too long: Microsoft takes 128 characters."},
		"no permission": {func(o office, d *door, _ commands.Account) string {
			o.Next(subscribes, vendorfake.Fault{Status: 403, Body: `{"error":{"code":"Forbidden","message":"Missing scope."}}`})
			return d.address()
		}, "Microsoft says: Forbidden: Missing scope."},
		"the list is not shown": {func(o office, d *door, _ commands.Account) string {
			o.Next("GET /subscriptions", vendorfake.Fault{Status: 500})
			return d.address()
		}, "The vendor answered 500 Internal Server Error."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			d, a := o.receives(t), o.Account()
			require.Equal(t, c.says, wrong(t, o.listens(t, a, c.change(o, d, a))).Message)
			require.Empty(t, o.Subscriptions())
		})
	}
	o := open(t)
	a := o.Account()
	delete(a.Credentials, "client_state")
	require.NoError(t, o.listens(t, a, ""), "a person has made an outgoing webhook")
	require.Empty(t, o.Requests())
}

func TestASubscriptionThatCannotBeEndedOrRenewedIsTold(t *testing.T) {
	t.Parallel()
	o := open(t)
	d, a := o.receives(t), o.Account()
	require.NoError(t, o.listens(t, a, d.address()))
	o.platform.At(func() time.Time { return time.Now().Add(time.Hour) })
	o.Next(renews, vendorfake.Fault{Status: 503})
	require.Equal(t, commands.Down, wrong(t, o.listens(t, a, d.address())).Kind)
	o.Next(ends, vendorfake.Fault{Status: 503})
	a.Credentials["client_state"] = "another secret"
	require.Equal(t, commands.Down, wrong(t, o.listens(t, a, d.address())).Kind)
	require.Len(t, o.Subscriptions(), 1)
}
