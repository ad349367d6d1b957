package commands_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
)

// tellingVendor sends webhooks to where it is told to, unless something keeps it from that.
type tellingVendor struct {
	*tokenVendor

	told  []string // addresses
	wrong error

	sends   bool            // it does so already
	asked   []time.Duration // how long after it began everything was asked for
	undone  error           // why that could not be
	account commands.AccountRef
}

// Open implements commands.Platform.
func (v *tellingVendor) Open(a commands.Account) commands.Connection {
	return &tellingLine{tokenLine: &tokenLine{vendor: v.tokenVendor, account: a}, telling: v}
}

// tellingLine is a connection; its check is used, and what it listens to.
type tellingLine struct {
	*tokenLine

	telling *tellingVendor
}

// Listen implements commands.Listener.
func (l *tellingLine) Listen(_ context.Context, address string, begin func() error) error {
	v := l.telling
	v.told = append(v.told, address)
	if address == "" {
		return commands.ErrNoAddress
	}
	if !v.sends {
		if err := begin(); err != nil {
			return err
		}
	}
	v.sends = v.wrong == nil
	return v.wrong
}

// hearAll notes that everything was asked for.
func (v *tellingVendor) hearAll(_ context.Context, a commands.AccountRef, later time.Duration) error {
	if v.undone != nil {
		return v.undone
	}
	v.asked, v.account = append(v.asked, later), a
	return nil
}

// telling has the board's vendor send webhooks, to a program at an address.
func (b *board) telling(address string) *tellingVendor {
	v := &tellingVendor{tokenVendor: b.vendor}
	parts := b.desk.IntegrationParts
	parts.Address, parts.Platforms = address, map[integration.Platform]commands.Platform{integration.Jira: v}
	parts.HearAll = v.hearAll
	b.desk = commands.NewIntegrations(b.log, parts)
	return v
}

func (b *board) checks(id uuid.UUID) commands.Checkup {
	b.Helper()
	found, err := b.desk.Check(b.Context(), b.request(), id)
	require.NoError(b, err)
	return found
}

func TestACheckHasTheVendorSendWebhooks(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	v := b.telling("https://desk.example")
	id := b.byKey()
	require.Equal(t, commands.Checkup{OK: true, At: b.now, Status: integration.Active}, b.checks(id))
	require.Equal(t, []string{"https://desk.example/api/v1/integrations/" + id.String() + "/webhook"}, v.told)
}

// A connection is used whatever its webhooks lack; and what they lack is told until it is mended.
func TestAConnectionIsUsedThoughNothingIsHeard(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	v := b.telling("https://desk.example")
	id := b.byKey()
	for _, kind := range []commands.VendorErrorKind{commands.Denied, commands.Unauthorized, commands.Revoked, commands.Down, commands.Limited} {
		v.wrong = &commands.VendorError{Kind: kind, Message: "No webhooks for key-secret-1."}
		require.Equal(t, commands.Checkup{OK: true, Code: "webhooks", Error: "What changes there is not told here. No webhooks for •••.", At: b.now, Status: integration.Active}, b.checks(id), kind)
	}
	require.Zero(t, b.vendor.renewed, "the token is good: the check has just shown it")
	require.Equal(t, integration.Checked{OK: true, Code: "webhooks", Why: "What changes there is not told here. No webhooks for •••."}, b.state(id).Check)
	stream, err := b.log.Load(t.Context(), b.org.UUID, id)
	require.NoError(t, err)
	require.Equal(t, 2, stream.Version(), "it was the same each time")
	v.wrong = nil
	b.checks(id)
	require.Equal(t, integration.Checked{OK: true}, b.state(id).Check)
}

// What changes before a vendor sends it is asked for: once, and crash or not.
func TestWhatWasNotToldIsAskedFor(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	v := b.telling("https://desk.example")
	id := b.byKey()
	v.undone = errors.New("the database is away")
	require.ErrorIs(t, second(b.desk.Check(t.Context(), b.request(), id)), v.undone)
	require.False(t, v.sends, "or it would be forgotten")
	v.undone = nil
	for range 3 {
		b.checks(id)
	}
	require.Equal(t, []time.Duration{time.Minute, 0}, v.asked, "it begins once; and should the program end just then")
	require.Equal(t, commands.AccountRef{Org: b.org, Integration: id}, v.account)

	v.sends, v.asked, v.wrong = false, nil, &commands.VendorError{Kind: commands.Denied, Message: "Too many webhooks."}
	for range 3 {
		require.Equal(t, "webhooks", b.checks(id).Code)
	}
	require.Len(t, v.asked, 1, "not each time that it does not begin")
	v.asked, v.wrong, v.undone = nil, nil, errors.New("the database is away")
	require.ErrorIs(t, second(b.desk.Check(t.Context(), b.request(), id)), v.undone)
	v.undone = nil
	for range 3 {
		require.Empty(t, b.checks(id).Code)
	}
	require.Equal(t, []time.Duration{0}, v.asked, "once more when it does")
}

