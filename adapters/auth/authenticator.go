package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/session"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/internal/cache"
	"ticketd/projections"
)

// Accounts tells how a member stands at present.
type Accounts interface {
	Account(ctx context.Context, org domain.OrgID, id domain.UserID) (projections.Account, error)
}

// APITokens looks up an API token by its hash; projections.ErrNoAPIToken when there is none.
type APITokens interface {
	FindByHash(ctx context.Context, hash string) (projections.APITokenRow, error)
}

const (
	cachedAccounts = 50_000
	cachedTokens   = 50_000
	cachedFor      = time.Minute
)

// Authenticator answers who comes with a bearer token. Whoever makes one must let it Observe the log.
type Authenticator struct {
	tokens    *Tokens
	accounts  Accounts
	apiTokens APITokens
	now       func() time.Time

	accountCache *cache.Cache[member, projections.Account]
	tokenCache   *cache.Cache[string, projections.APITokenRow] // by hash
	verified     *cache.Cache[string, domain.Caller]           // access tokens whose signature was checked
	revoked      revoked
}

type member struct {
	org  domain.OrgID
	user domain.UserID
}

// NewAuthenticator wires the tokens to what is known of their owners.
func NewAuthenticator(tokens *Tokens, accounts Accounts, apiTokens APITokens, now func() time.Time) *Authenticator {
	return &Authenticator{
		tokens: tokens, accounts: accounts, apiTokens: apiTokens, now: now,
		accountCache: cache.New[member, projections.Account](cachedAccounts, cachedFor, now),
		tokenCache:   cache.New[string, projections.APITokenRow](cachedTokens, cachedFor, now),
		verified:     cache.New[string, domain.Caller](cachedTokens, cachedFor, now),
		revoked:      revoked{until: map[uuid.UUID]time.Time{}},
	}
}

// Authenticate answers who comes with an access token or an API token, with the role they have now. Errors, all
// Unauthenticated: ErrTokenInvalid, ErrTokenExpired, user.ErrInactive, session.ErrRevoked.
func (a *Authenticator) Authenticate(ctx context.Context, bearer string) (domain.Caller, error) {
	read := a.readAccessToken
	if strings.HasPrefix(bearer, commands.APITokenMark) { // no access token does: "ai_" is no base64 of a JSON object
		read = a.readAPIToken
	}
	caller, err := read(ctx, bearer)
	if err != nil {
		return domain.Caller{}, err
	}
	account, err := a.account(ctx, member{caller.Org, caller.User})
	if err != nil {
		return domain.Caller{}, err
	}
	if account.Status != user.StatusActive {
		return domain.Caller{}, user.ErrInactive
	}
	caller.Role = account.Role
	return caller, nil
}

func (a *Authenticator) readAccessToken(_ context.Context, bearer string) (domain.Caller, error) {
	caller, known := a.verified.Get(bearer)
	if !known {
		var err error
		generation := a.verified.Generation()
		if caller, err = a.tokens.read(bearer); err != nil {
			return domain.Caller{}, err
		}
		a.verified.Put(generation, bearer, caller)
	}
	switch {
	case !a.now().Before(caller.Expires):
		return domain.Caller{}, ErrTokenExpired
	case a.revoked.has(caller.Session):
		return domain.Caller{}, session.ErrRevoked
	}
	return caller, nil
}

func (a *Authenticator) readAPIToken(ctx context.Context, bearer string) (domain.Caller, error) {
	token, err := a.apiToken(ctx, commands.HashToken(bearer))
	switch {
	case errors.Is(err, projections.ErrNoAPIToken):
		return domain.Caller{}, ErrTokenInvalid
	case err != nil:
		return domain.Caller{}, err
	case token.Revoked:
		return domain.Caller{}, ErrTokenInvalid
	case !a.now().Before(token.ExpiresAt):
		return domain.Caller{}, ErrTokenExpired
	}
	return domain.Caller{
		Actor:   domain.Actor{Type: domain.ByAPIToken, ID: token.ID, User: token.User},
		Org:     token.Org,
		Expires: token.ExpiresAt,
	}, nil
}

func (a *Authenticator) account(ctx context.Context, m member) (projections.Account, error) {
	if account, ok := a.accountCache.Get(m); ok {
		return account, nil
	}
	generation := a.accountCache.Generation()
	account, err := a.accounts.Account(ctx, m.org, m.user)
	if err != nil {
		return projections.Account{}, fmt.Errorf("authenticate: %w", err)
	}
	a.accountCache.Put(generation, m, account)
	return account, nil
}

func (a *Authenticator) apiToken(ctx context.Context, hash string) (projections.APITokenRow, error) {
	if token, ok := a.tokenCache.Get(hash); ok {
		return token, nil
	}
	generation := a.tokenCache.Generation()
	token, err := a.apiTokens.FindByHash(ctx, hash)
	if err != nil { // what does not exist is not kept either: whoever guesses must not push out what does
		return projections.APITokenRow{}, fmt.Errorf("authenticate: %w", err)
	}
	a.tokenCache.Put(generation, hash, token)
	return token, nil
}

// Observe takes in what was committed: this instance's log tail calls it for every batch.
func (a *Authenticator) Observe(_ context.Context, events []eventstore.Recorded) {
	for _, r := range events {
		switch e := r.Event.(type) {
		case user.TokenRevoked:
			a.tokenCache.EvictFunc(func(_ string, t projections.APITokenRow) bool { return t.ID == e.TokenID })
		case user.Removed:
			a.tokenCache.EvictFunc(func(_ string, t projections.APITokenRow) bool { return t.User.UUID == r.Stream })
		case session.Revoked:
			a.revoked.add(r.Stream, r.At.Add(a.tokens.life+clockSlack), a.now())
		}
		if r.Category() == user.Decider.Category {
			a.accountCache.Evict(member{domain.OrgID{UUID: r.Org}, domain.UserID{UUID: r.Stream}})
		}
	}
}

// LoadRevoked learns of the sessions that ended before this instance started, but not before their access tokens. Call
// it after choosing the position from which the instance observes the log, and before serving.
func (a *Authenticator) LoadRevoked(ctx context.Context, log eventstore.Reader) error {
	since := a.now().Add(-a.tokens.life - clockSlack)
	events, err := log.Read(ctx, eventstore.Query{Types: []string{"session.revoked"}, Since: since})
	if err != nil {
		return fmt.Errorf("load revoked sessions: %w", err)
	}
	a.Observe(ctx, events)
	return nil
}

// clockSlack forgives the instances' clocks when they compare times.
const clockSlack = time.Minute

// revoked remembers the sessions that have ended for as long as they may have access tokens.
type revoked struct {
	mu    sync.RWMutex
	until map[uuid.UUID]time.Time
	sweep time.Time // when to look for what can be forgotten
}

func (r *revoked) has(id uuid.UUID) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, is := r.until[id]
	return is
}

func (r *revoked) add(id uuid.UUID, until, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until[id] = until
	if now.Before(r.sweep) {
		return
	}
	r.sweep = now.Add(clockSlack)
	for id, until := range r.until {
		if now.After(until) {
			delete(r.until, id)
		}
	}
}
