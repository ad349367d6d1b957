package commands

import (
	"context"
	"fmt"

	"ticketd/domain/agentconfig"
	"ticketd/eventstore"
)

// AgentConfigs answers commands to the configurations of agents.
type AgentConfigs struct {
	handler Handler[agentconfig.State, agentconfig.Command, agentconfig.Event]
}

// NewAgentConfigs ties the configuration decider to the log.
func NewAgentConfigs(log eventstore.Log) AgentConfigs {
	return AgentConfigs{handler: NewHandler(log, agentconfig.Decider)}
}

// Handle answers one command and the configuration's stream as it then stands: without events as long as the defaults
// hold, which are version 1 for whoever names it. Errors: the refusals of package agentconfig, ErrStale, ErrBusy.
func (a AgentConfigs) Handle(ctx context.Context, r Request, cmd agentconfig.Command) (eventstore.Stream, error) {
	streams, err := Together(ctx, a.handler.log, r, fmt.Sprintf("%T", cmd), func() ([]eventstore.Write, error) {
		stream, err := a.handler.load(ctx, r.Org, agentconfig.StreamID(r.Org, cmd.Of()))
		if err != nil {
			return nil, err
		}
		write, err := a.handler.decide(ctx, r.Org, stream, cmd)
		guarded := r
		if r.IfVersion == 1 && stream.Version() == 0 { // nothing is stored, and nothing has changed
			guarded.IfVersion = 0
		}
		if stale(guarded, write, err) {
			return nil, ErrStale
		}
		return []eventstore.Write{write}, err
	})
	if err != nil {
		return eventstore.Stream{}, err
	}
	return streams[0], nil
}
