package projections_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// hub is a desk whose store writes integrations only.
type hub struct {
	desk
	integrations *projections.Integrations
}

func newHub(t *testing.T) hub {
	t.Helper()
	h := hub{desk: newDesk(t)}
	h.integrations = projections.NewIntegrations(h.pool)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: h.pool})
	require.NoError(t, err)
	h.store = eventstore.Open(t.Context(), h.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{h.integrations}, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(h.store.Close)
	return h
}

func (h hub) connected() integration.Connected {
	return integration.Connected{
		By: h.ann, Platform: integration.Jira, AuthType: integration.APIKey, Credentials: []string{"api_token", "email"},
		Config: integration.Config{Name: "Board", Settings: map[string]string{"project_key": "OPS"}, SyncEnabled: true},
	}
}

// connect makes an integration, and has more happen to it.
func (h hub) connect(more ...any) uuid.UUID {
	h.Helper()
	id := uuid.Must(uuid.NewV7())
	h.happen(ticket.ID{UUID: id}, append([]any{h.connected()}, more...)...)
	return id
}

func TestAnIntegrationsRowFollowsItsEvents(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := uuid.Must(uuid.NewV7())
	var want projections.IntegrationRow
	for _, event := range []any{
		h.connected(),
		integration.Checked{OK: true},
		integration.Changed{Name: new("Wall"), Mapping: new(integration.Mapping{Status: map[string]string{"open": "Offen"}}), Fallback: new([]uuid.UUID{id})},
		integration.Synced{Sync: uuid.New(), Created: 1},
		integration.Expired{Code: "revoked", Why: "It was revoked."},
		integration.CredentialsSet{Fields: []string{"webhook_secret"}, Removed: []string{"email"}},
		integration.Disabled{By: h.bob, Reason: "Holidays."},
	} {
		stream := h.happen(ticket.ID{UUID: id}, event)
		last := stream.Events[stream.Version()-1]
		want.ID, want.Org, want.Version, want.CreatedAt, want.UpdatedAt = integration.ID{UUID: id}, h.org, last.Version, stream.Events[0].At, last.At
		want.State = integration.Evolve(want.State, last.Event.(integration.Event))
		switch event.(type) {
		case integration.Checked, integration.Expired:
			want.CheckedAt = &last.At
		case integration.Synced:
			want.LastSyncedAt = &last.At
		}
		row, err := h.integrations.Find(t.Context(), h.org, id)
		require.NoError(t, err)
		require.Equal(t, want, utcIntegration(row), "%T", event)
		require.True(t, row.Exists())
	}
	require.Equal(t, integration.Inactive, want.State.Status())

	// A check that finds nothing new is no event, and yet it was made.
	at := want.CheckedAt.Add(time.Hour)
	_, err := h.pool.Exec(t.Context(), `INSERT INTO integration_checks (integration_id, org_id, checked_at) VALUES ($1, $2, $3)`, [16]byte(id), [16]byte(h.org.UUID), at)
	require.NoError(t, err)
	row, err := h.integrations.Find(t.Context(), h.org, id)
	require.NoError(t, err)
	require.Equal(t, at, row.CheckedAt.UTC())

	require.ErrorIs(t, second(h.integrations.Find(t.Context(), newOrg(), id)), integration.ErrNotFound)
	require.ErrorIs(t, second(h.integrations.Find(t.Context(), h.org, uuid.New())), integration.ErrNotFound)
	require.Zero(t, projections.ApplyIntegration(projections.IntegrationRow{}, eventstore.Recorded{Version: 1, Event: "other"}))
}

func utcIntegration(i projections.IntegrationRow) projections.IntegrationRow {
	i.CreatedAt, i.UpdatedAt = i.CreatedAt.UTC(), i.UpdatedAt.UTC()
	for _, at := range []**time.Time{&i.CheckedAt, &i.LastSyncedAt} {
		if *at != nil {
			*at = new((*at).UTC())
		}
	}
	return i
}