// What was not told stays unheard whatever else is found meanwhile, until it can be asked for.
func TestWhatIsUnheardIsNotForgotten(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(b *board, id uuid.UUID){
		"nothing": func(*board, uuid.UUID) {},
		"the vendor is down": func(b *board, id uuid.UUID) {
			b.vendor.check = func() error { return &commands.VendorError{Kind: commands.Down, Message: "Hm."} }
			b.checks(id)
			b.vendor.check = nil
		},
		"disabled": func(b *board, id uuid.UUID) {
			for _, enabled := range []bool{false, true} {
				_, err := b.desk.SetStatus(b.Context(), b.request(), id, enabled, "")
				require.NoError(b, err)
				if !enabled {
					b.checks(id)
				}
			}
		},
		"not wanted": func(b *board, id uuid.UUID) {
			for _, wanted := range []bool{false, true} {
				_, err := b.desk.Change(b.Context(), b.request(), id, integration.Change{SyncEnabled: new(wanted)}, nil)
				require.NoError(b, err)
				if !wanted {
					b.checks(id)
				}
			}
		},
	} {
		for _, deaf := range []bool{true, false} {
			b := newBoard(t)
			v := b.telling("https://desk.example")
			id := b.byKey()
			v.sends = true
			if deaf {
				v.wrong = &commands.VendorError{Kind: commands.Denied, Message: "It is switched off."}
			}
			b.checks(id)
			v.wrong = nil
			meanwhile(b, id)
			v.sends, v.asked = true, nil
			b.checks(id)
			b.checks(id)
			if deaf || name == "not wanted" {
				require.Equal(t, []time.Duration{0}, v.asked, name)
			} else {
				require.Empty(t, v.asked, name)
			}
		}
	}
}

func TestAProgramWithoutAnAddressSaysSo(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	v := b.telling("")
	found := b.checks(b.byKey())
	require.True(t, found.OK)
	require.Equal(t, "webhooks", found.Code)
	require.Contains(t, found.Error, "PUBLIC_URL")
	require.Equal(t, []string{""}, v.told)
}

func TestWhoWantsNothingFromThereListensToNothing(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	v := b.telling("https://desk.example")
	v.wrong = &commands.VendorError{Kind: commands.Denied, Message: "No."}
	id := b.byKey()
	_, err := b.desk.SetStatus(t.Context(), b.request(), id, false, "")
	require.NoError(t, err)
	require.Empty(t, b.checks(id).Code)
	_, err = b.desk.SetStatus(t.Context(), b.request(), id, true, "")
	require.NoError(t, err)
	_, err = b.desk.Change(t.Context(), b.request(), id, integration.Change{SyncEnabled: new(false)}, nil)
	require.NoError(t, err)
	require.Empty(t, b.checks(id).Code)
	_, err = b.desk.Change(t.Context(), b.request(), id, integration.Change{SyncEnabled: new(true)}, nil)
	require.NoError(t, err)
	b.vendor.check = func() error { return &commands.VendorError{Kind: commands.Denied, Message: "Not even that."} }
	require.Equal(t, "Not even that.", b.checks(id).Error)
	require.Empty(t, v.told)

	b.vendor.check = func() error {
		_, err := b.desk.Disconnect(context.WithoutCancel(t.Context()), commands.Request{Org: b.org, By: domain.System}, id)
		return err
	}
	require.ErrorIs(t, second(b.desk.Check(t.Context(), b.request(), id)), integration.ErrNotFound, "it was disconnected meanwhile")
	require.Empty(t, v.told)
}

func TestWhoStopsAListenerFindsNothing(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	v := b.telling("https://desk.example")
	id := b.byKey()
	ended, cancel := context.WithCancel(t.Context())
	b.vendor.check = func() error { cancel(); return nil }
	v.wrong = context.Canceled
	require.ErrorIs(t, second(b.desk.Check(ended, b.request(), id)), context.Canceled)
	require.True(t, b.state(id).Unchecked)
}
