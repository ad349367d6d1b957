package user

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
)

// State is what Decide and signing in need to know, and nothing more: screens read projections.
type State struct {
	Profile
	Status       Status
	UserID       domain.UserID
	PasswordHash string
	Role         domain.Role
	Invitation   Invitation // as it was sent; good only while the status is invited
	Tokens       []Token    // in the order they were made, revoked ones too
	Erasure      Erasure
}

// Decider is the user aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "user", Decide: Decide, Evolve: Evolve}

// Command asks for a change to a person. A command may be refused; an event may not. Passwords and tokens come hashed.
//
//sumtype:decl
type Command interface{ isCommand() }

// Register asks for a new person. Without a username, the email address is the username.
type Register struct {
	UserID       domain.UserID
	Username     string
	Email        string
	FullName     string
	PasswordHash string
	Role         domain.Role
}

// Invite asks a person to join.
type Invite struct {
	UserID    domain.UserID
	Email     string
	Role      domain.Role
	TokenHash string
	ExpiresAt time.Time
	By        domain.Actor
}

// Join accepts the invitation. Without a username, the email address is the username.
type Join struct {
	Username     string
	FullName     string
	PasswordHash string
	TokenHash    string
	Now          time.Time
}

// ChangeProfile asks to change what is present. nil leaves a field as it is; an empty value clears it.
type ChangeProfile struct {
	Username    *string
	Email       *string
	FullName    *string
	Preferences *map[string]any
	By          domain.Actor
}

// ChangePassword asks for another password.
type ChangePassword struct {
	PasswordHash string
	By           domain.Actor
}

// ChangeRole asks for another role.
type ChangeRole struct {
	Role domain.Role
	By   domain.Actor
}

// Deactivate locks the person out.
type Deactivate struct{ By domain.Actor }

// Reactivate lets the person in again.
type Reactivate struct{ By domain.Actor }

// Remove ends the membership, or withdraws the invitation.
type Remove struct{ By domain.Actor }

// Erase ends the membership and asks that whatever is known of the person be forgotten.
type Erase struct{ By domain.Actor }

// FinishErasure notes that nothing of the person can be read any more. Only the system sends it, when that is so.
type FinishErasure struct {
	Report Erased
	By     domain.Actor
}

// CreateToken asks for a way to sign in for the person's programs.
type CreateToken struct {
	TokenID   uuid.UUID
	Name      string
	Hash      string
	ExpiresAt time.Time
	Now       time.Time
	By        domain.Actor
}

// RenameToken gives a token another name.
type RenameToken struct {
	TokenID uuid.UUID
	Name    string
	By      domain.Actor
}

// RevokeToken ends a token.
type RevokeToken struct {
	TokenID uuid.UUID
	By      domain.Actor
}

func (Register) isCommand()       {}
func (Invite) isCommand()         {}
func (Join) isCommand()           {}
func (ChangeProfile) isCommand()  {}
func (ChangePassword) isCommand() {}
func (ChangeRole) isCommand()     {}
func (Deactivate) isCommand()     {}
func (Reactivate) isCommand()     {}
func (Remove) isCommand()         {}
func (Erase) isCommand()          {}
func (FinishErasure) isCommand()  {}
func (CreateToken) isCommand()    {}
func (RenameToken) isCommand()    {}
func (RevokeToken) isCommand()    {}

