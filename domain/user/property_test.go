package user_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/user"
)

// commands gives generators of its own to each test, because rapid's are not safe to share between parallel ones.
func commands() *rapid.Generator[user.Command] {
	texts := rapid.OneOf(rapid.SampledFrom([]string{"", " ", "ann", "Ann ", "bob@example.org", "o'hara@example.org"}), rapid.String())
	actors := rapid.SampledFrom([]domain.Actor{self, admin, domain.System, {Type: domain.ByAPIToken, User: ann, Role: domain.Admin}})
	roles := rapid.SampledFrom([]domain.Role{domain.Admin, domain.Support, domain.Member, domain.Auditor, "owner"})
	hashes := rapid.SampledFrom([]string{"", "hash", "secret", "better"})
	times := rapid.SampledFrom([]time.Time{now, now.Add(time.Hour), week, week.Add(time.Hour)})
	tokenIDs := rapid.SampledFrom([]uuid.UUID{laptop, phone, {15: 5}})
	maybe := rapid.Ptr(texts, true)
	someJSON := rapid.MapOf(texts, rapid.OneOf(rapid.Just[any](nil), rapid.Map(texts, func(s string) any { return s }), rapid.Just[any](1.5)))
	maybeJSON := rapid.Ptr(rapid.OneOf(rapid.Just[map[string]any](nil), someJSON), true)
	return rapid.OneOf(
		rapid.SampledFrom([]user.Command{register, invite, join}),
		rapid.Custom(func(t *rapid.T) user.Command {
			return user.Register{
				UserID: ann, Username: texts.Draw(t, "username"), Email: texts.Draw(t, "email"), FullName: texts.Draw(t, "name"),
				PasswordHash: hashes.Draw(t, "password"), Role: roles.Draw(t, "role"),
			}
		}),
		rapid.Custom(func(t *rapid.T) user.Command {
			return user.Invite{
				UserID: ann, Email: texts.Draw(t, "email"), Role: roles.Draw(t, "role"), TokenHash: hashes.Draw(t, "token"),
				ExpiresAt: times.Draw(t, "expires"), By: actors.Draw(t, "by"),
			}
		}),
		rapid.Custom(func(t *rapid.T) user.Command {
			return user.Join{
				Username: texts.Draw(t, "username"), FullName: texts.Draw(t, "name"), PasswordHash: hashes.Draw(t, "password"),
				TokenHash: hashes.Draw(t, "token"), Now: times.Draw(t, "now"),
			}
		}),
		rapid.Custom(func(t *rapid.T) user.Command {
			return user.ChangeProfile{
				Username: maybe.Draw(t, "username"), Email: maybe.Draw(t, "email"), FullName: maybe.Draw(t, "name"),
				Preferences: maybeJSON.Draw(t, "preferences"), By: actors.Draw(t, "by"),
			}
		}),
		rapid.Custom(func(t *rapid.T) user.Command {
			return user.ChangePassword{PasswordHash: hashes.Draw(t, "password"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) user.Command {
			return user.ChangeRole{Role: roles.Draw(t, "role"), By: actors.Draw(t, "by")}
		}),
		rapid.Map(actors, func(by domain.Actor) user.Command { return user.Deactivate{By: by} }),
		rapid.Map(actors, func(by domain.Actor) user.Command { return user.Reactivate{By: by} }),
		rapid.Map(actors, func(by domain.Actor) user.Command { return user.Remove{By: by} }),
		rapid.Map(actors, func(by domain.Actor) user.Command { return user.Erase{By: by} }),
		rapid.Map(actors, func(by domain.Actor) user.Command { return user.FinishErasure{Report: user.Erased{Tickets: 1}, By: by} }),
		rapid.Custom(func(t *rapid.T) user.Command {
			return user.CreateToken{
				TokenID: tokenIDs.Draw(t, "id"), Name: texts.Draw(t, "name"), Hash: hashes.Draw(t, "hash"),
				ExpiresAt: times.Draw(t, "expires"), Now: times.Draw(t, "now"), By: actors.Draw(t, "by"),
			}
		}),
		rapid.Custom(func(t *rapid.T) user.Command {
			return user.RenameToken{TokenID: tokenIDs.Draw(t, "id"), Name: texts.Draw(t, "name"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) user.Command {
			return user.RevokeToken{TokenID: tokenIDs.Draw(t, "id"), By: actors.Draw(t, "by")}
		}),
	)
}

func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, user.Decider, commands(), domaintest.Never)
}

// Whatever people ask for, whoever has joined has a name to sign in with.
func TestWhoeverHasJoinedHasAName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s user.State
		for _, c := range rapid.SliceOf(commands()).Draw(t, "commands") {
			facts, _ := user.Decide(s, c)
			s = user.Decider.Fold(s, facts...)
			if s.Status == user.StatusActive || s.Status == user.StatusInactive {
				require.NotEmpty(t, s.Username)
			}
		}
	})
}
