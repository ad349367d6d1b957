package user

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
)

// ownTokens runs a rule on the tokens of an active member, for that member alone.
func ownTokens(s State, by domain.Actor, rule func() ([]Event, error)) ([]Event, error) {
	return own(s, by.May(domain.ManageOwnTokens, s.UserID), rule)
}

func createToken(s State, c CreateToken) ([]Event, error) {
	name := strings.TrimSpace(c.Name)
	if err := domain.CheckText(ErrInvalid, "name", name, 1, MaxTokenName); err != nil {
		return nil, err
	}
	if i := s.token(c.TokenID); i >= 0 {
		return createdAgain(s.Tokens[i], c)
	}
	life := c.ExpiresAt.Sub(c.Now)
	if life < MinTokenLife-tokenLifeSlack || life > MaxTokenLife+tokenLifeSlack {
		return nil, ErrInvalid.On("expires_at", "A token lives between 1 and 365 days.")
	}
	if s.usableTokens(c.Now) >= MaxTokens {
		return nil, ErrTooManyTokens
	}
	return []Event{TokenCreated{UserID: s.UserID, TokenID: c.TokenID, Name: name, Hash: c.Hash, ExpiresAt: c.ExpiresAt}}, nil
}

// createdAgain answers a command that created this token already.
func createdAgain(t Token, c CreateToken) ([]Event, error) {
	if t.Hash != c.Hash {
		return nil, ErrTokenExists
	}
	return nil, nil
}

func renameToken(s State, c RenameToken) ([]Event, error) {
	i := s.token(c.TokenID)
	if i < 0 || s.Tokens[i].Revoked {
		return nil, ErrTokenNotFound
	}
	name := strings.TrimSpace(c.Name)
	if err := domain.CheckText(ErrInvalid, "name", name, 1, MaxTokenName); err != nil {
		return nil, err
	}
	if name == s.Tokens[i].Name {
		return nil, nil
	}
	return []Event{TokenRenamed{UserID: s.UserID, TokenID: c.TokenID, Name: name}}, nil
}

func revokeToken(s State, id uuid.UUID) ([]Event, error) {
	i := s.token(id)
	switch {
	case i < 0:
		return nil, ErrTokenNotFound
	case s.Tokens[i].Revoked:
		return nil, nil
	}
	return []Event{TokenRevoked{TokenID: id}}, nil
}

// token gives the index of a token, or -1.
func (s State) token(id uuid.UUID) int {
	return slices.IndexFunc(s.Tokens, func(t Token) bool { return t.ID == id })
}

func (s State) usableTokens(now time.Time) int {
	count := 0
	for _, t := range s.Tokens {
		if t.Usable(now) {
			count++
		}
	}
	return count
}

// withToken changes one token in a copy, so that no earlier State changes with it.
func (s State) withToken(id uuid.UUID, change func(*Token)) []Token {
	tokens := slices.Clone(s.Tokens)
	if i := s.token(id); i >= 0 {
		change(&tokens[i])
	}
	return tokens
}