// The refusals.
var (
	ErrExists        = &domain.Error{Kind: domain.Conflict, Code: "user_exists", Message: "There is another user with this id."}
	ErrNotFound      = &domain.Error{Kind: domain.NotFound, Code: "user_not_found", Message: "There is no such user."}
	ErrInvalid       = &domain.Error{Kind: domain.Invalid, Code: "user_invalid", Message: "The user is not valid."}
	ErrInvitation    = &domain.Error{Kind: domain.NotFound, Code: "invitation_not_found", Message: "The invitation is unknown, used or expired."}
	ErrNotJoined     = &domain.Error{Kind: domain.Conflict, Code: "user_not_joined", Message: "The invitation has not been accepted yet."}
	ErrInactive      = &domain.Error{Kind: domain.Unauthenticated, Code: "user_inactive", Message: "This account is not active."}
	ErrTokenNotFound = &domain.Error{Kind: domain.NotFound, Code: "api_token_not_found", Message: "There is no such API token."}
	ErrTokenExists   = &domain.Error{Kind: domain.Conflict, Code: "api_token_exists", Message: "There is another API token with this id."}
	ErrTooManyTokens = &domain.Error{Kind: domain.Conflict, Code: "too_many_api_tokens", Message: "You have 10 API tokens, which is the most; revoke one first."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Register:
		return register(s, c)
	case Invite:
		return invite(s, c)
	case Join:
		return join(s, c)
	case ChangeProfile:
		return own(s, s.isSelf(c.By), func() ([]Event, error) { return changeProfile(s, c) })
	case ChangePassword:
		return own(s, s.isSelf(c.By), func() ([]Event, error) { return changePassword(s, c.PasswordHash), nil })
	case ChangeRole:
		return manage(s, c.By, func() ([]Event, error) { return changeRole(s, c.Role) })
	case Deactivate:
		return manage(s, c.By, func() ([]Event, error) { return toggle(s, StatusActive, Deactivated{}) })
	case Reactivate:
		return manage(s, c.By, func() ([]Event, error) { return toggle(s, StatusInactive, Reactivated{}) })
	case Remove:
		return remove(s, c)
	case Erase:
		return erase(s, c)
	case FinishErasure:
		return finishErasure(s, c)
	case CreateToken:
		return ownTokens(s, c.By, func() ([]Event, error) { return createToken(s, c) })
	case RenameToken:
		return ownTokens(s, c.By, func() ([]Event, error) { return renameToken(s, c) })
	case RevokeToken:
		return ownTokens(s, c.By, func() ([]Event, error) { return revokeToken(s, c.TokenID) })
	default:
		panic(fmt.Sprintf("user: unknown command %T", c))
	}
}

// own runs a rule on what belongs to an active person.
func own(s State, allowed bool, rule func() ([]Event, error)) ([]Event, error) {
	switch {
	case !s.Status.Present():
		return nil, ErrNotFound
	case !allowed:
		return nil, domain.ErrForbidden
	case s.Status != StatusActive:
		return nil, ErrInactive
	}
	return rule()
}

// manage runs a rule on a person for those who manage the organization's members.
func manage(s State, by domain.Actor, rule func() ([]Event, error)) ([]Event, error) {
	switch {
	case !s.Status.Present():
		return nil, ErrNotFound
	case !by.May(domain.ManageMembers):
		return nil, domain.ErrForbidden
	}
	return rule()
}

func (s State) isSelf(by domain.Actor) bool {
	return by.Type == domain.BySystem || by.User == s.UserID
}

func register(s State, c Register) ([]Event, error) {
	profile, err := Profile{Username: c.Username, Email: c.Email, FullName: c.FullName}.checked()
	if err != nil {
		return nil, err
	}
	if err := checkRole(c.Role); err != nil {
		return nil, err
	}
	registered := Registered{
		UserID: c.UserID, Username: profile.Username, Email: profile.Email, FullName: profile.FullName,
		PasswordHash: c.PasswordHash, Role: c.Role,
	}
	switch {
	case s.Status == "":
		return []Event{registered}, nil
	case !s.registeredAs(registered):
		return nil, ErrExists
	}
	return nil, nil
}

// registeredAs recognizes the repeat of a registration: whoever comes with another password is somebody else.
func (s State) registeredAs(r Registered) bool {
	return s.Status == StatusActive && s.Username == r.Username && s.Email == r.Email && s.FullName == r.FullName &&
		s.PasswordHash == r.PasswordHash && s.Role == r.Role
}

func invite(s State, c Invite) ([]Event, error) {
	if !c.By.May(domain.ManageMembers) {
		return nil, domain.ErrForbidden
	}
	if c.TokenHash == "" {
		return nil, ErrInvalid.On("token_hash", "An invitation needs a token.") // an empty one would let everybody in
	}
	profile, err := Profile{Email: c.Email}.checked()
	if err != nil {
		return nil, ErrInvalid.On("email", "An invitation needs an email address.")
	}
	if err := checkRole(c.Role); err != nil {
		return nil, err
	}
	switch {
	case s.Status == "":
		return []Event{Invited{
			UserID: c.UserID, Email: profile.Email, Role: c.Role, TokenHash: c.TokenHash, ExpiresAt: c.ExpiresAt,
			InvitedBy: c.By.User,
		}}, nil
	case s.Status != StatusInvited || s.Invitation.TokenHash != c.TokenHash:
		return nil, ErrExists
	}
	return nil, nil
}

