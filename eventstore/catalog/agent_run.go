package catalog

import (
	"ticketd/domain/agentrun"
	"ticketd/eventstore"
)

// A run has a key of its own, so that what it was shown can be erased without whoever it worked for.
var agentRunEvents = eventstore.WithOwnKeys(
	eventstore.Type[agentrun.Started]("agent_run.started"),
	eventstore.Type[agentrun.ModelAsked]("agent_run.model_asked"),
	eventstore.Type[agentrun.ProviderFailed]("agent_run.provider_failed"),
	eventstore.Type[agentrun.ToolCalled]("agent_run.tool_called"),
	eventstore.Type[agentrun.Completed]("agent_run.completed"),
	eventstore.Type[agentrun.Failed]("agent_run.failed"),
	eventstore.Type[agentrun.WordsErased]("agent_run.words_erased"),
)
