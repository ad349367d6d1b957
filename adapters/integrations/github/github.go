// Package github lets tickets be issues of a repository on GitHub, or on an Enterprise Server of one's own.
//
// # Why
//
// GitHub knows nothing of a request that is sent twice, and an issue has no field of ours. So everything that is made begins
// with a line that GitHub does not show, which names what it is here; after an answer that was lost it is looked for. An issue
// takes pictures and videos of a person only, not of an app: whatever else there is goes to a branch of its own, and a comment
// links to it.
package github

import (
	"ticketd/commands"
	"ticketd/internal/outbound"
)

// GitHub speaks with GitHub.
type GitHub struct{ out *outbound.Client }

// New answers a GitHub that is reached through a client.
func New(client *outbound.Client) *GitHub { return &GitHub{out: client} }

// Open answers a connection to an account. It asks GitHub nothing.
func (g *GitHub) Open(a commands.Account) commands.Connection {
	return &connection{out: g.out.Operation(), account: a}
}

// connection acts in a repository.
type connection struct {
	out     *outbound.Client
	account commands.Account
}

var _ commands.Platform = (*GitHub)(nil)
