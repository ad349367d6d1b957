package commands_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/login"
	"ticketd/domain/organization"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

func TestRegisterFoundsAnOrganizationAndClaimsTheNames(t *testing.T) {
	t.Parallel()
	w, id := newTown(t), newUserID()
	stream, err := w.Register(t.Context(), commands.Request{Correlation: "c"}, commands.Registration{
		UserID: id, Username: "Ann", Email: "Ann@Example.org", Password: password, FullName: "Ann Example", OrganizationName: "Acme",
	})
	require.NoError(t, err)
	require.Equal(t, id.UUID, stream.ID)
	ann := someone{id: id, org: domain.OrgID{UUID: stream.Org}}

	state := w.user(ann)
	require.Equal(t, user.StatusActive, state.Status)
	require.Equal(t, domain.Admin, state.Role)
	require.Equal(t, "Ann@Example.org", state.Email)
	require.NotEqual(t, password, state.PasswordHash)
	require.Equal(t, id, w.owner("ann"))
	require.Equal(t, id, w.owner("ann@example.org"))

	org := w.organization(ann.org)
	require.Equal(t, "Acme", org.Name)
	require.Equal(t, []domain.UserID{id}, w.admins(ann.org))
	require.NotEqual(t, id.UUID, ann.org.UUID)

	made := stream.Events[0].Metadata
	require.Equal(t, eventstore.Metadata{
		Actor: eventstore.Actor{Type: "user", ID: id.UUID}, Command: "user.Register", CorrelationID: "c",
	}, made)
}

func TestAPersonalOrganizationIsNamedAfterItsFounder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ username, email, fullName, then string }{
		"full name": {"ann", "", "Ann Example", "Ann Example's organization"},
		"username":  {"ann", "ann@example.org", "", "ann's organization"},
		"email":     {"", "ann@example.org", "", "ann@example.org's organization"},
		"very long": {"ann", "", strings.Repeat("é", user.MaxFullName), strings.Repeat("é", organization.MaxName-15) + "'s organization"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			stream, err := w.Register(t.Context(), commands.Request{}, commands.Registration{
				UserID: newUserID(), Username: c.username, Email: c.email, FullName: c.fullName, Password: password,
			})
			require.NoError(t, err)
			require.Equal(t, c.then, w.organization(domain.OrgID{UUID: stream.Org}).Name)
		})
	}
}

func TestRegisterRefusals(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.register("taken", "taken@example.org")
	before := w.head()
	for name, c := range map[string]struct {
		in      commands.Registration
		refusal *domain.Error
		field   string
	}{
		"short password":      {commands.Registration{Username: "ann", Password: "1234567"}, commands.ErrPassword, "password"},
		"long password":       {commands.Registration{Username: "ann", Password: strings.Repeat("x", 257)}, commands.ErrPassword, "password"},
		"no name":             {commands.Registration{Password: password}, user.ErrInvalid, "username"},
		"bad email":           {commands.Registration{Email: "nowhere", Password: password}, user.ErrInvalid, "email"},
		"organization's name": {commands.Registration{Username: "ann", Password: password, OrganizationName: strings.Repeat("x", 201)}, organization.ErrInvalid, "organization_name"},
		"taken username":      {commands.Registration{Username: "TAKEN", Password: password}, login.ErrTaken, "username"},
		"taken email":         {commands.Registration{Username: "ann", Email: "Taken@Example.org", Password: password}, login.ErrTaken, "email"},
		"email as username":   {commands.Registration{Username: "taken@example.org", Password: password}, login.ErrTaken, "username"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.in.UserID = newUserID()
			_, err := w.Register(t.Context(), commands.Request{}, c.in)
			requireField(t, err, c.refusal, c.field)
			require.Equal(t, before, w.head(), "nothing is recorded")
		})
	}
}

func TestARepeatedRegistrationCausesNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	in := commands.Registration{UserID: newUserID(), Username: "ann", Password: password}
	first, err := w.Register(t.Context(), commands.Request{}, in)
	require.NoError(t, err)
	again, err := w.Register(t.Context(), commands.Request{}, in)
	require.NoError(t, err)
	require.Equal(t, first.Org, again.Org)
	require.Equal(t, first.Version(), again.Version())

	in.Password = "something else"
	_, err = w.Register(t.Context(), commands.Request{}, in)
	require.ErrorIs(t, err, user.ErrExists)
}

