package commands

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/login"
	"ticketd/domain/organization"
	"ticketd/domain/session"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

// Passwords makes and checks password hashes. Both are slow on purpose.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)

	// Verify reports whether the hash is of the password. An empty hash is of none, and takes as long to refuse, so that
	// the time of an answer does not tell whether there is such a user.
	Verify(ctx context.Context, hash, password string) (bool, error)
}

// Logins names the stream of a name to sign in with.
type Logins interface {
	// StreamID derives the id from a normalized name, with a key, so that no event tells which name it is about.
	StreamID(name string) uuid.UUID
}

// How long a password may be, in characters. The upper bound only keeps hashing cheap.
const (
	MinPassword = 8
	MaxPassword = 256
)

// ErrPassword is the answer to a password that nobody should use.
var ErrPassword = &domain.Error{
	Kind: domain.Invalid, Code: "password_invalid", Field: "password",
	Message: fmt.Sprintf("password must have %d to %d characters.", MinPassword, MaxPassword),
}

// Accounts answers commands about people: how they come, sign in, change and leave.
type Accounts struct {
	log       eventstore.Log
	users     Handler[user.State, user.Command, user.Event]
	orgs      Handler[organization.State, organization.Command, organization.Event]
	logins    Handler[login.State, login.Command, login.Event]
	sessions  Handler[session.State, session.Command, session.Event]
	passwords Passwords
	names     Logins
	secrets   Secrets
	prefix    string // of API tokens
	now       func() time.Time
}

// NewAccounts wires the deciders of people to the log. The environment's first letters become part of API tokens.
func NewAccounts(log eventstore.Log, passwords Passwords, names Logins, secrets Secrets, environment string, now func() time.Time) Accounts {
	return Accounts{
		log:       log,
		users:     NewHandler(log, user.Decider),
		orgs:      NewHandler(log, organization.Decider),
		logins:    NewHandler(log, login.Decider),
		sessions:  NewHandler(log, session.Decider),
		passwords: passwords,
		names:     names,
		secrets:   secrets,
		prefix:    tokenPrefix(environment),
		now:       func() time.Time { return now().UTC().Truncate(time.Millisecond) },
	}
}

// Registration is what somebody brings who comes alone.
type Registration struct {
	UserID           domain.UserID // made by the caller, so that a repeated request is recognized
	Username         string        // may be empty when there is an email address
	Email            string
	Password         string
	FullName         string
	OrganizationName string // empty: a personal organization
}

// Register founds an organization with its first admin and claims the names to sign in with: all in one append, so
// that two people who want the same name at the same moment meet in its stream. The request's organization and actor
// are not looked at. It answers the user's stream, whose Org is the new organization. Errors: ErrPassword,
// user.ErrInvalid, user.ErrExists, organization.ErrInvalid, login.ErrTaken, ErrBusy.
func (a Accounts) Register(ctx context.Context, r Request, in Registration) (eventstore.Stream, error) {
	r.Org = orgOf(in.UserID)
	r.By = domain.Actor{Type: domain.ByUser, ID: in.UserID.UUID, User: in.UserID, Role: domain.Admin}
	known, err := a.users.State(ctx, r.Org, in.UserID.UUID)
	if err != nil {
		return eventstore.Stream{}, err
	}
	hash, err := a.hash(ctx, in.Password, known.PasswordHash)
	if err != nil {
		return eventstore.Stream{}, err
	}
	register := user.Register{
		UserID: in.UserID, Username: in.Username, Email: in.Email, FullName: in.FullName, PasswordHash: hash, Role: domain.Admin,
	}
	return a.append(ctx, r, register, func() ([]eventstore.Write, error) {
		p, err := a.decide(ctx, r, in.UserID, register)
		if err != nil {
			return nil, err
		}
		name := in.OrganizationName
		if name == "" {
			name = personal(p.after.Profile)
		}
		founded, err := a.orgs.Decide(ctx, r.Org, r.Org.UUID, organization.Found{Name: name, FoundedBy: in.UserID})
		if err != nil {
			return nil, asField(err, "organization_name")
		}
		claims, err := a.nameWrites(ctx, r.Org, p)
		return append([]eventstore.Write{p.own, founded}, claims...), err
	})
}

