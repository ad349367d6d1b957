package commands_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/eventstore"
)

func second[T any](_ T, err error) error { return err }

func TestAnIntegrationIsConnectedOnce(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := commands.NewID()
	given := map[string]string{"email": " ann@example.org ", "api_token": "key-secret-1", "webhook_secret": ""}
	for range 2 {
		stream, err := b.desk.Connect(t.Context(), b.request(), id, jira(integration.APIKey), given)
		require.NoError(t, err)
		require.Equal(t, 1, stream.Version(), "a repeated request makes nothing")
	}
	held, err := b.vault.Read(t.Context(), b.org, id)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"email": "ann@example.org", "api_token": "key-secret-1"}, held.Fields)
	found, err := b.desk.Find(t.Context(), b.org, id)
	require.NoError(t, err)
	require.Equal(t, []string{"api_token", "email"}, found.Credentials)
	require.Equal(t, integration.Pending, found.Status())
	require.ErrorIs(t, second(b.desk.Find(t.Context(), domain.OrgID{UUID: uuid.New()}, id)), integration.ErrNotFound)
	require.ErrorIs(t, second(b.desk.Find(t.Context(), b.org, uuid.New())), integration.ErrNotFound)

	// What a program left that ended before the event was written is taken up by the same request, and by no other.
	orphan := commands.NewID()
	_, err = b.vault.Put(t.Context(), b.org, orphan, map[string]string{"email": "ann@example.org", "api_token": "key-secret-1"})
	require.NoError(t, err)
	require.ErrorIs(t, second(b.desk.Connect(t.Context(), b.request(), orphan, jira(integration.APIKey), map[string]string{"email": "x@example.org", "api_token": "key-secret-2"})), integration.ErrExists)
	require.NoError(t, second(b.desk.Connect(t.Context(), b.request(), orphan, jira(integration.APIKey), given)))
}

func TestNothingIsKeptOfWhatIsRefused(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	member := b.request()
	member.By.Role = domain.Member
	slack := jira(integration.Bearer)
	slack.Platform, slack.Config.Settings = integration.Slack, map[string]string{"channel": "C1"}
	lost := jira(integration.APIKey)
	lost.Config.Fallback = []uuid.UUID{uuid.New()}
	key := map[string]string{"email": "e@x", "api_token": "t"}
	for name, c := range map[string]struct {
		request commands.Request
		cmd     integration.Connect
		given   map[string]string
		want    error
		field   string
	}{
		"by a member":                {member, jira(integration.APIKey), key, domain.ErrForbidden, ""},
		"without a credential":       {b.request(), jira(integration.APIKey), map[string]string{"email": "e@x", "api_token": " "}, integration.ErrInvalid, "credentials.api_token"},
		"with a credential unknown":  {b.request(), jira(integration.APIKey), map[string]string{"email": "e@x", "api_token": "t", "pin": "1234"}, integration.ErrInvalid, "credentials"},
		"with a name that is none":   {b.request(), jira(integration.APIKey), map[string]string{"email": "e@x", "api_token": "t", "p\x00": "1"}, integration.ErrInvalid, "credentials"},
		"with a secret that is long": {b.request(), jira(integration.APIKey), map[string]string{"email": strings.Repeat("x", integration.MaxCredential+1), "api_token": "t"}, integration.ErrInvalid, "credentials.email"},
		"with NUL in a secret":       {b.request(), jira(integration.APIKey), map[string]string{"email": "e\x00", "api_token": "t"}, integration.ErrInvalid, "credentials.email"},
		"falling back on nothing":    {b.request(), lost, key, integration.ErrInvalid, "fallback_integration_ids"},
		"with a vendor left out":     {b.request(), slack, map[string]string{"bot_token": "t"}, integration.ErrInvalid, "platform"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := commands.NewID()
			_, err := b.desk.Connect(t.Context(), c.request, id, c.cmd, c.given)
			require.ErrorIs(t, err, c.want)
			refusal, _ := errors.AsType[*domain.Error](err)
			require.Equal(t, c.field, refusal.Field)
			require.NotContains(t, refusal.Message, "1234")
			require.ErrorIs(t, second(b.vault.Read(t.Context(), b.org, id)), commands.ErrNoCredentials)
		})
	}
}