func TestOfTwoWhoWantOneNameAtOnceOneGetsIt(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	const rivals = 8
	racing := w.over(meet(w.log, rivals))
	var won atomic.Int64
	var race errgroup.Group
	for range rivals {
		race.Go(func() error {
			_, err := racing.Register(t.Context(), commands.Request{}, commands.Registration{UserID: newUserID(), Username: "ann", Password: password})
			if errors.Is(err, login.ErrTaken) {
				return nil
			}
			won.Add(1)
			return err
		})
	}
	require.NoError(t, race.Wait())
	require.EqualValues(t, 1, won.Load())
}

func TestChangeProfile(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "ann@example.org")
	stream, err := w.ChangeProfile(t.Context(), ann.request(), commands.ProfileChange{
		Username: new("Anna"), Email: new("anna@example.org"), FullName: new("Anna"), Preferences: &map[string]any{"theme": "dark"},
	})
	require.NoError(t, err)
	require.Equal(t, 2, stream.Version())
	require.Equal(t, ann.id, w.owner("anna"))
	require.Equal(t, ann.id, w.owner("anna@example.org"))
	require.Zero(t, w.owner("ann"))
	require.Zero(t, w.owner("ann@example.org"))

	bob := w.register("ann", "ann@example.org") // what was released is free
	_, err = w.ChangeProfile(t.Context(), bob.request(), commands.ProfileChange{Email: new("ANNA@example.org")})
	requireField(t, err, login.ErrTaken, "email")
	require.Equal(t, bob.id, w.owner("ann@example.org"), "a refused change releases nothing")

	_, err = w.ChangeProfile(t.Context(), bob.request(), commands.ProfileChange{Username: new("x")})
	requireField(t, err, user.ErrInvalid, "username")
	request := bob.request()
	request.IfVersion = 7
	_, err = w.ChangeProfile(t.Context(), request, commands.ProfileChange{FullName: new("Bob")})
	require.ErrorIs(t, err, commands.ErrStale)
	_, err = w.ChangeProfile(t.Context(), request, commands.ProfileChange{FullName: new(string)})
	require.NoError(t, err, "what changes nothing overwrites nobody's")
}

func TestAnotherSpellingOfANameIsTheSameName(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("", "ann@example.org")
	before := w.head()
	stream, err := w.ChangeProfile(t.Context(), ann.request(), commands.ProfileChange{Email: new("Ann@Example.org")})
	require.NoError(t, err)
	require.Equal(t, 2, stream.Version())
	require.Equal(t, before+1, w.head(), "no name was claimed or released")
	require.Equal(t, ann.id, w.owner("ann@example.org"))
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	_, err := w.ChangeProfile(t.Context(), ann.request(), commands.ProfileChange{Password: &commands.NewPassword{Current: "wrong", Next: "another password"}})
	requireField(t, err, commands.ErrWrongPassword, "current_password")
	_, err = w.ChangeProfile(t.Context(), ann.request(), commands.ProfileChange{Password: &commands.NewPassword{Current: password, Next: "short"}})
	requireField(t, err, commands.ErrPassword, "password")

	stream, err := w.ChangeProfile(t.Context(), ann.request(), commands.ProfileChange{Password: &commands.NewPassword{Current: password, Next: password}})
	require.NoError(t, err)
	require.Equal(t, 1, stream.Version(), "the same password is no change")

	_, err = w.ChangeProfile(t.Context(), ann.request(), commands.ProfileChange{Password: &commands.NewPassword{Current: password, Next: "another password"}})
	require.NoError(t, err)
	_, err = w.SignIn(t.Context(), commands.Request{}, "ann", password)
	require.ErrorIs(t, err, commands.ErrBadCredentials)
	_, err = w.SignIn(t.Context(), commands.Request{}, "ann", "another password")
	require.NoError(t, err)
}

