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

func budget(month string, level organization.BudgetLevel, by domain.Actor) organization.NoteBudget {
	return organization.NoteBudget{Month: month, Level: level, Spent: 8, Budget: 10, By: by}
}

func spent(month string, level organization.BudgetLevel) organization.BudgetReached {
	return organization.BudgetReached{Month: month, Level: level, Spent: 8, Budget: 10}
}

func TestOrganization(t *testing.T) {
	t.Parallel()
	found := organization.Found{Name: "  Acme ", FoundedBy: ann}
	rename := organization.Edit{Name: new(" Globex\n"), By: as(domain.Admin)}
	both := append(acme[:2:2], bobAdmin)
	year := organization.RetentionSet{Days: 365}
	ruled := append(acme[:2:2], year)
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
		{name: "rename by the system", given: acme, when: organization.Edit{Name: new("Globex"), By: domain.System}, then: []organization.Event{organization.Renamed{Name: "Globex"}}},
		{name: "rename to the same name", given: acme, when: organization.Edit{Name: new("Acme "), By: as(domain.Admin)}},
		{name: "rename to nothing", given: acme, when: organization.Edit{Name: new(""), By: as(domain.Admin)}, refused: organization.ErrInvalid},
		{name: "rename by support", given: acme, when: organization.Edit{Name: new("Globex"), By: as(domain.Support)}, refused: domain.ErrForbidden},
		{name: "rename by a member", given: acme, when: organization.Edit{Name: new("Globex"), By: as(domain.Member)}, refused: domain.ErrForbidden},
		{name: "rename by an auditor", given: acme, when: organization.Edit{Name: new("Globex"), By: as(domain.Auditor)}, refused: domain.ErrForbidden},
		{name: "rename nothing", when: rename, refused: organization.ErrNotFound},
		{name: "most of a budget is spent", given: acme, when: budget("2026-11", organization.BudgetAlert, domain.System), then: []organization.Event{spent("2026-11", organization.BudgetAlert)}},
		{name: "that is told twice", given: append(acme[:2:2], spent("2026-11", organization.BudgetAlert)), when: budget("2026-11", organization.BudgetAlert, domain.System)},
		{name: "then all of it", given: append(acme[:2:2], spent("2026-11", organization.BudgetAlert)), when: budget("2026-11", organization.BudgetStop, domain.System), then: []organization.Event{spent("2026-11", organization.BudgetStop)}},
		{name: "most of it is no news then", given: append(acme[:2:2], spent("2026-11", organization.BudgetStop)), when: budget("2026-11", organization.BudgetAlert, domain.System)},
		{name: "all of it is told twice", given: append(acme[:2:2], spent("2026-11", organization.BudgetStop)), when: budget("2026-11", organization.BudgetStop, domain.System)},
		{name: "another month's", given: append(acme[:2:2], spent("2026-11", organization.BudgetStop)), when: budget("2026-12", organization.BudgetAlert, domain.System), then: []organization.Event{spent("2026-12", organization.BudgetAlert)}},
		{name: "a month's that is over", given: append(acme[:2:2], spent("2026-11", organization.BudgetAlert)), when: budget("2026-10", organization.BudgetStop, domain.System)},
		{name: "a budget by an admin", given: acme, when: budget("2026-11", organization.BudgetAlert, as(domain.Admin)), refused: domain.ErrForbidden},
		{name: "a budget of nothing", when: budget("2026-11", organization.BudgetAlert, domain.System), refused: organization.ErrNotFound},

		{name: "edit nothing", given: acme, when: organization.Edit{By: as(domain.Admin)}},

		{name: "keep words for a year", given: acme, when: organization.Edit{Retention: new(365), By: as(domain.Admin)}, then: []organization.Event{year}},
		{name: "keep words for a year again", given: ruled, when: organization.Edit{Retention: new(365), By: as(domain.Admin)}},
		{name: "keep words for ever", given: ruled, when: organization.Edit{Retention: new(0), By: as(domain.Admin)}, then: []organization.Event{organization.RetentionSet{}}},
		{name: "rename and keep words for a year", given: acme, when: organization.Edit{Name: new("Globex"), Retention: new(365), By: as(domain.Admin)}, then: []organization.Event{organization.Renamed{Name: "Globex", By: ann}, year}},
		{name: "keep words for less than nothing", given: acme, when: organization.Edit{Retention: new(-1), By: as(domain.Admin)}, refused: organization.ErrInvalid},
		{name: "keep words for too long", given: acme, when: organization.Edit{Retention: new(organization.MaxRetention + 1), By: as(domain.Admin)}, refused: organization.ErrInvalid},
		{name: "a rule by support", given: acme, when: organization.Edit{Retention: new(1), By: as(domain.Support)}, refused: domain.ErrForbidden},

		{name: "erase words", given: acme, when: organization.EraseWords{Of: ann, By: domain.System}, then: []organization.Event{organization.WordsErased{Of: ann}}},
		{name: "erase words again", given: append(acme[:2:2], organization.WordsErased{Of: bob}, organization.WordsErased{Of: ann}), when: organization.EraseWords{Of: bob, By: domain.System}},
		{name: "erase words of nothing", when: organization.EraseWords{Of: ann, By: domain.System}, refused: organization.ErrNotFound},
		{name: "erase words as an admin", given: acme, when: organization.EraseWords{Of: ann, By: as(domain.Admin)}, refused: domain.ErrForbidden},

		{name: "add an admin", given: acme, when: organization.AddAdmin{UserID: bob}, then: []organization.Event{bobAdmin}},
		{name: "add an admin again", given: acme, when: organization.AddAdmin{UserID: ann}},
		{name: "add an admin to nothing", when: organization.AddAdmin{UserID: ann}, refused: organization.ErrNotFound},

		{name: "remove an admin", given: both, when: organization.RemoveAdmin{UserID: ann}, then: []organization.Event{organization.AdminRemoved{UserID: ann}}},
		{name: "remove somebody who is no admin", given: acme, when: organization.RemoveAdmin{UserID: bob}},
		{name: "remove the last admin", given: acme, when: organization.RemoveAdmin{UserID: ann}, refused: organization.ErrLastAdmin},
		{name: "remove the last admin, who is alone", given: acme, when: organization.RemoveAdmin{UserID: ann, Alone: true}, then: []organization.Event{organization.AdminRemoved{UserID: ann}}},
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
			return organization.Edit{
				Name: rapid.Ptr(names, true).Draw(t, "name"), Retention: rapid.Ptr(rapid.IntRange(-1, 3), true).Draw(t, "days"),
				By: as(rapid.SampledFrom(domain.Roles).Draw(t, "role")),
			}
		}),
		rapid.Map(users, func(u domain.UserID) organization.Command { return organization.AddAdmin{UserID: u} }),
		rapid.Map(users, func(u domain.UserID) organization.Command { return organization.RemoveAdmin{UserID: u} }),
		rapid.Map(users, func(u domain.UserID) organization.Command { return organization.EraseWords{Of: u, By: domain.System} }),
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