func TestAnIntegrationFallsBackOnThoseThatAreThere(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	first, last := b.byKey(), b.byKey()
	change := func(to ...uuid.UUID) error {
		return second(b.desk.Change(t.Context(), b.request(), last, integration.Change{Fallback: &to}, nil))
	}
	require.NoError(t, change(first))
	require.Equal(t, []uuid.UUID{first}, b.state(last).Fallback)
	require.NoError(t, second(b.desk.Disconnect(t.Context(), b.request(), first)))
	require.NoError(t, change(first), "nothing changes")
	require.NoError(t, change())
	require.ErrorIs(t, change(first), integration.ErrInvalid)
	require.ErrorIs(t, change(last), integration.ErrInvalid)
}

func TestAChangeIsAllOrNothing(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byKey()
	change := func(cmd integration.Change, given map[string]string) (eventstore.Stream, error) {
		return b.desk.Change(t.Context(), b.request(), id, cmd, given)
	}
	stream, err := change(integration.Change{Name: new("Wall")}, map[string]string{"webhook_secret": "hook-secret"})
	require.NoError(t, err)
	require.Equal(t, 3, stream.Version())
	require.Equal(t, "Wall", b.state(id).Name)
	require.Equal(t, []string{"api_token", "email", "webhook_secret"}, b.state(id).Credentials)
	held := b.vault.held[id]
	require.Equal(t, "hook-secret", held.Fields["webhook_secret"])
	require.Equal(t, "key-secret-1", held.Fields["api_token"], "what is not given stays")

	require.ErrorIs(t, second(change(integration.Change{Name: new(" ")}, map[string]string{"webhook_secret": "other"})), integration.ErrInvalid)
	require.ErrorIs(t, second(change(integration.Change{Name: new("Well")}, map[string]string{"api_token": ""})), integration.ErrInvalid, "it is needed")
	require.ErrorIs(t, second(change(integration.Change{Name: new("Well")}, map[string]string{"api\x00": "x"})), integration.ErrInvalid)
	stale := b.request()
	stale.IfVersion = 1
	require.ErrorIs(t, second(b.desk.Change(t.Context(), stale, id, integration.Change{Name: new("Well")}, map[string]string{"webhook_secret": "other"})), commands.ErrStale)
	require.Equal(t, held, b.vault.held[id])
	require.Equal(t, "Wall", b.state(id).Name)

	require.NoError(t, second(b.desk.ReplaceCredentials(t.Context(), b.request(), id, map[string]string{"webhook_secret": " ", "api_token": "key-secret-2"})))
	require.Equal(t, map[string]string{"email": "ann@example.org", "api_token": "key-secret-2"}, b.vault.held[id].Fields)
	require.Equal(t, []string{"api_token", "email"}, b.state(id).Credentials)
	stream, err = b.desk.ReplaceCredentials(t.Context(), b.request(), id, nil)
	require.NoError(t, err)
	require.Equal(t, 4, stream.Version(), "nothing was given")
}

func TestAnIntegrationIsSwitchedOffAndOn(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byKey()
	require.NoError(t, second(b.desk.SetStatus(t.Context(), b.request(), id, false, " Holidays. ")))
	require.Equal(t, "Holidays.", b.state(id).Reason)
	require.Equal(t, integration.Inactive, b.state(id).Status())
	require.NoError(t, second(b.desk.SetStatus(t.Context(), b.request(), id, true, "")))
	require.Equal(t, integration.Pending, b.state(id).Status())
}