func TestAHasherThatFailsIsNoRefusal(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	invitation, _, err := w.Invite(t.Context(), ann.request(), newUserID(), "bob@example.org", domain.Member)
	require.NoError(t, err)
	noHash, noVerify := w.with(w.log, brokenHasher{w.hasher}), w.with(w.log, brokenVerifier{w.hasher})
	for name, do := range map[string]func() error{
		"register": func() error {
			_, err := noHash.Register(t.Context(), commands.Request{}, commands.Registration{UserID: newUserID(), Username: "bob", Password: password})
			return err
		},
		"register again": func() error {
			_, err := noVerify.Register(t.Context(), commands.Request{}, commands.Registration{UserID: ann.id, Username: "ann", Password: password})
			return err
		},
		"join": func() error {
			_, err := noHash.AcceptInvitation(t.Context(), commands.Request{}, invitation, commands.Joining{Password: password})
			return err
		},
		"new password": func() error {
			_, err := noHash.ChangeProfile(t.Context(), ann.request(), commands.ProfileChange{Password: &commands.NewPassword{Current: password, Next: "another password"}})
			return err
		},
		"current password": func() error {
			_, err := noVerify.ChangeProfile(t.Context(), ann.request(), commands.ProfileChange{Password: &commands.NewPassword{Current: password, Next: "another password"}})
			return err
		},
		"sign in": func() error {
			_, err := noVerify.SignIn(t.Context(), commands.Request{}, "ann", password)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := do()
			require.ErrorIs(t, err, errBroken)
			require.Equal(t, domain.Internal, domain.KindOf(err))
		})
	}
}

// A log that fails at any point fails the command, and nothing is made up or half done.
func TestALogThatFailsIsNoRefusal(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "ann@example.org")
	bob := w.join(ann, "bob", domain.Admin)
	invitation, _, err := w.Invite(t.Context(), ann.request(), newUserID(), "cid@example.org", domain.Member)
	require.NoError(t, err)
	session, err := w.SignIn(t.Context(), commands.Request{}, "ann", password)
	require.NoError(t, err)
	before := w.head()
	for name, do := range map[string]func(commands.Accounts) error{
		"register": func(a commands.Accounts) error {
			_, err := a.Register(t.Context(), commands.Request{}, commands.Registration{UserID: newUserID(), Username: "dan", Password: password})
			return err
		},
		"profile": func(a commands.Accounts) error {
			_, err := a.ChangeProfile(t.Context(), ann.request(), commands.ProfileChange{Username: new("anna")})
			return err
		},
		"password": func(a commands.Accounts) error {
			_, err := a.ChangeProfile(t.Context(), ann.request(), commands.ProfileChange{Password: &commands.NewPassword{Current: password, Next: "another password"}})
			return err
		},
		"sign in": func(a commands.Accounts) error {
			_, err := a.SignIn(t.Context(), commands.Request{}, "ann", password)
			return err
		},
		"refresh": func(a commands.Accounts) error {
			_, err := a.Refresh(t.Context(), commands.Request{}, session.RefreshToken)
			return err
		},
		"sign out": func(a commands.Accounts) error { return a.SignOut(t.Context(), ann.request(), session.Session) },
		"invite": func(a commands.Accounts) error {
			_, _, err := a.Invite(t.Context(), ann.request(), newUserID(), "dan@example.org", domain.Member)
			return err
		},
		"join": func(a commands.Accounts) error {
			_, err := a.AcceptInvitation(t.Context(), commands.Request{}, invitation, commands.Joining{Password: password})
			return err
		},
		"demote": func(a commands.Accounts) error {
			_, err := a.ChangeMember(t.Context(), ann.request(), bob.id, commands.MemberChange{Role: new(domain.Member)})
			return err
		},
		"change nothing": func(a commands.Accounts) error {
			_, err := a.ChangeMember(t.Context(), ann.request(), bob.id, commands.MemberChange{})
			return err
		},
		"remove": func(a commands.Accounts) error {
			_, err := a.RemoveMember(t.Context(), ann.request(), bob.id)
			return err
		},
		"token": func(a commands.Accounts) error {
			_, _, err := a.CreateToken(t.Context(), ann.request(), commands.NewID(), "x", 1)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needed := int64(0)
			for ; ; needed++ {
				loads := new(atomic.Int64)
				loads.Store(needed)
				err := do(w.over(failingLog{Log: w.log, loads: loads, failAppend: true}))
				if loads.Load() >= 0 { // it got as far as appending, or needs to append nothing
					break
				}
				require.ErrorIs(t, err, errBroken, "after %d loads", needed)
			}
			require.Positive(t, needed)
			require.Equal(t, before, w.head())
		})
	}
}
