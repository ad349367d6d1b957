package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"ticketd/domain"
)

// AccessLife is how long an access token is good unless configured.
const AccessLife = time.Hour

const issuer = "ticketd"

// The refusals of tokens.
var (
	ErrTokenInvalid = &domain.Error{Kind: domain.Unauthenticated, Code: "token_invalid", Message: "The token is not valid."}
	ErrTokenExpired = &domain.Error{Kind: domain.Unauthenticated, Code: "token_expired", Message: "The token has expired."}
)

// Tokens makes and reads access tokens: JSON Web Tokens signed with HMAC-SHA256.
type Tokens struct {
	secret []byte
	life   time.Duration
	now    func() time.Time
	parser *jwt.Parser
}

// NewTokens signs with the secret.
func NewTokens(secret []byte, life time.Duration, now func() time.Time) *Tokens {
	return &Tokens{secret: secret, life: life, now: now, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), // or an attacker would choose
		jwt.WithExpirationRequired(),
		jwt.WithIssuer(issuer),
		jwt.WithTimeFunc(now),
		jwt.WithStrictDecoding(),
	)}
}

// Life is how long a new access token is good.
func (t *Tokens) Life() time.Duration { return t.life }

type claims struct {
	jwt.RegisteredClaims
	UserID  uuid.UUID   `json:"user_id"`
	Org     uuid.UUID   `json:"org"`
	Role    domain.Role `json:"role"`
	Session uuid.UUID   `json:"sid,omitzero"`
	Run     uuid.UUID   `json:"run,omitzero"` // of the agent that acts for the user
}

// agentLife is how long a run may take at the most, and a little.
const agentLife = 15 * time.Minute

// Issue makes an access token for a member, for their session if there is one. The role is for clients to see; what
// counts is the one the member has when the token is used.
func (t *Tokens) Issue(org domain.OrgID, user domain.UserID, role domain.Role, session uuid.UUID) (token string, expires time.Time, err error) {
	expires = t.now().Add(t.life).Truncate(time.Second) // as the claim has it
	token, err = t.sign(claims{UserID: user.UUID, Org: org.UUID, Role: role, Session: session}, expires)
	return token, expires, err
}

// IssueToAgent makes a token with which an agent acts for a member in one run: with the rights that the member has then.
func (t *Tokens) IssueToAgent(org domain.OrgID, user domain.UserID, role domain.Role, run uuid.UUID) (string, error) {
	return t.sign(claims{UserID: user.UUID, Org: org.UUID, Role: role, Run: run}, t.now().Add(agentLife))
}

func (t *Tokens) sign(c claims, expires time.Time) (string, error) {
	c.RegisteredClaims = jwt.RegisteredClaims{
		Issuer: issuer, Subject: c.UserID.String(), ID: uuid.NewString(), IssuedAt: jwt.NewNumericDate(t.now()), ExpiresAt: jwt.NewNumericDate(expires),
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(t.secret)
	if err != nil {
		return "", fmt.Errorf("sign an access token: %w", err)
	}
	return token, nil
}

// read answers whom a token was issued to, as of then. Errors: ErrTokenInvalid, ErrTokenExpired.
func (t *Tokens) read(token string) (domain.Caller, error) {
	var c claims
	_, err := t.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.secret, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return domain.Caller{}, ErrTokenExpired
	case err != nil, c.UserID == uuid.Nil, c.Subject != c.UserID.String():
		return domain.Caller{}, ErrTokenInvalid
	}
	actor := domain.Actor{Type: domain.ByUser, ID: c.UserID, User: domain.UserID{UUID: c.UserID}, Role: c.Role}
	if c.Run != uuid.Nil {
		actor.Type, actor.ID = domain.ByAgent, c.Run
	}
	return domain.Caller{
		Actor:   actor,
		Org:     domain.OrgID{UUID: c.Org},
		Session: c.Session,
		Expires: c.ExpiresAt.UTC(),
	}, nil
}