func TestDisconnectingDestroysTheCredentials(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byKey()
	b.vault.broken = errors.New("no vault")
	require.ErrorIs(t, second(b.desk.Disconnect(t.Context(), b.request(), id)), b.vault.broken)
	b.vault.broken = nil
	b.vault.held[id] = commands.Credentials{} // as if the first time had not come so far
	require.NoError(t, second(b.desk.Disconnect(t.Context(), b.request(), id)), "again, it destroys what is left")
	require.Empty(t, b.vault.held)
	require.ErrorIs(t, second(b.desk.Check(t.Context(), b.request(), id)), integration.ErrNotFound)
	require.ErrorIs(t, b.desk.With(t.Context(), b.org, id, nil), integration.ErrNotFound)
}

func TestACheckIsNotedWhenItFindsSomethingNew(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byKey()
	check := func() commands.Checkup {
		t.Helper()
		b.now = b.now.Add(time.Minute)
		found, err := b.desk.Check(t.Context(), b.request(), id)
		require.NoError(t, err)
		require.Equal(t, b.now, found.At)
		require.Equal(t, b.now, b.checked[id])
		return found
	}
	require.Equal(t, commands.Checkup{OK: true, At: b.now.Add(time.Minute), Status: integration.Active}, check())
	check()
	stream, err := b.log.Load(t.Context(), b.org.UUID, id)
	require.NoError(t, err)
	require.Equal(t, 2, stream.Version(), "the second check found nothing new")

	b.vendor.check = func() error {
		return &commands.VendorError{Kind: commands.Denied, Message: "ann@example.org may not see OPS with key-secret-1.\x00\xff" + strings.Repeat("é", 600)}
	}
	found := check()
	require.Equal(t, integration.Error, found.Status)
	require.Equal(t, "forbidden", found.Code)
	require.True(t, strings.HasPrefix(found.Error, "••• may not see OPS with •••.�é"), found.Error)
	require.Len(t, []rune(found.Error), 500)
	require.Equal(t, found.Error, b.state(id).Check.Why)

	require.Equal(t, integration.Jira.Over(integration.Mapping{}), b.vendor.seen[0].Mapping, "the mapping is complete")
	require.Equal(t, b.org, b.vendor.seen[0].Org)
	require.Equal(t, id, b.vendor.seen[0].Integration)

	for _, role := range []domain.Role{domain.Support, domain.Auditor, "guest"} {
		r := b.request()
		r.By.Role = role
		want := error(domain.ErrForbidden)
		if role == "guest" {
			want = integration.ErrNotFound
		}
		require.ErrorIs(t, second(b.desk.Check(t.Context(), r, id)), want)
	}
	ended, cancel := context.WithCancel(t.Context())
	b.vendor.check = func() error { cancel(); return &commands.VendorError{Kind: commands.Down, Message: "Silence."} }
	require.ErrorIs(t, second(b.desk.Check(ended, b.request(), id)), context.Canceled, "who stops a check finds nothing")
	b.vendor.check = func() error { return errors.New("no such thing") }
	require.ErrorContains(t, second(b.desk.Check(t.Context(), b.request(), id)), "no such thing")
}

func TestAKeyThatIsTakenNoLongerExpires(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byKey()
	b.vendor.forbid("key-secret-1")
	found, err := b.desk.Check(t.Context(), b.request(), id)
	require.NoError(t, err)
	require.Equal(t, integration.HasExpired, found.Status)
	require.Equal(t, "Nothing renews •••.", found.Error)
	require.Contains(t, b.lines.String(), "an integration has expired")
	require.ErrorIs(t, b.desk.With(t.Context(), b.org, id, nil), commands.ErrExpired, "and is used no more")

	// New credentials, and it is as new.
	b.vendor.allow("key-secret-2")
	require.NoError(t, second(b.desk.ReplaceCredentials(t.Context(), b.request(), id, map[string]string{"api_token": "key-secret-2"})))
	require.Equal(t, integration.Pending, b.state(id).Status())
	found, err = b.desk.Check(t.Context(), b.request(), id)
	require.NoError(t, err)
	require.True(t, found.OK)
	require.Equal(t, integration.Active, found.Status)
}

