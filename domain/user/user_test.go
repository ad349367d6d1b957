package user_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/user"
)

var (
	ann  = domain.UserID{UUID: uuid.UUID{15: 1}}
	boss = domain.UserID{UUID: uuid.UUID{15: 2}}
	now  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	week = now.Add(7 * 24 * time.Hour)

	self  = domain.Actor{Type: domain.ByUser, User: ann, Role: domain.Member}
	admin = domain.Actor{Type: domain.ByUser, User: boss, Role: domain.Admin}

	registered = user.Registered{
		UserID: ann, Username: "ann", Email: "Ann@example.org", FullName: "Ann Lee", PasswordHash: "secret", Role: domain.Member,
	}
	invited = user.Invited{
		UserID: ann, Email: "ann@example.org", Role: domain.Support, TokenHash: "hash", ExpiresAt: week, InvitedBy: boss,
	}
	joined = user.Joined{UserID: ann, Username: "ann", FullName: "Ann Lee", PasswordHash: "secret"}

	active     = history{registered}
	pending    = history{invited}
	accepted   = history{invited, joined}
	lockedOut  = history{registered, user.Deactivated{}}
	gone       = history{registered, user.Removed{}}
	withdrawn  = history{invited, user.Removed{}}
	register   = user.Register{UserID: ann, Username: " ann ", Email: "Ann@example.org ", FullName: " Ann Lee", PasswordHash: "secret", Role: domain.Member}
	invite     = user.Invite{UserID: ann, Email: " ann@example.org", Role: domain.Support, TokenHash: "hash", ExpiresAt: week, By: admin}
	join       = user.Join{Username: "ann ", FullName: " Ann Lee", PasswordHash: "secret", TokenHash: "hash", Now: now}
	nonMembers = map[string]history{"nobody": nil, "a removed person": gone}
)

type history []user.Event

type scenario struct {
	name    string
	given   history
	when    user.Command
	then    history
	refused error
}

func run(t *testing.T, scenarios []scenario) {
	t.Helper()
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, user.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	byEmail := register
	byEmail.Username, byEmail.Email = "", "o'hara@example.org"
	otherPassword, otherRole, noRole, noName := register, register, register, register
	otherPassword.PasswordHash = "guess"
	otherRole.Role = domain.Admin
	noRole.Role = "owner"
	noName.Username, noName.Email = "", ""
	run(t, []scenario{
		{name: "a new person", when: register, then: active},
		{name: "without a username", when: byEmail, then: history{user.Registered{
			UserID: ann, Username: "o'hara@example.org", Email: "o'hara@example.org", FullName: "Ann Lee", PasswordHash: "secret", Role: domain.Member,
		}}},
		{name: "again", given: active, when: register},
		{name: "again with another password", given: active, when: otherPassword, refused: user.ErrExists},
		{name: "again with another role", given: active, when: otherRole, refused: user.ErrExists},
		{name: "over an invitation", given: pending, when: register, refused: user.ErrExists},
		{name: "over a removed person", given: gone, when: register, refused: user.ErrExists},
		{name: "with a role there is none of", when: noRole, refused: user.ErrInvalid},
		{name: "without any name", when: noName, refused: user.ErrInvalid},
	})
}

func TestInvite(t *testing.T) {
	t.Parallel()
	bySystem, bySupport, otherToken, noEmail, badEmail, noRole, noToken := invite, invite, invite, invite, invite, invite, invite
	bySystem.By = domain.System
	bySupport.By.Role = domain.Support
	otherToken.TokenHash = "other"
	noEmail.Email = " "
	badEmail.Email = "ann"
	noRole.Role = ""
	noToken.TokenHash = ""
	anonymous := invited
	anonymous.InvitedBy = domain.UserID{}
	run(t, []scenario{
		{name: "a new person", when: invite, then: pending},
		{name: "by the system", when: bySystem, then: history{anonymous}},
		{name: "by support", when: bySupport, refused: domain.ErrForbidden},
		{name: "again", given: pending, when: invite},
		{name: "again with another token", given: pending, when: otherToken, refused: user.ErrExists},
		{name: "somebody who has joined", given: accepted, when: invite, refused: user.ErrExists},
		{name: "somebody who was removed", given: withdrawn, when: invite, refused: user.ErrExists},
		{name: "without an email address", when: noEmail, refused: user.ErrInvalid},
		{name: "with what is no email address", when: badEmail, refused: user.ErrInvalid},
		{name: "with a role there is none of", when: noRole, refused: user.ErrInvalid},
		{name: "without a token", when: noToken, refused: user.ErrInvalid},
	})
}

