package projections_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// council is an event store with the table of configurations, on a database of its own.
type council struct {
	*testing.T
	pool    *pgxpool.Pool
	store   *eventstore.Postgres
	configs *projections.AgentConfigs
	org     domain.OrgID
	ann     domain.UserID
}

func newCouncil(t *testing.T) council {
	t.Helper()
	c := council{T: t, pool: postgrestest.Pool(t), org: newOrg(), ann: newUser()}
	c.configs = projections.NewAgentConfigs(c.pool)
	keys, err := c.keys(c.pool)
	require.NoError(t, err)
	c.store = eventstore.Open(t.Context(), c.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{c.configs}})
	t.Cleanup(c.store.Close)
	return c
}

func (council) keys(from eventstore.Database) (*eventstore.Keyring, error) {
	return eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: from})
}

// decide appends events to the configuration of an agent and answers its stream.
func (c council) decide(org domain.OrgID, agent domain.Agent, events ...any) eventstore.Stream {
	c.Helper()
	stream, err := c.store.Load(c.Context(), org.UUID, agentconfig.StreamID(org, agent))
	require.NoError(c, err)
	streams, err := c.store.Append(c.Context(), eventstore.Metadata{Actor: eventstore.Actor{Type: "user", ID: c.ann.UUID}}, eventstore.Write{Stream: stream, Events: events})
	require.NoError(c, err)
	return streams[0]
}

func (c council) find(org domain.OrgID, agent domain.Agent) projections.AgentConfigRow {
	c.Helper()
	row, err := c.configs.Find(c.Context(), org, agent)
	require.NoError(c, err)
	if row.UpdatedAt != nil {
		at := row.UpdatedAt.UTC()
		row.UpdatedAt = &at
	}
	return row
}

var adoptedDefaults = agentconfig.Adopted{Agent: domain.Summary, Config: agentconfig.Defaults(domain.Summary)}

func TestADefaultConfigurationIsVersionOne(t *testing.T) {
	t.Parallel()
	c := newCouncil(t)
	for _, agent := range domain.Agents {
		require.Equal(t, projections.AgentConfigRow{Org: c.org, Agent: agent, Version: 1, Config: agentconfig.Defaults(agent)}, c.find(c.org, agent))
	}
	_, err := c.configs.Find(t.Context(), c.org, "sales_agent")
	require.ErrorIs(t, err, agentconfig.ErrNotFound)
}

func TestAConfigurationIsFoundAsItsEventsSay(t *testing.T) {
	t.Parallel()
	c := newCouncil(t)
	stream := c.decide(c.org, domain.Summary, adoptedDefaults, agentconfig.Changed{
		By: c.ann, Model: new("m"), Temperature: new(1.25), MaxTokens: new(7), Timeout: new(9), SystemPrompt: new("Be brief.\n"), Tools: &[]string{"get_ticket", "search_tickets"},
	})
	row := c.find(c.org, domain.Summary)
	at := stream.Events[1].At
	require.Equal(t, projections.AgentConfigRow{
		Org: c.org, Agent: domain.Summary, Version: 2, UpdatedAt: &at, UpdatedBy: c.ann,
		Config: agentconfig.Config{Model: "m", Temperature: 1.25, MaxTokens: 7, Timeout: 9, SystemPrompt: "Be brief.\n", Tools: []string{"get_ticket", "search_tickets"}},
	}, row)
	require.Equal(t, row, projections.Fold(projections.ApplyAgentConfig, stream.Events))

	c.decide(c.org, domain.Summary, agentconfig.Changed{Tools: &[]string{}})
	row = c.find(c.org, domain.Summary)
	require.NotNil(t, row.Config.Tools, "no tools are a list, too")
	require.Empty(t, row.Config.Tools)
	require.Zero(t, row.UpdatedBy, "the system's")
	require.Equal(t, agentconfig.Defaults(domain.Summary).Tools, adoptedDefaults.Config.Tools)

	c.decide(c.org, domain.Summary, agentconfig.RolledBack{By: c.ann, To: 1, Config: adoptedDefaults.Config})
	row = c.find(c.org, domain.Summary)
	require.Equal(t, 4, row.Version)
	require.True(t, row.Config.Equal(adoptedDefaults.Config))
	require.Equal(t, c.ann, row.UpdatedBy)
}