// rotating answers the n-th refresh token for the one before, once, and an access token for an hour.
func rotating(b *board) func(a commands.Account, n int) (commands.Renewal, error) {
	return func(a commands.Account, n int) (commands.Renewal, error) {
		if a.Credentials[commands.RefreshToken] != fmt.Sprintf("refresh-secret-%d", n-1) {
			return commands.Renewal{}, &commands.VendorError{Kind: commands.Revoked, Message: a.Credentials[commands.RefreshToken] + " was spent already."}
		}
		access := fmt.Sprintf("access-secret-%d", n)
		b.vendor.good[access] = true
		return commands.Renewal{Fields: map[string]string{commands.AccessToken: access, commands.RefreshToken: fmt.Sprintf("refresh-secret-%d", n)}, Ends: b.now.Add(time.Hour)}, nil
	}
}

func TestAnAccessTokenIsRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byConsent()
	b.vendor.renew = rotating(b)
	used := func() (token string) {
		t.Helper()
		require.NoError(t, b.desk.With(t.Context(), b.org, id, func(c commands.Connection, a commands.Account) error {
			token = a.Credentials[commands.AccessToken]
			return c.Check(t.Context())
		}))
		return token
	}
	require.Equal(t, "access-secret-1", used(), "the first is got by the refresh token")
	require.Equal(t, "access-secret-1", used())
	b.now = b.now.Add(time.Hour - 61*time.Second)
	require.Equal(t, "access-secret-1", used())
	b.now = b.now.Add(time.Second)
	require.Equal(t, "access-secret-2", used(), "a minute before it ends")
	b.vendor.forbid("access-secret-2")
	require.Equal(t, "access-secret-3", used(), "and when it is not taken")
	require.Equal(t, 3, b.vendor.renewed)
	require.Equal(t, "refresh-secret-3", b.vault.held[id].Fields[commands.RefreshToken])
	require.Equal(t, []string{"client_id", "client_secret", "refresh_token"}, b.state(id).Credentials, "a renewal is no event")
}

// An app has no token before it is asked for one, and nobody consents.
func TestAnAppAsksForItsTokenFirst(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := commands.NewID()
	_, err := b.desk.Connect(t.Context(), b.request(), id, integration.Connect{
		Platform: integration.GitHub, AuthType: integration.App, Config: integration.Config{Name: "Code", Settings: map[string]string{"owner": "o", "repo": "r"}},
	}, map[string]string{"app_id": "1", "installation_id": "2", "private_key": "pem-secret"})
	require.NoError(t, err)
	b.vendor.renew = func(commands.Account, int) (commands.Renewal, error) {
		b.vendor.good["minted-secret"] = true
		return commands.Renewal{Fields: map[string]string{commands.AccessToken: "minted-secret"}}, nil
	}
	found, err := b.desk.Check(t.Context(), b.request(), id)
	require.NoError(t, err)
	require.True(t, found.OK)
}

