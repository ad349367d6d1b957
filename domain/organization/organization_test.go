package organization_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/organization"
)

var (
	ann = domain.UserID{UUID: uuid.UUID{15: 1}}
	bob = domain.UserID{UUID: uuid.UUID{15: 2}}

	founded  = organization.Founded{Name: "Acme", FoundedBy: ann}
	annAdmin = organization.AdminAdded{UserID: ann}
	bobAdmin = organization.AdminAdded{UserID: bob}
	acme     = []organization.Event{founded, annAdmin}
)

func as(role domain.Role) domain.Actor {
	return domain.Actor{Type: domain.ByUser, User: ann, Role: role}
}

func TestOrganization(t *testing.T) {
	t.Parallel()
	found := organization.Found{Name: "  Acme ", FoundedBy: ann}
	rename := organization.Rename{Name: " Globex\n", By: as(domain.Admin)}
	both := append(acme[:2:2], bobAdmin)
	for _, s := range []struct {
		name    string
		given   []organization.Event
		when    organization.Command
		then    []organization.Event
		refused error
	}{
		{name: "founding makes the founder an admin", when: found, then: acme},
		{name: "found again", given: acme, when: found},
		{name: "found another's organization", given: acme, when: organization.Found{Name: "Acme", FoundedBy: bob}, refused: organization.ErrExists},
		{name: "found without a name", when: organization.Found{Name: " \t", FoundedBy: ann}, refused: organization.ErrInvalid},

		{name: "rename", given: acme, when: rename, then: []organization.Event{organization.Renamed{Name: "Globex", By: ann}}},
		{name: "rename by the system", given: acme, when: organization.Rename{Name: "Globex", By: domain.System}, then: []organization.Event{organization.Renamed{Name: "Globex"}}},
		{name: "rename to the same name", given: acme, when: organization.Rename{Name: "Acme ", By: as(domain.Admin)}},
		{name: "rename to nothing", given: acme, when: organization.Rename{By: as(domain.Admin)}, refused: organization.ErrInvalid},
		{name: "rename by support", given: acme, when: organization.Rename{Name: "Globex", By: as(domain.Support)}, refused: domain.ErrForbidden},
		{name: "rename by a member", given: acme, when: organization.Rename{Name: "Globex", By: as(domain.Member)}, refused: domain.ErrForbidden},
		{name: "rename by an auditor", given: acme, when: organization.Rename{Name: "Globex", By: as(domain.Auditor)}, refused: domain.ErrForbidden},
		{name: "rename nothing", when: rename, refused: organization.ErrNotFound},

		{name: "add an admin", given: acme, when: organization.AddAdmin{UserID: bob}, then: []organization.Event{bobAdmin}},
		{name: "add an admin again", given: acme, when: organization.AddAdmin{UserID: ann}},
		{name: "add an admin to nothing", when: organization.AddAdmin{UserID: ann}, refused: organization.ErrNotFound},

		{name: "remove an admin", given: both, when: organization.RemoveAdmin{UserID: ann}, then: []organization.Event{organization.AdminRemoved{UserID: ann}}},
		{name: "remove somebody who is no admin", given: acme, when: organization.RemoveAdmin{UserID: bob}},
		{name: "remove the last admin", given: acme, when: organization.RemoveAdmin{UserID: ann}, refused: organization.ErrLastAdmin},
		{name: "remove the last of two admins", given: append(both[:3:3], organization.AdminRemoved{UserID: ann}), when: organization.RemoveAdmin{UserID: bob}, refused: organization.ErrLastAdmin},
		{name: "remove an admin from nothing", when: organization.RemoveAdmin{UserID: ann}, refused: organization.ErrNotFound},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, organization.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		typed string
		ok    bool
	}{
		"one character":                    {"A", true},
		"200 characters, more bytes":       {strings.Repeat("é", organization.MaxName), true},
		"200 characters and blanks around": {" " + strings.Repeat("x", organization.MaxName) + " ", true},
		"201 characters":                   {strings.Repeat("x", organization.MaxName+1), false},
		"nothing":                          {"", false},
		"NUL":                              {"A\x00B", false},
		"broken UTF-8":                     {"A\xff", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := organization.Decide(organization.State{}, organization.Found{Name: c.typed, FoundedBy: ann})
			if c.ok {
				require.NoError(t, err)
				return
			}
			refusal, ok := errors.AsType[*domain.Error](err)
			require.True(t, ok)
			require.Equal(t, "name", refusal.Field)
			require.ErrorIs(t, err, organization.ErrInvalid)
		})
	}
}

func TestAFactLeavesEarlierStatesAsTheyWere(t *testing.T) {
	t.Parallel()
	before := organization.Decider.Fold(organization.State{}, acme...)
	organization.Decider.Fold(before, bobAdmin, organization.AdminRemoved{UserID: ann}, organization.Renamed{Name: "Globex"})
	require.Equal(t, organization.State{
		Exists: true, Name: "Acme", FoundedBy: ann, Admins: map[domain.UserID]struct{}{ann: {}},
	}, before)
}

func TestAnUnknownCommandIsABug(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { _, _ = organization.Decide(organization.State{}, nil) })
}

// commands gives generators of its own to each test, because rapid's are not safe to share between parallel ones.
func commands() *rapid.Generator[organization.Command] {
	users := rapid.SampledFrom([]domain.UserID{ann, bob, {UUID: uuid.UUID{15: 3}}})
	names := rapid.OneOf(rapid.SampledFrom([]string{"", "Acme", " Acme ", "Globex"}), rapid.String())
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) organization.Command {
			return organization.Found{Name: names.Draw(t, "name"), FoundedBy: users.Draw(t, "founder")}
		}),
		rapid.Custom(func(t *rapid.T) organization.Command {
			return organization.Rename{Name: names.Draw(t, "name"), By: as(rapid.SampledFrom(domain.Roles).Draw(t, "role"))}
		}),
		rapid.Map(users, func(u domain.UserID) organization.Command { return organization.AddAdmin{UserID: u} }),
		rapid.Map(users, func(u domain.UserID) organization.Command { return organization.RemoveAdmin{UserID: u} }),
	)
}

func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, organization.Decider, commands(), domaintest.Never)
}

func TestAnOrganizationAlwaysHasAnAdmin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s organization.State
		for _, c := range rapid.SliceOf(commands()).Draw(t, "commands") {
			events, _ := organization.Decide(s, c)
			s = organization.Decider.Fold(s, events...)
			require.Equal(t, s.Exists, len(s.Admins) > 0)
		}
	})
}