func TestAConfigurationIsItsOrganizationsAlone(t *testing.T) {
	t.Parallel()
	c := newCouncil(t)
	c.decide(c.org, domain.Summary, adoptedDefaults, agentconfig.Changed{Model: new("secret")})
	require.Equal(t, 1, c.find(newOrg(), domain.Summary).Version)
	require.Equal(t, 1, c.find(c.org, domain.Categorization).Version)
	require.Equal(t, "secret", c.find(c.org, domain.Summary).Config.Model)
}

func TestAConfigurationThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	c := newCouncil(t)
	c.decide(c.org, domain.Summary, adoptedDefaults)
	_, err := c.pool.Exec(t.Context(), `UPDATE agent_configs SET tools = '{"no":"list"}'`)
	require.NoError(t, err)
	_, err = c.configs.Find(t.Context(), c.org, domain.Summary)
	require.ErrorContains(t, err, "find the configuration of summary_agent")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.configs.Find(gone, c.org, domain.Summary)
	require.ErrorIs(t, err, context.Canceled)
}

// Whatever administrators decide, the table made anew is the table that was.
func TestConfigurationsAreRebuiltAsTheyWere(t *testing.T) {
	t.Parallel()
	c := newCouncil(t)
	for n, agent := range domain.Agents {
		admin, org := domain.Actor{User: c.ann, Role: domain.Admin}, newOrg()
		commands := []agentconfig.Command{
			agentconfig.Change{Agent: agent, Temperature: new(1.5), By: domain.System},
			agentconfig.Change{Agent: agent, SystemPrompt: new("é\n"), Tools: &[]string{}, By: admin},
			agentconfig.RollBack{Agent: agent, To: 1, By: admin},
			agentconfig.Change{Agent: agent, MaxTokens: new(3), Timeout: new(4), Model: new("m"), By: domain.System},
			agentconfig.RollBack{Agent: agent, To: 2, By: domain.System},
		}
		var s agentconfig.State
		for i := range commands[:n+1] {
			events, err := agentconfig.Decide(s, commands[(i+n)%len(commands)])
			if err != nil { // a version to come
				continue
			}
			s = agentconfig.Decider.Fold(s, events...)
			for _, e := range events {
				c.decide(org, agent, e)
			}
		}
		row := c.find(org, agent)
		require.Equal(t, s.Version, row.Version)
		require.True(t, row.Config.Equal(s.Config))
	}
	rebuild := &projections.Rebuilder{Pool: c.pool, Codec: catalog.Codec, Keys: c.keys, Progress: func(string, int64, int64) {}}
	did, err := rebuild.Run(t.Context(), c.configs.Projection())
	require.NoError(t, err)
	require.Len(t, did.Tables, 1)
	require.True(t, did.Tables[0].Equal(), "%+v", did.Tables[0])
	require.EqualValues(t, len(domain.Agents), did.Tables[0].Rows)
}

// A stream of another noun is none of this table's business, and an append that lost writes nothing.
func TestOnlyConfigurationsThatWereCommittedHaveARow(t *testing.T) {
	t.Parallel()
	c := newCouncil(t)
	stream := c.decide(c.org, domain.Summary, adoptedDefaults, agentconfig.Changed{Timeout: new(9)})
	lost := stream
	lost.Events = append(stream.Events[:1:1], eventstore.Recorded{Org: c.org.UUID, Stream: stream.ID, Version: 2, Type: "agent_config.changed", Event: agentconfig.Changed{Timeout: new(1)}})
	b := &pgx.Batch{}
	c.configs.Queue(b, []eventstore.Stream{
		lost, {}, {Events: []eventstore.Recorded{{Version: 1, Type: "ticket.opened"}}},
	})
	require.Equal(t, 1, b.Len())
	require.NoError(t, c.pool.SendBatch(t.Context(), b).Close())
	require.Equal(t, 9, c.find(c.org, domain.Summary).Config.Timeout)
	require.Zero(t, projections.ApplyAgentConfig(projections.AgentConfigRow{}, eventstore.Recorded{Version: 3, Event: "another noun's"}))
}