func TestIntegrationsAreFoundWhereTheyMayBe(t *testing.T) {
	t.Parallel()
	h, elsewhere := newHub(t), newHub(t)
	elsewhere.pool, elsewhere.store, elsewhere.integrations = h.pool, h.store, h.integrations
	first, gone, last := h.connect(), h.connect(integration.Disconnected{}), h.connect(integration.Disabled{})
	theirs := elsewhere.connect()
	ids := func(rows []projections.IntegrationRow, err error) (ids []uuid.UUID) {
		t.Helper()
		require.NoError(t, err)
		for _, row := range rows {
			ids = append(ids, row.ID.UUID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{first, last}, ids(h.integrations.List(t.Context(), h.org)), "the oldest first")
	require.Equal(t, []uuid.UUID{theirs}, ids(h.integrations.List(t.Context(), elsewhere.org)))
	require.Empty(t, ids(h.integrations.List(t.Context(), newOrg())))
	require.ElementsMatch(t, []uuid.UUID{first, last, theirs}, ids(h.integrations.ByPlatform(t.Context(), integration.Jira)), "of all organizations")
	require.Empty(t, ids(h.integrations.ByPlatform(t.Context(), integration.Slack)))
	for _, id := range []uuid.UUID{first, last, theirs} {
		row, err := h.integrations.Locate(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, map[bool]domain.OrgID{true: elsewhere.org, false: h.org}[id == theirs], row.Org)
	}
	for _, id := range []uuid.UUID{gone, uuid.New()} {
		require.ErrorIs(t, second(h.integrations.Locate(t.Context(), id)), integration.ErrNotFound)
	}
	require.ErrorIs(t, second(h.integrations.Find(t.Context(), h.org, gone)), integration.ErrNotFound)
	require.ErrorIs(t, second(h.integrations.Find(t.Context(), h.org, theirs)), integration.ErrNotFound)
}

func TestARowOfAnIntegrationNeedsACommittedEvent(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := h.connect()
	stream, err := h.store.Load(t.Context(), h.org.UUID, id)
	require.NoError(t, err)
	next := stream.Events[0]
	next.Version, next.Event = 2, integration.Changed{Name: new("Forged")}
	stream.Events = append(stream.Events, next)
	b := &pgx.Batch{}
	h.integrations.Queue(b, []eventstore.Stream{stream, {Org: h.org.UUID, ID: uuid.New(), Events: []eventstore.Recorded{{Version: 1, Type: "ticket.opened", Event: ticket.Opened{}}}}})
	require.Equal(t, 1, b.Len(), "nothing is written of another noun")
	require.NoError(t, h.pool.SendBatch(t.Context(), b).Close())
	row, err := h.integrations.Find(t.Context(), h.org, id)
	require.NoError(t, err)
	require.Equal(t, "Board", row.State.Name)
}

func TestARebuildMakesTheSameIntegrations(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.connect()
	h.connect(integration.Checked{OK: true}, integration.Synced{Sync: uuid.New()}, integration.Suspended{Code: "busy", Why: "Too much."})
	h.connect(integration.Expired{Code: "revoked"}, integration.Disconnected{})
	rebuilder := &projections.Rebuilder{
		Pool: h.pool, Codec: catalog.Codec, Progress: func(string, int64, int64) {},
		Keys: func(from eventstore.Database) (*eventstore.Keyring, error) {
			return eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: from})
		},
	}
	did, err := rebuilder.Run(t.Context(), h.integrations.Projection())
	require.NoError(t, err)
	require.Len(t, did.Tables, 1)
	require.True(t, did.Tables[0].Equal(), "%+v", did.Tables[0])
	require.EqualValues(t, 3, did.Tables[0].Rows)
}

func TestATableOfIntegrationsThatIsAway(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.pool.Close()
	require.Error(t, second(h.integrations.Find(t.Context(), h.org, uuid.New())))
	require.Error(t, second(h.integrations.Locate(t.Context(), uuid.New())))
	require.Error(t, second(h.integrations.List(t.Context(), h.org)))
	require.Error(t, second(h.integrations.ByPlatform(t.Context(), integration.Jira)))
}