func TestJoin(t *testing.T) {
	t.Parallel()
	byEmail, late, lastMoment, otherToken, noToken, otherPassword, badName := join, join, join, join, join, join, join
	byEmail.Username = ""
	late.Now = week
	lastMoment.Now = week.Add(-1)
	otherToken.TokenHash = "other"
	noToken.TokenHash = ""
	otherPassword.PasswordHash = "guess"
	badName.Username = "a n n"
	run(t, []scenario{
		{name: "accepts the invitation", given: pending, when: join, then: history{joined}},
		{name: "without a username", given: pending, when: byEmail, then: history{user.Joined{
			UserID: ann, Username: "ann@example.org", FullName: "Ann Lee", PasswordHash: "secret",
		}}},
		{name: "at the last moment", given: pending, when: lastMoment, then: history{joined}},
		{name: "too late", given: pending, when: late, refused: user.ErrInvitation},
		{name: "again", given: accepted, when: join},
		{name: "again with another password", given: accepted, when: otherPassword, refused: user.ErrInvitation},
		{name: "with another token", given: pending, when: otherToken, refused: user.ErrInvitation},
		{name: "without a token where none was sent", given: active, when: noToken, refused: user.ErrInvitation},
		{name: "nothing", when: join, refused: user.ErrInvitation},
		{name: "after the invitation was withdrawn", given: withdrawn, when: join, refused: user.ErrInvitation},
		{name: "after being locked out", given: append(accepted[:2:2], user.Deactivated{}), when: join, refused: user.ErrInvitation},
		{name: "with a bad username", given: pending, when: badName, refused: user.ErrInvalid},
	})
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{name: "one's own", given: active, when: user.ChangePassword{PasswordHash: "better", By: self}, then: history{
			user.PasswordChanged{UserID: ann, PasswordHash: "better"},
		}},
		{name: "to the same", given: active, when: user.ChangePassword{PasswordHash: "secret", By: self}},
	})
}

func TestManagingMembers(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{name: "change the role", given: active, when: user.ChangeRole{Role: domain.Auditor, By: admin}, then: history{user.RoleChanged{From: domain.Member, To: domain.Auditor}}},
		{name: "change the role of somebody invited", given: pending, when: user.ChangeRole{Role: domain.Member, By: admin}, then: history{user.RoleChanged{From: domain.Support, To: domain.Member}}},
		{name: "change the role to the same", given: active, when: user.ChangeRole{Role: domain.Member, By: admin}},
		{name: "change the role to none", given: active, when: user.ChangeRole{By: admin}, refused: user.ErrInvalid},

		{name: "deactivate", given: active, when: user.Deactivate{By: admin}, then: history{user.Deactivated{}}},
		{name: "deactivate again", given: lockedOut, when: user.Deactivate{By: admin}},
		{name: "deactivate somebody invited", given: pending, when: user.Deactivate{By: admin}, refused: user.ErrNotJoined},
		{name: "reactivate", given: lockedOut, when: user.Reactivate{By: admin}, then: history{user.Reactivated{}}},
		{name: "reactivate again", given: append(lockedOut[:2:2], user.Reactivated{}), when: user.Reactivate{By: admin}},
		{name: "reactivate somebody invited", given: pending, when: user.Reactivate{By: admin}, refused: user.ErrNotJoined},

		{name: "remove", given: active, when: user.Remove{By: admin}, then: history{user.Removed{}}},
		{name: "remove somebody locked out", given: lockedOut, when: user.Remove{By: admin}, then: history{user.Removed{}}},
		{name: "withdraw an invitation", given: pending, when: user.Remove{By: admin}, then: history{user.Removed{}}},
		{name: "remove again", given: gone, when: user.Remove{By: admin}},
		{name: "remove again without the permission", given: gone, when: user.Remove{By: self}, refused: user.ErrNotFound},
		{name: "remove nobody", when: user.Remove{By: admin}, refused: user.ErrNotFound},
	})
}