// join tells nobody whether an invitation is unknown, used, withdrawn or expired: to a stranger they are the same.
func join(s State, c Join) ([]Event, error) {
	profile, err := Profile{Username: c.Username, Email: s.Email, FullName: c.FullName}.checked()
	switch {
	case s.Invitation.TokenHash == "" || c.TokenHash != s.Invitation.TokenHash:
		return nil, ErrInvitation
	case s.joinedAs(profile, c.PasswordHash):
		return nil, nil
	case s.Status != StatusInvited || !c.Now.Before(s.Invitation.ExpiresAt):
		return nil, ErrInvitation
	case err != nil:
		return nil, err
	}
	return []Event{Joined{UserID: s.UserID, Username: profile.Username, FullName: profile.FullName, PasswordHash: c.PasswordHash}}, nil
}

// joinedAs recognizes the repeat of an accepted invitation.
func (s State) joinedAs(p Profile, passwordHash string) bool {
	return s.Status == StatusActive && s.Username == p.Username && s.FullName == p.FullName && s.PasswordHash == passwordHash
}

func changeProfile(s State, c ChangeProfile) ([]Event, error) {
	changed, err := c.against(s.Profile)
	if err != nil || changed == (ProfileChanged{}) {
		return nil, err
	}
	changed.UserID = s.UserID
	return []Event{changed}, nil
}

func changePassword(s State, hash string) []Event {
	if hash == s.PasswordHash {
		return nil
	}
	return []Event{PasswordChanged{UserID: s.UserID, PasswordHash: hash}}
}

func changeRole(s State, to domain.Role) ([]Event, error) {
	if err := checkRole(to); err != nil || to == s.Role {
		return nil, err
	}
	return []Event{RoleChanged{From: s.Role, To: to}}, nil
}

// toggle locks out or lets in whoever is still on the other side. An invited person has no side yet.
func toggle(s State, from Status, fact Event) ([]Event, error) {
	if s.Status == StatusInvited {
		return nil, ErrNotJoined
	}
	if s.Status != from {
		return nil, nil
	}
	return []Event{fact}, nil
}

func remove(s State, c Remove) ([]Event, error) {
	if s.Status == StatusRemoved && c.By.May(domain.ManageMembers) {
		return nil, nil
	}
	return manage(s, c.By, func() ([]Event, error) { return []Event{Removed{}}, nil })
}

func erase(s State, c Erase) ([]Event, error) {
	requested := ErasureRequested{By: c.By.User, Of: s.UserID}
	switch {
	case s.Status == "":
		return nil, ErrNotFound
	case !c.By.May(domain.ErasePeople):
		return nil, domain.ErrForbidden
	case s.Erasure != "":
		return nil, nil
	case s.Status == StatusRemoved:
		return []Event{requested}, nil
	}
	return []Event{Removed{}, requested}, nil
}

func finishErasure(s State, c FinishErasure) ([]Event, error) {
	switch {
	case c.By.Type != domain.BySystem:
		return nil, domain.ErrForbidden
	case s.Erasure == "":
		return nil, ErrNotFound
	case s.Erasure == ErasureComplete:
		return nil, nil
	}
	return []Event{c.Report}, nil
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Registered:
		s.Status, s.UserID, s.Role, s.PasswordHash = StatusActive, e.UserID, e.Role, e.PasswordHash
		s.Profile = Profile{Username: e.Username, Email: e.Email, FullName: e.FullName}
	case Invited:
		s.Status, s.UserID, s.Role, s.Email = StatusInvited, e.UserID, e.Role, e.Email
		s.Invitation = Invitation{TokenHash: e.TokenHash, ExpiresAt: e.ExpiresAt}
	case Joined:
		s.Status, s.Username, s.FullName, s.PasswordHash = StatusActive, e.Username, e.FullName, e.PasswordHash
	case ProfileChanged:
		s.Profile = e.apply(s.Profile)
	case PasswordChanged:
		s.PasswordHash = e.PasswordHash
	case RoleChanged:
		s.Role = e.To
	case Deactivated:
		s.Status = StatusInactive
	case Reactivated:
		s.Status = StatusActive
	case Removed:
		s.Status, s.Tokens = StatusRemoved, nil
	case ErasureRequested:
		s.Erasure = ErasurePending
	case Erased:
		s.Erasure = ErasureComplete
	case TokenCreated:
		created := Token{ID: e.TokenID, Name: e.Name, Hash: e.Hash, ExpiresAt: e.ExpiresAt}
		s.Tokens = append(slices.Clip(s.Tokens), created)
	case TokenRenamed:
		s.Tokens = s.withToken(e.TokenID, func(t *Token) { t.Name = e.Name })
	case TokenRevoked:
		s.Tokens = s.withToken(e.TokenID, func(t *Token) { t.Revoked = true })
	}
	return s
}
