package projections

import (
	"slices"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/eventstore"
)

// AgentConfigVersion is one version of a configuration: what it said, and how it came about.
type AgentConfigVersion struct {
	AgentConfigRow

	Kind         AgentConfigKind
	RolledBackTo int              // the version that holds again; 0: it is no roll-back
	Actor        eventstore.Actor // whose hand it was; the system's for the defaults
	Changes      []ConfigChange   // since the version before
}

// AgentConfigKind is how a version came about.
type AgentConfigKind string

// How versions come about.
const (
	ConfigDefaults   AgentConfigKind = "defaults"
	ConfigChanged    AgentConfigKind = "changed"
	ConfigRolledBack AgentConfigKind = "rolled_back"
	ShadowSet        AgentConfigKind = "shadow_set" // what holds stays
	ShadowCleared    AgentConfigKind = "shadow_cleared"
)

// ConfigChange is one field of a configuration before and after, under its stored name.
type ConfigChange struct {
	Field    string
	Old, New any
}

// AgentConfigVersions folds the stream of a configuration to all its versions, the first first. There always is one: the
// defaults.
func AgentConfigVersions(org domain.OrgID, agent domain.Agent, events []eventstore.Recorded) []AgentConfigVersion {
	row := DefaultAgentConfig(org, agent)
	versions := []AgentConfigVersion{{AgentConfigRow: row, Kind: ConfigDefaults, Actor: eventstore.Actor{Type: string(domain.BySystem)}}}
	for _, r := range events {
		before := row
		row = ApplyAgentConfig(row, r)
		next := AgentConfigVersion{AgentConfigRow: row, Actor: r.Metadata.Actor, Kind: ConfigChanged, Changes: DiffConfigs(before.Config, row.Config)}
		switch e := r.Event.(type) {
		case agentconfig.Adopted: // the defaults as they were then, which may no longer be those of today
			versions[0].AgentConfigRow = row
			continue
		case agentconfig.RolledBack:
			next.Kind, next.RolledBackTo = ConfigRolledBack, e.To
		case agentconfig.ShadowSet:
			next.Kind = ShadowSet
		case agentconfig.ShadowCleared:
			next.Kind = ShadowCleared
		}
		versions = append(versions, next)
	}
	return versions
}

// AgentConfigVersionAt answers one of the versions of a configuration. Errors: agentconfig.ErrNoVersion.
func AgentConfigVersionAt(versions []AgentConfigVersion, number int) (AgentConfigVersion, error) {
	if number < 1 || number > len(versions) {
		return AgentConfigVersion{}, agentconfig.NoVersion(number, len(versions))
	}
	return versions[number-1], nil
}

// configFields are the fields of a configuration in the order people read them.
var configFields = []struct {
	name string
	of   func(agentconfig.Config) any
}{
	{"model", func(c agentconfig.Config) any { return c.Model }},
	{"temperature", func(c agentconfig.Config) any { return c.Temperature }},
	{"max_tokens", func(c agentconfig.Config) any { return c.MaxTokens }},
	{"timeout", func(c agentconfig.Config) any { return c.Timeout }},
	{"system_prompt", func(c agentconfig.Config) any { return c.SystemPrompt }},
	{"tools_enabled", func(c agentconfig.Config) any { return append([]string{}, c.Tools...) }},
}

// DiffConfigs answers the fields in which two configurations differ.
func DiffConfigs(from, to agentconfig.Config) []ConfigChange {
	var changes []ConfigChange
	for _, f := range configFields {
		was, is := f.of(from), f.of(to)
		if !sameValue(was, is) {
			changes = append(changes, ConfigChange{Field: f.name, Old: was, New: is})
		}
	}
	return changes
}

func sameValue(a, b any) bool {
	list, isList := a.([]string)
	if !isList {
		return a == b
	}
	other, _ := b.([]string)
	return slices.Equal(list, other)
}
