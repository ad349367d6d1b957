package ws

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"ticketd/domain"
)

// errCrowded and errSomebodyElse are why a good token may still be refused.
var (
	errCrowded      = errors.New("ws: too many sockets of one person")
	errSomebodyElse = refusal("The token belongs to somebody else.")
)

// enter counts a socket in. One above the cap is let in to be told 4009; far above it, there is no time for manners.
func (s *Server) enter() (*socket, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining || len(s.sockets) > s.config.MaxConnections+s.config.MaxConnections/10+16 {
		return nil, false
	}
	k := s.newSocket()
	if len(s.sockets) >= s.config.MaxConnections {
		k.shut(fate{codeCrowded, "too many connections here"})
	}
	s.sockets[k] = struct{}{}
	return k, true
}

// leave forgets a socket, with everything it followed.
func (s *Server) leave(k *socket) {
	k.cancel()
	k.lane.mu.Lock()
	for len(k.follows) > 0 {
		k.unsubscribe(k.follows[len(k.follows)-1].id)
	}
	k.lane.mu.Unlock()
	k.work.Wait() // nothing can start any more, since nothing is followed
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, k)
	if caller := k.caller.Load(); caller != nil {
		if s.perUser[caller.User]--; s.perUser[caller.User] == 0 {
			delete(s.perUser, caller.User)
		}
	}
	s.settle()
}

// authenticate lets the token's owner use the socket. Somebody may be expelled between the judgement and its effect;
// then it is asked for again, and the revoked token is found out.
func (s *Server) authenticate(ctx context.Context, k *socket, token string) error {
	for {
		s.mu.Lock()
		era := s.era
		s.mu.Unlock()
		caller, err := s.auth.Authenticate(ctx, token)
		if err != nil {
			return err
		}
		if caller.Type == domain.ByAgent { // it works with its tools, and waits for no notice
			return domain.ErrForbidden
		}
		if admitted, err := s.admit(k, caller, era); admitted || err != nil {
			return err
		}
	}
}

func (s *Server) admit(k *socket, caller domain.Caller, era int) (admitted bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.era != era {
		return false, nil
	}
	before := k.caller.Load()
	switch {
	case before != nil && (before.User != caller.User || before.Org != caller.Org):
		return false, errSomebodyElse
	case before == nil && s.perUser[caller.User] >= s.config.MaxPerUser:
		return false, errCrowded
	case before == nil:
		s.perUser[caller.User]++
	}
	k.caller.Store(&caller)
	if caller.Expires.IsZero() {
		k.deadline.Store(0)
	} else {
		k.deadline.Store(caller.Expires.Add(s.times.expiryGrace).UnixNano())
	}
	return true, nil
}

// fateOf is how a socket ends that could not authenticate.
func (s *Server) fateOf(ctx context.Context, err error) fate {
	if errors.Is(err, errCrowded) {
		return fate{codeCrowded, "too many connections of one person"}
	}
	switch domain.KindOf(err) { //nolint:exhaustive // the others are not about tokens
	case domain.Unauthenticated:
		return fate{codeToken, "the token is not valid"}
	case domain.Forbidden:
		return fate{codeForeign, "this token may not connect"}
	}
	if ctx.Err() == nil {
		s.log.ErrorContext(ctx, "a token could not be judged", "cause", err)
	}
	return later
}

// Expel closes every socket of a person with 4001: who was removed stays out, who has a new role comes back with it.
// Revoke first, then expel.
func (s *Server) Expel(user domain.UserID) {
	s.expel(func(c *domain.Caller) bool { return c.User == user })
}

// ExpelSession closes the sockets of one login, or of one API token, with 4001.
func (s *Server) ExpelSession(id uuid.UUID) {
	s.expel(func(c *domain.Caller) bool {
		return id != uuid.Nil && (c.Session == id || (c.Type == domain.ByAPIToken && c.ID == id))
	})
}

func (s *Server) expel(meant func(*domain.Caller) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.era++
	for k := range s.sockets {
		if c := k.caller.Load(); c != nil && meant(c) {
			k.shut(fate{codeToken, "your rights have changed; sign in again"})
		}
	}
}
