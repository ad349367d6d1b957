// Package integration is a connection of an organization to its account with a vendor, where its tickets may live too.
//
// # Why
//
// What an administrator decides about a connection is a fact. The credentials are none: they are kept sealed beside the log,
// where they can be replaced and destroyed, and an event tells only which of them were given.
package integration

import (
	"github.com/google/uuid"

	"ticketd/domain"
)

// Event is a fact about one integration. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. What describes a connection is the organization's, and outlives whoever wrote it.
//
//sumtype:decl
type Event interface{ isEvent() }

// Connected starts an integration. It is pending until a first check of it succeeds.
type Connected struct {
	By          domain.UserID `json:"by,omitzero"`
	Platform    Platform      `json:"platform"`
	AuthType    AuthType      `json:"auth_type"`
	Config      Config        `json:"config"`
	Credentials []string      `json:"credentials,omitempty"` // names of the fields that were given, never their values
}

// Changed changes how the connection is used. Only the fields present have changed.
type Changed struct {
	By          domain.UserID      `json:"by,omitzero"`
	Name        *string            `json:"name,omitempty"`
	Description *string            `json:"description,omitempty"`
	BaseURL     *string            `json:"base_url,omitempty"`
	Settings    *map[string]string `json:"settings,omitempty"`
	Mapping     *Mapping           `json:"mapping,omitempty"`
	SyncEnabled *bool              `json:"sync_enabled,omitempty"`
	Fallback    *[]uuid.UUID       `json:"fallback_integration_ids,omitempty"`
}

// CredentialsSet says which credentials were replaced, and which are there no more. A connection that had expired is pending
// again.
type CredentialsSet struct {
	By      domain.UserID `json:"by,omitzero"`
	Fields  []string      `json:"fields,omitempty"`
	Removed []string      `json:"removed,omitempty"`
}

// Checked says that the vendor's answer to a check differs from the one before.
type Checked struct {
	OK   bool   `json:"ok"`
	Code string `json:"code,omitempty"` // of what is wrong
	Why  string `json:"why,omitempty"`  // in words, without any of a ticket's
}

// Enabled lets the connection be used again.
type Enabled struct {
	By     domain.UserID `json:"by,omitzero"`
	Reason string        `json:"reason,omitempty"`
}

// Disabled keeps everything back until it is enabled again.
type Disabled struct {
	By     domain.UserID `json:"by,omitzero"`
	Reason string        `json:"reason,omitempty"`
}

// Suspended says that the program itself keeps everything back, and why.
type Suspended struct {
	Code string `json:"code"`
	Why  string `json:"why"`
}

// Expired says that the vendor takes the credentials no longer, and that they cannot be renewed without a person.
type Expired struct {
	Code string `json:"code"`
	Why  string `json:"why"`
}

// Synced says that both sides were reconciled, and what came of it.
type Synced struct {
	Sync    uuid.UUID `json:"sync"`
	Created int       `json:"created"`
	Updated int       `json:"updated"`
	Skipped int       `json:"skipped"`
	Failed  int       `json:"failed"`
}

// Disconnected ends the integration. Its credentials are destroyed.
type Disconnected struct {
	By domain.UserID `json:"by,omitzero"`
}

// Config is what an administrator decides about a connection.
type Config struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	BaseURL     string            `json:"base_url,omitempty"` // in the place of every host of the vendor; empty: the vendor's own
	Settings    map[string]string `json:"settings,omitempty"`
	Mapping     Mapping           `json:"mapping,omitzero"` // over the platform's own
	SyncEnabled bool              `json:"sync_enabled"`     // what happens after a ticket was created travels both ways
	Fallback    []uuid.UUID       `json:"fallback_integration_ids,omitempty"`
}

// Mapping says what the vendor calls what a ticket is. A value that is left out is the platform's own.
type Mapping struct {
	Priority map[string]string `json:"priority,omitempty"`
	Category map[string]string `json:"category,omitempty"`
	Status   map[string]string `json:"status,omitempty"`
}

func (Connected) isEvent()      {}
func (Changed) isEvent()        {}
func (CredentialsSet) isEvent() {}
func (Checked) isEvent()        {}
func (Enabled) isEvent()        {}
func (Disabled) isEvent()       {}
func (Suspended) isEvent()      {}
func (Expired) isEvent()        {}
func (Synced) isEvent()         {}
func (Disconnected) isEvent()   {}