func TestManyWhoUseASpentTokenRenewItOnce(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byConsent()
	b.vendor.renew = rotating(b)
	require.NoError(t, b.desk.With(t.Context(), b.org, id, func(c commands.Connection, _ commands.Account) error { return c.Check(t.Context()) }))
	b.vendor.forbid("access-secret-1")
	var all, met sync.WaitGroup
	met.Add(8)
	for range 8 {
		all.Go(func() {
			first := true
			err := b.desk.With(t.Context(), b.org, id, func(c commands.Connection, _ commands.Account) error {
				if first { // everybody holds the token that is taken no longer
					first = false
					met.Done()
					met.Wait()
				}
				return c.Check(t.Context())
			})
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.Equal(t, 2, b.vendor.renewed)
	require.False(t, b.state(id).Expired)
}

func TestATokenThatIsRefusedAnewExpires(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byConsent()
	b.vendor.renew = rotating(b)
	uses := 0
	err := b.desk.With(t.Context(), b.org, id, func(_ commands.Connection, a commands.Account) error {
		uses++
		return &commands.VendorError{Kind: commands.Unauthorized, Message: "Not " + a.Credentials[commands.AccessToken] + "."}
	})
	require.ErrorIs(t, err, commands.ErrExpired)
	require.Equal(t, 2, uses)
	require.Equal(t, integration.Checked{Code: "unauthorized", Why: "Not •••."}, b.state(id).Check)
	require.Equal(t, integration.HasExpired, b.state(id).Status())
}

func TestWhatTheVendorSaysComesBackWithoutSecrets(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byKey()
	said := &commands.VendorError{Kind: commands.Down, Message: "key-secret-1 is busy.", Unsure: true, RetryAt: b.now}
	err := b.desk.With(t.Context(), b.org, id, func(commands.Connection, commands.Account) error { return fmt.Errorf("attach: %w", said) })
	require.Equal(t, &commands.VendorError{Kind: commands.Down, Message: "••• is busy.", Unsure: true, RetryAt: b.now}, err)
	require.Equal(t, "key-secret-1 is busy.", said.Message, "the connection's own error stays as it is")
	revoked := b.desk.With(t.Context(), b.org, id, func(commands.Connection, commands.Account) error {
		return &commands.VendorError{Kind: commands.Revoked, Message: "The app was removed."}
	})
	require.ErrorIs(t, revoked, commands.ErrExpired)
	require.Equal(t, "The app was removed.", b.state(id).Check.Why)
	require.Zero(t, b.vendor.renewed)
}

func TestARenewalThatFailsIsTriedLater(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byConsent()
	used := false
	use := func() error {
		return b.desk.With(t.Context(), b.org, id, func(commands.Connection, commands.Account) error { used = true; return nil })
	}
	b.vendor.renew = func(commands.Account, int) (commands.Renewal, error) {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Down, Message: "client-secret? No answer.", Unsure: true}
	}
	require.Equal(t, &commands.VendorError{Kind: commands.Down, Message: "•••? No answer."}, use(), "of what was to be done nothing was done")
	require.False(t, used)
	require.False(t, b.state(id).Expired)
	b.vendor.renew = func(commands.Account, int) (commands.Renewal, error) {
		return commands.Renewal{}, errors.New("a fault of ours")
	}
	require.ErrorContains(t, use(), "a fault of ours")
}

// Others may be waiting for a vendor that is silent: whoever has no turn has done nothing, and nothing is in doubt.
func TestARenewalWhoseTurnDoesNotComeIsTriedLater(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byConsent()
	use := func() error {
		return b.desk.With(t.Context(), b.org, id, func(commands.Connection, commands.Account) error {
			t.Error("there is no token to use it with")
			return nil
		})
	}
	for _, b.vault.turns = range []error{commands.ErrBusy, fmt.Errorf("change credentials: %w", context.DeadlineExceeded)} {
		require.Equal(t, &commands.VendorError{Kind: commands.Busy, Message: "Too many credentials are being renewed at the moment. Nothing was asked of the vendor."}, use())
	}
	b.vault.turns = context.Canceled
	require.ErrorIs(t, use(), context.Canceled)
	b.vault.turns = nil
	b.vendor.renew = func(commands.Account, int) (commands.Renewal, error) {
		return commands.Renewal{}, context.DeadlineExceeded
	}
	require.ErrorIs(t, use(), context.DeadlineExceeded, "the vendor was asked")
	require.False(t, b.state(id).Expired)
}

// Somebody may give new credentials again and again while they are in use.
func TestCredentialsThatNeverRestAreGivenUp(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byKey()
	b.vault.before = func() {
		held := b.vault.held[id]
		held.Revision++
		b.vault.held[id] = held
	}
	err := b.desk.With(t.Context(), b.org, id, func(commands.Connection, commands.Account) error {
		return &commands.VendorError{Kind: commands.Unauthorized}
	})
	trouble, ok := errors.AsType[*commands.VendorError](err)
	require.True(t, ok)
	require.Equal(t, commands.Down, trouble.Kind)
	require.Zero(t, b.vendor.renewed)
	require.False(t, b.state(id).Expired)
}

// Whoever finds that old credentials are good for nothing says nothing of the new ones.
func TestNewCredentialsDoNotExpireWithTheOldOnes(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byKey()
	err := b.desk.With(t.Context(), b.org, id, func(commands.Connection, commands.Account) error {
		require.NoError(t, second(b.desk.ReplaceCredentials(t.Context(), b.request(), id, map[string]string{"webhook_secret": "hook-secret"})))
		return &commands.VendorError{Kind: commands.Revoked, Message: "Revoked."}
	})
	require.ErrorIs(t, err, commands.ErrExpired)
	require.False(t, b.state(id).Expired)
}

func TestANewRefreshTokenTakesTheOldAccessTokenWithIt(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byConsent()
	b.vendor.renew = rotating(b)
	require.NoError(t, b.desk.With(t.Context(), b.org, id, func(commands.Connection, commands.Account) error { return nil }))
	require.NoError(t, second(b.desk.ReplaceCredentials(t.Context(), b.request(), id, map[string]string{"webhook_secret": "hook-secret"})))
	require.Equal(t, "access-secret-1", b.vault.held[id].Fields[commands.AccessToken])
	require.NoError(t, second(b.desk.ReplaceCredentials(t.Context(), b.request(), id, map[string]string{"refresh_token": "another"})))
	require.Equal(t, map[string]string{"client_id": "client", "client_secret": "client-secret", "refresh_token": "another", "webhook_secret": "hook-secret"}, b.vault.held[id].Fields)
	require.Zero(t, b.vault.held[id].Ends)
	require.NoError(t, second(b.desk.ReplaceCredentials(t.Context(), b.request(), id, map[string]string{"refresh_token": ""})))
	require.ErrorIs(t, b.desk.With(t.Context(), b.org, id, nil), commands.ErrConsentMissing)
	found, err := b.desk.Check(t.Context(), b.request(), id)
	require.NoError(t, err)
	require.Equal(t, "consent_missing", found.Code)
	require.Equal(t, integration.Error, found.Status)
}

func TestAnAccountWithoutCredentialsSaysSo(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byConsent()
	delete(b.vault.held, id)
	require.ErrorIs(t, b.desk.With(t.Context(), b.org, id, nil), commands.ErrNoCredentials)
	found, err := b.desk.Check(t.Context(), b.request(), id)
	require.NoError(t, err)
	require.Equal(t, "no_credentials", found.Code)
}

// sent answers what the vendor's page is asked with.
func (b *board) sent(id uuid.UUID) url.Values {
	b.Helper()
	address, ends, err := b.desk.Authorize(b.Context(), b.request(), id, "https://ticketd.test/callback")
	require.NoError(b, err)
	require.Equal(b, b.now.Add(10*time.Minute), ends)
	u, err := url.Parse(address)
	require.NoError(b, err)
	return u.Query()
}

func TestAPersonConsentsOnce(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := commands.NewID()
	require.NoError(t, second(b.desk.Connect(t.Context(), b.request(), id, jira(integration.OAuth2), map[string]string{"client_id": "client", "client_secret": "client-secret"})))
	b.vendor.code = func(code string, c commands.Consent) (commands.Renewal, error) {
		require.Equal(t, "code-secret", code)
		require.Equal(t, "https://ticketd.test/callback", c.Redirect)
		require.Len(t, c.Verifier, 43)
		b.vendor.allow("access-secret")
		return commands.Renewal{Fields: map[string]string{commands.AccessToken: "access-secret", commands.RefreshToken: "refresh-secret"}, Ends: b.now.Add(time.Hour)}, nil
	}
	state := b.sent(id).Get("state")
	require.Len(t, state, 43, "256 random bits")
	require.NotEqual(t, state, b.sent(id).Get("state"))
	require.NotContains(t, jsonOf(t, b.pending), state, "only its hash is kept")

	connected, found, err := b.desk.Consented(t.Context(), "req-2", state, "code-secret")
	require.NoError(t, err)
	require.Equal(t, "Board", connected.Name)
	require.True(t, found.OK)
	require.Equal(t, integration.Active, b.state(id).Status())
	require.Equal(t, []string{"access_token", "client_id", "client_secret", "refresh_token"}, b.state(id).Credentials)
	_, _, err = b.desk.Consented(t.Context(), "req-3", state, "code-secret")
	require.ErrorIs(t, err, commands.ErrConsentUnknown, "a second time")
}

func jsonOf(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

func TestAConsentThatComesToNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		between func(b *board, id uuid.UUID)
		state   string // another than was sent
		want    error
	}{
		"nobody was sent":        {nil, "guess", commands.ErrConsentUnknown},
		"after eleven minutes":   {func(b *board, _ uuid.UUID) { b.now = b.now.Add(11 * time.Minute) }, "", commands.ErrConsentUnknown},
		"after it was declined":  {func(b *board, _ uuid.UUID) { require.NoError(b, b.desk.Declined(b.Context(), b.stateSent)) }, "", commands.ErrConsentUnknown},
		"by who is no admin now": {func(b *board, _ uuid.UUID) { b.role = domain.Support }, "", domain.ErrForbidden},
		"by who has gone":        {func(b *board, _ uuid.UUID) { b.active = false }, "", domain.ErrForbidden},
		"for what was disconnected": {func(b *board, id uuid.UUID) {
			require.NoError(b, second(b.desk.Disconnect(b.Context(), b.request(), id)))
		}, "", integration.ErrNotFound},
		"while nothing answers":      {func(b *board, _ uuid.UUID) { b.broken = errors.New("no database") }, "", nil},
		"and the vault is not there": {func(b *board, _ uuid.UUID) { b.vault.broken = errors.New("no vault") }, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBoard(t)
			id := b.byConsent()
			b.vendor.code = func(string, commands.Consent) (commands.Renewal, error) {
				t.Error("no code is exchanged")
				return commands.Renewal{}, nil
			}
			b.stateSent = b.sent(id).Get("state")
			if c.between != nil {
				c.between(b, id)
			}
			state := b.stateSent
			if c.state != "" {
				state = c.state
			}
			_, _, err := b.desk.Consented(t.Context(), "req-2", state, "code-secret")
			require.Error(t, err)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
		})
	}
}

