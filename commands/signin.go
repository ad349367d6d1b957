package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/session"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

// SessionLife is how long somebody stays signed in without giving the password again.
const SessionLife = 30 * 24 * time.Hour

// ErrBadCredentials is the answer to whoever fails to sign in. It does not tell why.
var ErrBadCredentials = &domain.Error{Kind: domain.Unauthenticated, Code: "bad_credentials", Message: "Username or password is wrong."}

// SignedIn is what somebody gets who has proved who they are.
type SignedIn struct {
	Org          domain.OrgID
	User         user.State
	Stream       eventstore.Stream // the user's, for whoever shows them
	Session      uuid.UUID
	Position     int64  // where in the log this was written
	RefreshToken string // shown once, good once
	ExpiresAt    time.Time
}

// SignIn starts a session for whoever knows a name, be it a username or an email address, and its password. The
// request's organization and actor are not looked at. It takes the same steps for a name that nobody has. Errors:
// ErrBadCredentials.
func (a Accounts) SignIn(ctx context.Context, r Request, name, password string) (SignedIn, error) {
	normal := user.NormalizeUsername(name) // as an email address normalizes, too
	claimed, err := a.logins.State(ctx, domain.DirectoryOrg, a.names.StreamID(normal))
	if err != nil {
		return SignedIn{}, err
	}
	stream, err := a.users.load(ctx, claimed.Org, claimed.Owner.UUID)
	if err != nil {
		return SignedIn{}, err
	}
	known, hash := a.users.Fold(stream), ""
	if known.Status == user.StatusActive {
		hash = known.PasswordHash
	}
	right, err := a.passwords.Verify(ctx, hash, password)
	if err != nil {
		return SignedIn{}, fmt.Errorf("verify a password: %w", err)
	}
	if !right {
		return SignedIn{}, ErrBadCredentials
	}
	in := SignedIn{Org: claimed.Org, User: known, Stream: stream, Session: NewID(), ExpiresAt: a.now().Add(SessionLife)}
	in.RefreshToken = newLocator(in.Org, in.Session, random())
	started, err := a.sessions.Create(ctx, onOwnBehalf(r, in.Org, known), in.Session, session.Start{
		UserID: known.UserID, TokenHash: HashToken(in.RefreshToken), ExpiresAt: in.ExpiresAt,
	})
	in.Position = started.Position()
	return in, err
}

// onOwnBehalf is the request of somebody who proves who they are only by what the request holds.
func onOwnBehalf(r Request, org domain.OrgID, s user.State) Request {
	r.Org, r.By = org, domain.Actor{Type: domain.ByUser, ID: s.UserID.UUID, User: s.UserID, Role: s.Role}
	return r
}

// Refresh trades a refresh token for the next one. The request's organization and actor are not looked at. A token that
// was traded before ends its session, because one of the two who hold it stole it. Errors: session.ErrUnknown,
// session.ErrRevoked, user.ErrInactive, ErrBusy.
func (a Accounts) Refresh(ctx context.Context, r Request, refreshToken string) (SignedIn, error) {
	org, id, ok := locate(refreshToken)
	if !ok {
		return SignedIn{}, session.ErrUnknown
	}
	started, err := a.sessions.State(ctx, org, id)
	if err != nil {
		return SignedIn{}, err
	}
	if !started.Exists {
		return SignedIn{}, session.ErrUnknown
	}
	stream, err := a.users.load(ctx, org, started.UserID.UUID)
	if err != nil {
		return SignedIn{}, err
	}
	known := a.users.Fold(stream)
	if known.Status != user.StatusActive {
		return SignedIn{}, user.ErrInactive
	}
	in := SignedIn{Org: org, User: known, Stream: stream, Session: id, RefreshToken: newLocator(org, id, random()), ExpiresAt: started.ExpiresAt}
	after, err := a.sessions.Handle(ctx, onOwnBehalf(r, org, known), id, session.Refresh{
		Presented: HashToken(refreshToken), Next: HashToken(in.RefreshToken), Now: a.now(),
	})
	if err != nil {
		return SignedIn{}, err
	}
	if a.sessions.Fold(after).Revoked {
		return SignedIn{}, session.ErrRevoked
	}
	in.Position = after.Position()
	return in, nil
}

// SignOut ends the session the actor came with; coming with an API token there is none, and nothing to do. Errors:
// session.ErrUnknown for a session that is not the actor's, ErrBusy.
func (a Accounts) SignOut(ctx context.Context, r Request, id uuid.UUID) error {
	if id == uuid.Nil {
		return nil
	}
	started, err := a.sessions.State(ctx, r.Org, id)
	if err != nil {
		return err
	}
	if started.UserID != r.By.User {
		return session.ErrUnknown
	}
	_, err = a.sessions.Handle(ctx, r, id, session.Revoke{Reason: "signed out"})
	return err
}
