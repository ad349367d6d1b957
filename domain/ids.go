package domain

import "github.com/google/uuid"

// OrgID names an organization: the tenant everything belongs to.
type OrgID struct{ uuid.UUID }

// DirectoryOrg holds what spans all organizations: which name to sign in with is whose. It has no members and no
// tickets, and nobody's caller ever belongs to it.
var DirectoryOrg = OrgID{UUID: uuid.UUID{'l', 'o', 'g', 'i', 'n', 's', 0x80, 0, 0x80}}

// UserID names a person: a member of one organization.
type UserID struct{ uuid.UUID }

// FileID names an upload.
type FileID struct{ uuid.UUID }

// IsZero reports an absent id; encoding/json's omitzero asks for it.
func (id OrgID) IsZero() bool { return id.UUID == uuid.Nil }

// IsZero reports an absent id; encoding/json's omitzero asks for it.
func (id UserID) IsZero() bool { return id.UUID == uuid.Nil }

// IsZero reports an absent id; encoding/json's omitzero asks for it.
func (id FileID) IsZero() bool { return id.UUID == uuid.Nil }