func TestAVendorThatTakesNoCode(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byConsent()
	b.vendor.code = func(code string, c commands.Consent) (commands.Renewal, error) {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Rejected, Message: "No " + code + " with " + c.Verifier + "."}
	}
	_, _, err := b.desk.Consented(t.Context(), "", b.sent(id).Get("state"), "code-secret")
	require.Equal(t, &commands.VendorError{Kind: commands.Rejected, Message: "No ••• with •••."}, err)
	b.vendor.code = func(string, commands.Consent) (commands.Renewal, error) {
		return commands.Renewal{}, errors.New("ours")
	}
	_, _, err = b.desk.Consented(t.Context(), "", b.sent(id).Get("state"), "code-secret")
	require.ErrorContains(t, err, "ours")
	require.Equal(t, "refresh-secret-0", b.vault.held[id].Fields[commands.RefreshToken], "what there was is still there")
	require.ErrorIs(t, b.desk.Declined(t.Context(), "guess"), commands.ErrConsentUnknown)
}

func TestWhoMayNotBeginAConsent(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	authorize := func(r commands.Request, id uuid.UUID, redirect string) error {
		_, _, err := b.desk.Authorize(t.Context(), r, id, redirect)
		return err
	}
	support := b.request()
	support.By.Role = domain.Support
	id := b.byConsent()
	require.ErrorIs(t, authorize(support, id, "https://x"), domain.ErrForbidden)
	require.ErrorIs(t, authorize(b.request(), uuid.New(), "https://x"), integration.ErrNotFound)
	require.ErrorIs(t, authorize(b.request(), b.byKey(), "https://x"), commands.ErrNoConsent)
	require.ErrorIs(t, authorize(b.request(), id, ""), commands.ErrNoConsent, "the vendor's own refusal")
	b.broken = errors.New("no database")
	require.ErrorIs(t, authorize(b.request(), id, "https://x"), b.broken)
}