func TestOnlyAdminsManageMembers(t *testing.T) {
	t.Parallel()
	commands := func(by domain.Actor) map[string]user.Command {
		return map[string]user.Command{
			"change the role": user.ChangeRole{Role: domain.Auditor, By: by},
			"deactivate":      user.Deactivate{By: by},
			"reactivate":      user.Reactivate{By: by},
			"remove":          user.Remove{By: by},
		}
	}
	var scenarios []scenario
	for _, role := range []domain.Role{domain.Support, domain.Member, domain.Auditor} {
		for name, c := range commands(domain.Actor{Type: domain.ByUser, User: ann, Role: role}) {
			scenarios = append(scenarios, scenario{name: name + " by " + string(role), given: active, when: c, refused: domain.ErrForbidden})
		}
	}
	for name, c := range commands(admin) {
		if name != "remove" {
			scenarios = append(scenarios,
				scenario{name: name + " nobody", when: c, refused: user.ErrNotFound},
				scenario{name: name + " a removed person", given: gone, when: c, refused: user.ErrNotFound})
		}
	}
	run(t, scenarios)
}

func TestWhatIsOnesOwn(t *testing.T) {
	t.Parallel()
	id, name := uuid.UUID{15: 9}, "Anna"
	commands := func(by domain.Actor) map[string]user.Command {
		return map[string]user.Command{
			"change the profile":  user.ChangeProfile{FullName: &name, By: by},
			"change the password": user.ChangePassword{PasswordHash: "better", By: by},
			"create a token":      user.CreateToken{TokenID: id, Name: "ci", Hash: "h", Now: now, ExpiresAt: week, By: by},
			"rename a token":      user.RenameToken{TokenID: laptop, Name: "ci", By: by},
			"revoke a token":      user.RevokeToken{TokenID: laptop, By: by},
		}
	}
	owner := history{registered, created}
	var scenarios []scenario
	for name, c := range commands(admin) {
		scenarios = append(scenarios, scenario{name: name + " of another, even as an admin", given: owner, when: c, refused: domain.ErrForbidden})
	}
	for name, c := range commands(self) {
		scenarios = append(scenarios, scenario{name: name + " when locked out", given: append(owner[:2:2], user.Deactivated{}), when: c, refused: user.ErrInactive})
		scenarios = append(scenarios, scenario{name: name + " before joining", given: pending, when: c, refused: user.ErrInactive})
		for who, given := range nonMembers {
			scenarios = append(scenarios, scenario{name: name + " of " + who, given: given, when: c, refused: user.ErrNotFound})
		}
	}
	run(t, scenarios)
	for name, c := range commands(domain.System) {
		t.Run(name+" by the system", func(t *testing.T) {
			t.Parallel()
			facts, err := user.Decide(user.Decider.Fold(user.State{}, owner...), c)
			require.NoError(t, err)
			require.Len(t, facts, 1)
		})
	}
}

func TestTheStateIsWhatSigningInNeeds(t *testing.T) {
	t.Parallel()
	name, preferences := "Anna", map[string]any{"theme": "dark"}
	s := user.Decider.Fold(
		user.State{}, invited, joined, user.RoleChanged{From: domain.Support, To: domain.Admin},
		user.ProfileChanged{UserID: ann, FullName: &name, Preferences: &preferences},
		user.PasswordChanged{UserID: ann, PasswordHash: "better"}, created,
	)
	require.Equal(t, user.State{
		Profile:      user.Profile{Username: "ann", Email: "ann@example.org", FullName: "Anna", Preferences: preferences},
		Status:       user.StatusActive,
		UserID:       ann,
		PasswordHash: "better",
		Role:         domain.Admin,
		Invitation:   user.Invitation{TokenHash: "hash", ExpiresAt: week},
		Tokens:       []user.Token{{ID: laptop, Name: "laptop", Hash: "hash-1", ExpiresAt: week}},
	}, s)
	require.Len(t, user.Decider.Fold(s, user.Deactivated{}).Tokens, 1, "checked at sign-in")
	require.Empty(t, user.Decider.Fold(s, user.Removed{}).Tokens)
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for status, present := range map[user.Status]bool{
		"": false, user.StatusInvited: true, user.StatusActive: true, user.StatusInactive: true, user.StatusRemoved: false,
	} {
		require.Equal(t, present, status.Present(), status)
	}
}

func TestAnUnknownCommandIsABug(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { _, _ = user.Decide(user.State{}, nil) })
}