func TestTheVersionsOfAConfiguration(t *testing.T) {
	t.Parallel()
	org, ann := newOrg(), newUser()
	none := projections.AgentConfigVersions(org, domain.Summary, nil)
	require.Len(t, none, 1)
	require.Equal(t, projections.DefaultAgentConfig(org, domain.Summary), none[0].AgentConfigRow)
	require.Equal(t, projections.ConfigDefaults, none[0].Kind)
	require.Equal(t, "system", none[0].Actor.Type)

	once := agentconfig.Defaults(domain.Summary)
	once.SystemPrompt = "The default of an earlier release."
	actor := eventstore.Actor{Type: "api_token", ID: uuid.New(), User: ann.UUID}
	var events []eventstore.Recorded
	for i, e := range []any{
		agentconfig.Adopted{Agent: domain.Summary, Config: once},
		agentconfig.Changed{By: ann, Temperature: new(1.0), Tools: &[]string{}},
		agentconfig.Changed{By: ann, SystemPrompt: new("New."), Temperature: new(1.5)},
		agentconfig.RolledBack{By: ann, To: 1, Config: once},
	} {
		events = append(events, eventstore.Recorded{Org: org.UUID, Version: i + 1, Event: e, Metadata: eventstore.Metadata{Actor: actor}})
	}
	versions := projections.AgentConfigVersions(org, domain.Summary, events)
	require.Len(t, versions, 4)
	for i, v := range versions {
		require.Equal(t, i+1, v.Version)
		require.Equal(t, projections.Fold(projections.ApplyAgentConfig, events[:i+1]), v.AgentConfigRow)
	}
	require.Equal(t, "The default of an earlier release.", versions[0].Config.SystemPrompt)
	require.Equal(t, "system", versions[0].Actor.Type, "who made the first change did not make the defaults")
	require.Nil(t, versions[0].UpdatedAt)
	require.Empty(t, versions[0].Changes)
	require.Equal(t, actor, versions[1].Actor)
	require.Equal(t, ann, versions[1].UpdatedBy)
	require.Equal(t, projections.ConfigChanged, versions[1].Kind)
	require.Equal(t, []projections.ConfigChange{{Field: "temperature", Old: 0.2, New: 1.0}, {Field: "tools_enabled", Old: []string{"get_ticket"}, New: []string{}}}, versions[1].Changes)
	require.Equal(t, projections.ConfigRolledBack, versions[3].Kind)
	require.Equal(t, 1, versions[3].RolledBackTo)
	require.Equal(t, []projections.ConfigChange{
		{Field: "temperature", Old: 1.5, New: 0.2}, {Field: "system_prompt", Old: "New.", New: once.SystemPrompt}, {Field: "tools_enabled", Old: []string{}, New: []string{"get_ticket"}},
	}, versions[3].Changes)
	for i := range versions {
		version, err := projections.AgentConfigVersionAt(versions, i+1)
		require.NoError(t, err)
		require.Equal(t, versions[i], version)
	}
	for _, number := range []int{-1, 0, 5} {
		_, err := projections.AgentConfigVersionAt(versions, number)
		require.ErrorIs(t, err, agentconfig.ErrNoVersion)
	}
	require.Empty(t, projections.DiffConfigs(versions[0].Config, versions[3].Config))
	require.Len(t, projections.DiffConfigs(agentconfig.Config{}, once), 6, "every field has a name")
}