// What an integration was connected with is nowhere but in the vault.
func TestSecretsAreInNoEventAndInNoLine(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	key, consent := b.byKey(), b.byConsent()
	b.vendor.renew = rotating(b)
	require.NoError(t, second(b.desk.Check(t.Context(), b.request(), consent)))
	b.vendor.forbid("access-secret-1")
	b.vendor.renew = nil
	for _, id := range []uuid.UUID{key, consent} {
		require.NoError(t, second(b.desk.Check(t.Context(), b.request(), id)))
	}
	b.vendor.forbid("key-secret-1")
	require.NoError(t, second(b.desk.Check(t.Context(), b.request(), key)))
	for _, id := range []uuid.UUID{key, consent} {
		stream, err := b.log.Load(t.Context(), b.org.UUID, id)
		require.NoError(t, err)
		require.NotContains(t, jsonOf(t, stream), "-secret-")
		require.True(t, b.state(id).Expired)
	}
	require.NotContains(t, b.lines.String(), "secret-")
}

// away is a log that does not answer.
type away struct{ eventstore.Log }

var errAway = errors.New("the log does not answer")

// Load implements eventstore.Log.
func (away) Load(context.Context, uuid.UUID, uuid.UUID) (eventstore.Stream, error) {
	return eventstore.Stream{}, errAway
}

