package catalog

import (
	"ticketd/domain/agentconfig"
	"ticketd/eventstore"
)

var agentConfigEvents = []eventstore.Entry{
	eventstore.Type[agentconfig.Adopted]("agent_config.adopted"),
	eventstore.Type[agentconfig.Changed]("agent_config.changed"),
	eventstore.Type[agentconfig.RolledBack]("agent_config.rolled_back"),
	eventstore.Type[agentconfig.ShadowSet]("agent_config.shadow_set"),
	eventstore.Type[agentconfig.ShadowCleared]("agent_config.shadow_cleared"),
}
