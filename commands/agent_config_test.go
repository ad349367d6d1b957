package commands_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/eventstore"
)

func (d *desk) configs() commands.AgentConfigs { return commands.NewAgentConfigs(d.log) }

// configure changes the number of tokens of the support agent, on the version it names, if it names any.
func (d *desk) configure(tokens, ifVersion int) (eventstore.Stream, error) {
	r := d.request()
	r.IfVersion = ifVersion
	return d.configs().Handle(d.t.Context(), r, agentconfig.Change{Agent: domain.CustomerSupport, MaxTokens: new(tokens), By: d.admin})
}

func TestTheFirstChangeOfAConfigurationIsItsSecondVersion(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	stream, err := d.configure(2000, 0)
	require.NoError(t, err)
	require.Zero(t, stream.Version(), "that is the default")
	stream, err = d.configure(99, 0)
	require.NoError(t, err)
	require.Equal(t, 2, stream.Version())
	require.Equal(t, agentconfig.StreamID(d.org, domain.CustomerSupport), stream.ID)
	require.Equal(t, "agent_config.adopted", stream.Events[0].Type)
	require.Equal(t, agentconfig.Changed{By: d.admin.User, MaxTokens: new(99)}, stream.Events[1].Event)
	require.Equal(t, "agentconfig.Change", stream.Events[1].Metadata.Command)
	require.Equal(t, "req-1", stream.Events[1].Metadata.CorrelationID)

	back, err := d.configs().Handle(t.Context(), d.request(), agentconfig.RollBack{Agent: domain.CustomerSupport, To: 1, By: d.admin})
	require.NoError(t, err)
	require.Equal(t, 3, back.Version())
	other, err := d.configs().Handle(t.Context(), d.request(), agentconfig.Change{Agent: domain.Summary, Timeout: new(9), By: d.admin})
	require.NoError(t, err)
	require.Equal(t, 2, other.Version(), "each agent counts for itself")
}

func TestAConfigurationIsChangedAsItsEditorSawIt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	_, err := d.configure(99, 2)
	require.ErrorIs(t, err, commands.ErrStale, "there are only the defaults yet")
	stream, err := d.configure(99, 1)
	require.NoError(t, err, "the defaults are version 1 though nothing is stored")
	require.Equal(t, 2, stream.Version())
	for _, old := range []int{1, 3} {
		_, err = d.configure(100, old)
		require.ErrorIs(t, err, commands.ErrStale)
	}
	repeated, err := d.configure(99, 1)
	require.NoError(t, err, "a repeat changes nothing")
	require.Equal(t, stream.Version(), repeated.Version())
	_, err = d.configure(-1, 1)
	require.ErrorIs(t, err, commands.ErrStale)
	_, err = d.configure(-1, 2)
	require.ErrorIs(t, err, agentconfig.ErrInvalid)
	_, err = d.configure(-1, 0)
	require.ErrorIs(t, err, agentconfig.ErrInvalid)
}

func TestWhoMayNotConfigureLearnsNoVersion(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := d.request()
	r.IfVersion = 7
	_, err := d.configs().Handle(t.Context(), r, agentconfig.Change{Agent: domain.CustomerSupport, Timeout: new(1), By: domain.Actor{Type: domain.ByUser, Role: domain.Support}})
	require.ErrorIs(t, err, domain.ErrForbidden)
}

func TestAnotherOrganizationHasConfigurationsOfItsOwn(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	_, err := d.configure(99, 0)
	require.NoError(t, err)
	r := d.request()
	r.Org = domain.OrgID{UUID: uuid.New()}
	stream, err := d.configs().Handle(t.Context(), r, agentconfig.RollBack{Agent: domain.CustomerSupport, To: 1, By: d.admin})
	require.NoError(t, err)
	require.Zero(t, stream.Version())
}

// Ten admins who all saw the defaults: one of them changes them, and the others hear of it.
func TestOfManyFirstChangesOfWhatTheySawOneHolds(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var work sync.WaitGroup
	outcomes := make([]error, 10)
	for i := range outcomes {
		work.Go(func() { _, outcomes[i] = d.configure(100+i, 1) })
	}
	work.Wait()
	held := 0
	for _, err := range outcomes {
		if err == nil {
			held++
			continue
		}
		require.ErrorIs(t, err, commands.ErrStale)
	}
	require.Equal(t, 1, held)
	stream, err := d.log.Load(t.Context(), d.org.UUID, agentconfig.StreamID(d.org, domain.CustomerSupport))
	require.NoError(t, err)
	require.Equal(t, 2, stream.Version())
}

// unread is a log that nobody can read.
type unread struct{ eventstore.Log }

func (unread) Load(context.Context, uuid.UUID, uuid.UUID) (eventstore.Stream, error) {
	return eventstore.Stream{}, errBroken
}

func TestAConfigurationThatCannotBeReadIsNotChanged(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := d.request()
	r.IfVersion = 1
	_, err := commands.NewAgentConfigs(unread{d.log}).Handle(t.Context(), r, agentconfig.RollBack{Agent: domain.Summary, To: 1, By: d.admin})
	require.ErrorIs(t, err, errBroken)
}
