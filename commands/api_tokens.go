package commands

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

// APITokenMark begins every API token, and no other kind of token.
const APITokenMark = "ai_"

// How long an API token lives, in days.
const (
	MinTokenDays     = 1
	MaxTokenDays     = 365
	DefaultTokenDays = 365
)

// ErrTokenLife is the answer to whoever asks for an API token that lives too long or not at all.
var ErrTokenLife = &domain.Error{
	Kind: domain.Invalid, Code: "expires_in_days_invalid", Field: "expires_in_days",
	Message: "A token lives between 1 and 365 days.",
}

// tokenPrefix tells people, and whoever scans for leaked tokens, where a token is good.
func tokenPrefix(environment string) string {
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) && r <= unicode.MaxASCII {
			return unicode.ToLower(r)
		}
		return -1
	}, environment)
	return APITokenMark + letters[:min(3, len(letters))] + "_"
}

// CreateToken gives the actor's programs a way to sign in. It answers the token, once, and the user's stream; a repeated
// command, whose first answer was lost, the same token, which lives as long as the first time said. Errors: ErrTokenLife, domain.ErrForbidden, user.ErrInvalid, user.ErrTooManyTokens, user.ErrTokenExists, user.ErrInactive,
// ErrBusy.
func (a Accounts) CreateToken(ctx context.Context, r Request, id uuid.UUID, name string, days int) (token string, _ eventstore.Stream, err error) {
	if days < MinTokenDays || days > MaxTokenDays {
		return "", eventstore.Stream{}, ErrTokenLife
	}
	secret := a.secrets.Secret("API token", r.Org.String(), r.By.User.String(), id.String(), name, strconv.Itoa(days))
	token, now := a.prefix+text.EncodeToString(secret[:]), a.now()
	stream, err := a.change(ctx, r, r.By.User, user.CreateToken{
		TokenID: id, Name: name, Hash: HashToken(token), ExpiresAt: now.Add(time.Duration(days) * 24 * time.Hour), Now: now, By: r.By,
	})
	if err != nil {
		return "", eventstore.Stream{}, err
	}
	return token, stream, nil
}

// RenameToken gives one of the actor's tokens another name. Errors: user.ErrTokenNotFound, user.ErrInvalid,
// user.ErrInactive, ErrBusy.
func (a Accounts) RenameToken(ctx context.Context, r Request, id uuid.UUID, name string) (eventstore.Stream, error) {
	return a.change(ctx, r, r.By.User, user.RenameToken{TokenID: id, Name: name, By: r.By})
}

// RevokeToken ends one of the actor's tokens. Errors: user.ErrTokenNotFound, user.ErrInactive, ErrBusy.
func (a Accounts) RevokeToken(ctx context.Context, r Request, id uuid.UUID) (eventstore.Stream, error) {
	return a.change(ctx, r, r.By.User, user.RevokeToken{TokenID: id, By: r.By})
}
