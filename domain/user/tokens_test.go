package user_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/user"
)

var (
	laptop  = uuid.UUID{15: 3}
	phone   = uuid.UUID{15: 4}
	created = user.TokenCreated{UserID: ann, TokenID: laptop, Name: "laptop", Hash: "hash-1", ExpiresAt: week}
	revoked = user.TokenRevoked{TokenID: laptop}
	owner   = history{registered, created}
)

func create(change func(*user.CreateToken)) user.CreateToken {
	c := user.CreateToken{TokenID: laptop, Name: " laptop ", Hash: "hash-1", ExpiresAt: week, Now: now, By: self}
	change(&c)
	return c
}

func living(life time.Duration) user.CreateToken {
	return create(func(c *user.CreateToken) { c.ExpiresAt = now.Add(life) })
}

func created1(life time.Duration) history {
	c := created
	c.ExpiresAt = now.Add(life)
	return history{c}
}

func TestCreateToken(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	as := func(role domain.Role) user.CreateToken {
		return create(func(c *user.CreateToken) { c.By.Role = role })
	}
	run(t, []scenario{
		{name: "as an admin", given: active, when: as(domain.Admin), then: history{created}},
		{name: "as support", given: active, when: as(domain.Support), then: history{created}},
		{name: "as a member", given: active, when: as(domain.Member), then: history{created}},
		{name: "as an auditor", given: active, when: as(domain.Auditor), then: history{created}},
		{name: "without a role", given: active, when: as(""), refused: domain.ErrForbidden},

		{name: "again", given: owner, when: living(7 * day)},
		{name: "again after it was renamed", given: append(owner[:2:2], user.TokenRenamed{UserID: ann, TokenID: laptop, Name: "pc"}), when: living(7 * day)},
		{name: "again after it was revoked", given: append(owner[:2:2], revoked), when: living(7 * day)},
		{name: "with the id of another", given: owner, when: create(func(c *user.CreateToken) { c.Hash = "hash-2" }), refused: user.ErrTokenExists},

		{name: "for a day", given: active, when: living(day), then: created1(day)},
		{name: "for a day, asked a moment ago", given: active, when: living(day - time.Minute), then: created1(day - time.Minute)},
		{name: "for a year", given: active, when: living(365 * day), then: created1(365 * day)},
		{name: "for less than a day", given: active, when: living(day - 2*time.Minute), refused: user.ErrInvalid},
		{name: "for more than a year", given: active, when: living(365*day + 2*time.Minute), refused: user.ErrInvalid},
		{name: "for no time at all", given: active, when: create(func(c *user.CreateToken) { c.ExpiresAt = time.Time{} }), refused: user.ErrInvalid},

		{name: "without a name", given: active, when: create(func(c *user.CreateToken) { c.Name = " " }), refused: user.ErrInvalid},
		{name: "with a name of 101 characters", given: active, when: create(func(c *user.CreateToken) { c.Name = strings.Repeat("x", 101) }), refused: user.ErrInvalid},
	})
}

func TestTenTokensAreTheMost(t *testing.T) {
	t.Parallel()
	nine, ten := tokens(9), tokens(10)
	late := create(func(c *user.CreateToken) { c.Now, c.ExpiresAt = week, week.Add(7*24*time.Hour) })
	fresh := created
	fresh.ExpiresAt = late.ExpiresAt
	run(t, []scenario{
		{name: "the tenth", given: nine, when: create(func(*user.CreateToken) {}), then: history{created}},
		{name: "the eleventh", given: ten, when: create(func(*user.CreateToken) {}), refused: user.ErrTooManyTokens},
		{name: "one for a revoked one", given: append(ten[:11:11], user.TokenRevoked{TokenID: uuid.UUID{14: 1}}), when: create(func(*user.CreateToken) {}), then: history{created}},
		{name: "one for those that have expired", given: ten, when: late, then: history{fresh}},
	})
}

// tokens is a person with that many tokens.
func tokens(count byte) history {
	h := history{registered}
	for n := range count {
		h = append(h, user.TokenCreated{UserID: ann, TokenID: uuid.UUID{14: n + 1}, Name: "t", Hash: fmt.Sprint(n), ExpiresAt: week})
	}
	return h
}

func TestRenameToken(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{name: "to another name", given: owner, when: user.RenameToken{TokenID: laptop, Name: " pc ", By: self}, then: history{user.TokenRenamed{UserID: ann, TokenID: laptop, Name: "pc"}}},
		{name: "to the same name", given: owner, when: user.RenameToken{TokenID: laptop, Name: "laptop ", By: self}},
		{name: "to nothing", given: owner, when: user.RenameToken{TokenID: laptop, By: self}, refused: user.ErrInvalid},
		{name: "one there is none of", given: owner, when: user.RenameToken{TokenID: phone, Name: "pc", By: self}, refused: user.ErrTokenNotFound},
		{name: "a revoked one", given: append(owner[:2:2], revoked), when: user.RenameToken{TokenID: laptop, Name: "pc", By: self}, refused: user.ErrTokenNotFound},
	})
}

func TestRevokeToken(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{name: "one's own", given: owner, when: user.RevokeToken{TokenID: laptop, By: self}, then: history{revoked}},
		{name: "again", given: append(owner[:2:2], revoked), when: user.RevokeToken{TokenID: laptop, By: self}},
		{name: "one there is none of", given: owner, when: user.RevokeToken{TokenID: phone, By: self}, refused: user.ErrTokenNotFound},
	})
}

func TestATokenIsUsableUntilItExpiresOrIsRevoked(t *testing.T) {
	t.Parallel()
	token := user.Token{ExpiresAt: week}
	require.True(t, token.Usable(now))
	require.True(t, token.Usable(week.Add(-1)))
	require.False(t, token.Usable(week))
	token.Revoked = true
	require.False(t, token.Usable(now))
}

func TestAFactLeavesEarlierStatesAsTheyWere(t *testing.T) {
	t.Parallel()
	before := user.Decider.Fold(user.State{}, owner...)
	user.Decider.Fold(before, user.TokenRenamed{TokenID: laptop, Name: "pc"}, revoked)
	require.Equal(t, []user.Token{{ID: laptop, Name: "laptop", Hash: "hash-1", ExpiresAt: week}}, before.Tokens)
}
