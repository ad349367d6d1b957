package commands

import (
	"context"
	"time"

	"ticketd/domain"
	"ticketd/domain/login"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

// InvitationLife is how long an invitation can be accepted.
const InvitationLife = 7 * 24 * time.Hour

// Invite asks somebody to join the organization, as the user with the given id. It answers the token that lets them
// accept, once, and the new user's stream; a repeated command, whose first answer was lost, the same token. Errors: domain.ErrForbidden, user.ErrInvalid, user.ErrExists, login.ErrTaken
// when the address already signs somebody in, ErrBusy.
func (a Accounts) Invite(ctx context.Context, r Request, id domain.UserID, email string, role domain.Role) (token string, _ eventstore.Stream, err error) {
	secret := a.secrets.Secret("invitation", r.Org.String(), id.String(), user.NormalizeEmail(email), string(role))
	token = newLocator(r.Org, id.UUID, secret)
	invite := user.Invite{
		UserID: id, Email: email, Role: role, TokenHash: HashToken(token), ExpiresAt: a.now().Add(InvitationLife), By: r.By,
	}
	stream, err := a.append(ctx, r, invite, func() ([]eventstore.Write, error) {
		p, err := a.decide(ctx, r, id, invite)
		if err != nil {
			return nil, err
		}
		claimed, err := a.logins.State(ctx, domain.DirectoryOrg, a.names.StreamID(user.NormalizeEmail(email)))
		if err != nil {
			return nil, err
		}
		if !claimed.Owner.IsZero() { // a courtesy: what counts is the claim when they join
			return nil, asTaken(login.ErrTaken, login.Email)
		}
		return []eventstore.Write{p.own}, nil
	})
	if err != nil {
		return "", eventstore.Stream{}, err
	}
	return token, stream, nil
}

// Joining is what an invited person brings. The email address is the one that was invited.
type Joining struct {
	Username string // empty: the email address
	Password string
	FullName string
}

// AcceptInvitation lets an invited person in. The request's organization and actor are not looked at. It answers the
// user's stream. Errors: user.ErrInvitation, ErrPassword, user.ErrInvalid, login.ErrTaken, ErrBusy.
func (a Accounts) AcceptInvitation(ctx context.Context, r Request, token string, in Joining) (eventstore.Stream, error) {
	org, id, ok := locate(token)
	if !ok {
		return eventstore.Stream{}, user.ErrInvitation
	}
	invited, err := a.users.State(ctx, org, id)
	if err != nil {
		return eventstore.Stream{}, err
	}
	if invited.Invitation.TokenHash != HashToken(token) { // before a stranger makes us hash
		return eventstore.Stream{}, user.ErrInvitation
	}
	hash, err := a.hash(ctx, in.Password, invited.PasswordHash)
	if err != nil {
		return eventstore.Stream{}, err
	}
	return a.change(ctx, onOwnBehalf(r, org, invited), invited.UserID, user.Join{
		Username: in.Username, FullName: in.FullName, PasswordHash: hash, TokenHash: HashToken(token), Now: a.now(),
	})
}

// MemberChange is what to change about a member. nil leaves it as it is.
type MemberChange struct {
	Role   *domain.Role
	Active *bool // false locks the member out, true lets them in again
}

// ChangeMember changes a member's role, whether they may sign in, or both. Errors: domain.ErrForbidden,
// user.ErrNotFound, user.ErrInvalid, user.ErrNotJoined, organization.ErrLastAdmin, ErrStale, ErrBusy.
func (a Accounts) ChangeMember(ctx context.Context, r Request, id domain.UserID, c MemberChange) (eventstore.Stream, error) {
	if c == (MemberChange{}) { // is still refused to whoever may not change anything
		known, err := a.users.State(ctx, r.Org, id.UUID)
		if err != nil {
			return eventstore.Stream{}, err
		}
		c.Role = &known.Role
	}
	return a.change(ctx, r, id, c.commands(r.By)...)
}

func (c MemberChange) commands(by domain.Actor) []user.Command {
	var cmds []user.Command
	if c.Role != nil {
		cmds = append(cmds, user.ChangeRole{Role: *c.Role, By: by})
	}
	switch {
	case c.Active == nil:
	case *c.Active:
		cmds = append(cmds, user.Reactivate{By: by})
	default:
		cmds = append(cmds, user.Deactivate{By: by})
	}
	return cmds
}

// RemoveMember ends a membership for good, or withdraws an invitation, and frees the names. Errors:
// domain.ErrForbidden, user.ErrNotFound, organization.ErrLastAdmin, ErrStale, ErrBusy.
func (a Accounts) RemoveMember(ctx context.Context, r Request, id domain.UserID) (eventstore.Stream, error) {
	return a.change(ctx, r, id, user.Remove{By: r.By})
}
