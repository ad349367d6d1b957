package mcp

import (
	"sync"
	"time"

	"ticketd/commands"
	"ticketd/domain"
)

// listedFor is how long a list of tools is used again. It changes with the server's program only, and reading sixteen
// schemas takes 10 ms. Who calls a tool that has gone hears so from the server.
const listedFor = time.Minute

// lists are the tools of a server, by the role of whom an agent works for.
type lists struct{ byRole sync.Map }

type listed struct {
	tools []commands.Tool
	until time.Time
}

func (l *lists) find(role domain.Role, now time.Time) ([]commands.Tool, bool) {
	kept, _ := l.byRole.Load(role)
	list, ok := kept.(listed)
	return list.tools, ok && now.Before(list.until)
}

func (l *lists) keep(role domain.Role, tools []commands.Tool, now time.Time) {
	l.byRole.Store(role, listed{tools, now.Add(listedFor)})
}