// orgOf answers the id of the organization that a person founds by registering: their own with its last bit turned.
// So a repeated registration meets what the first one made.
func orgOf(founder domain.UserID) domain.OrgID {
	org := domain.OrgID(founder)
	org.UUID[15] ^= 1
	return org
}

// personal names the organization of somebody who gave no name for it.
func personal(p user.Profile) string {
	const suffix = "'s organization"
	name := []rune(p.FullName)
	if len(name) == 0 {
		name = []rune(p.Username)
	}
	return string(name[:min(len(name), organization.MaxName-len(suffix))]) + suffix
}

// asField puts a refusal of a value down to the field it came in.
func asField(err error, field string) error {
	refusal, ok := errors.AsType[*domain.Error](err)
	if !ok || refusal.Kind != domain.Invalid {
		return err
	}
	renamed := *refusal
	renamed.Field = field
	return &renamed
}

// ProfileChange is what to change about oneself, all of it or nothing. nil leaves a field as it is; an empty value
// clears it.
type ProfileChange struct {
	Username    *string
	Email       *string
	FullName    *string
	Preferences *map[string]any
	Password    *NewPassword
}

// NewPassword replaces a password. Whoever sets it knows the present one.
type NewPassword struct{ Current, Next string }

// ChangeProfile changes what the actor says about themself, and their password; sessions go on. Another username or
// email address is claimed, and the old one released, in the same append. Errors: user.ErrInvalid, ErrPassword,
// ErrWrongPassword, user.ErrNotFound, user.ErrInactive, login.ErrTaken, ErrStale, ErrBusy.
func (a Accounts) ChangeProfile(ctx context.Context, r Request, c ProfileChange) (eventstore.Stream, error) {
	cmds := []user.Command{user.ChangeProfile{
		Username: c.Username, Email: c.Email, FullName: c.FullName, Preferences: c.Preferences, By: r.By,
	}}
	if c.Password != nil {
		hash, err := a.replace(ctx, r, *c.Password)
		if err != nil {
			return eventstore.Stream{}, err
		}
		cmds = append(cmds, user.ChangePassword{PasswordHash: hash, By: r.By})
	}
	return a.change(ctx, r, r.By.User, cmds...)
}

// ErrWrongPassword is the answer to somebody who must prove again who they are, and fails.
var ErrWrongPassword = &domain.Error{Kind: domain.Invalid, Code: "wrong_password", Field: "current_password", Message: "The current password is wrong."}

// replace answers the hash of the actor's next password.
func (a Accounts) replace(ctx context.Context, r Request, p NewPassword) (hash string, err error) {
	known, err := a.users.State(ctx, r.Org, r.By.User.UUID)
	if err != nil {
		return "", err
	}
	right, err := a.passwords.Verify(ctx, known.PasswordHash, p.Current)
	if err != nil {
		return "", fmt.Errorf("verify the current password: %w", err)
	}
	if !right {
		return "", ErrWrongPassword
	}
	return a.hash(ctx, p.Next, known.PasswordHash)
}

// hash answers the hash of a password: the known one if it fits, because every new one is salted and a repeated command
// must cause nothing. ErrPassword for one that nobody should use.
func (a Accounts) hash(ctx context.Context, password, known string) (string, error) {
	if length := utf8.RuneCountInString(password); length < MinPassword || length > MaxPassword {
		return "", ErrPassword
	}
	if known != "" {
		same, err := a.passwords.Verify(ctx, known, password)
		if err != nil {
			return "", fmt.Errorf("verify a password: %w", err)
		}
		if same {
			return known, nil
		}
	}
	hash, err := a.passwords.Hash(ctx, password)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}
