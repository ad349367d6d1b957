// Package login is a name to sign in with, unique over all organizations. Its stream id is derived from a keyed hash of
// the normalized name, so that two people who claim one name meet in one stream, and the event store's version check
// lets only the first pass.
package login

import "ticketd/domain"

// Event is a fact about one name. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. No event holds the name itself.
//
//sumtype:decl
type Event interface{ isEvent() }

// Claimed gives a free name to a person.
type Claimed struct {
	UserID domain.UserID `json:"user_id"`
	OrgID  domain.OrgID  `json:"org_id"` // where the person is; the name itself belongs to domain.DirectoryOrg
	Kind   Kind          `json:"kind"`
}

// Released frees the name.
type Released struct {
	UserID domain.UserID `json:"user_id"`
}

func (Claimed) isEvent()  {}
func (Released) isEvent() {}