func TestIntegrationsWithoutTheirLog(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	desk, id := commands.NewIntegrations(away{}, b.desk.IntegrationParts), commands.NewID()
	given := map[string]string{"email": "e@x", "api_token": "t"}
	_, _, authorized := desk.Authorize(t.Context(), b.request(), id, "https://x")
	for _, err := range []error{
		second(desk.Connect(t.Context(), b.request(), id, jira(integration.APIKey), given)), second(desk.Change(t.Context(), b.request(), id, integration.Change{}, nil)),
		second(desk.ReplaceCredentials(t.Context(), b.request(), id, given)), second(desk.SetStatus(t.Context(), b.request(), id, true, "")),
		second(desk.Disconnect(t.Context(), b.request(), id)), second(desk.Check(t.Context(), b.request(), id)), desk.With(t.Context(), b.org, id, nil), authorized,
	} {
		require.ErrorIs(t, err, errAway)
	}
	require.Empty(t, b.vault.held)
}

func TestIntegrationsWithoutTheirVault(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	id := b.byKey()
	b.vault.broken = errors.New("no vault")
	for _, err := range []error{
		second(b.desk.Connect(t.Context(), b.request(), commands.NewID(), jira(integration.APIKey), map[string]string{"email": "e@x", "api_token": "t"})),
		second(b.desk.ReplaceCredentials(t.Context(), b.request(), id, map[string]string{"api_token": "t"})), second(b.desk.Check(t.Context(), b.request(), id)),
	} {
		require.ErrorIs(t, err, b.vault.broken)
	}
	require.Equal(t, 1, b.state(id).Generation, "nothing was told")
}
