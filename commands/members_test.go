package commands_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/login"
	"ticketd/domain/organization"
	"ticketd/domain/user"
)

// The first answer may have been lost with the token in it.
func TestARepeatedInvitationAnswersTheSameToken(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann, id := w.register("ann", ""), newUserID()
	token, _, err := w.Invite(t.Context(), ann.request(), id, "bob@example.org", domain.Member)
	require.NoError(t, err)
	w.pass(time.Hour)
	again, stream, err := w.Invite(t.Context(), ann.request(), id, " Bob@example.org", domain.Member)
	require.NoError(t, err)
	require.Equal(t, token, again)
	require.Equal(t, 1, stream.Version())
	_, _, err = w.Invite(t.Context(), ann.request(), id, "eve@example.org", domain.Member)
	require.ErrorIs(t, err, user.ErrExists)
	_, _, err = w.Invite(t.Context(), ann.request(), id, "bob@example.org", domain.Admin)
	require.ErrorIs(t, err, user.ErrExists)
	other, _, err := w.Invite(t.Context(), ann.request(), newUserID(), "bob@example.org", domain.Member)
	require.NoError(t, err)
	require.NotEqual(t, token, other)
	_, err = w.AcceptInvitation(t.Context(), commands.Request{}, again, commands.Joining{Username: "bob", Password: password})
	require.NoError(t, err)
}

func TestAnInvitedPersonJoins(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann, id := w.register("ann", ""), newUserID()
	token, invited, err := w.Invite(t.Context(), ann.request(), id, "Bob@example.org", domain.Support)
	require.NoError(t, err)
	require.Equal(t, id.UUID, invited.ID)
	require.Equal(t, commands.HashToken(token), w.user(someone{id: id, org: ann.org}).Invitation.TokenHash)
	require.Zero(t, w.owner("bob@example.org"), "an invitation claims no name")

	joining := commands.Joining{Username: "bob", Password: password, FullName: "Bob"}
	joined, err := w.AcceptInvitation(t.Context(), commands.Request{}, token, joining)
	require.NoError(t, err)
	require.Equal(t, ann.org.UUID, joined.Org)
	require.Equal(t, domain.Support, w.user(someone{id: id, org: ann.org}).Role)
	require.Equal(t, id, w.owner("bob"))
	require.Equal(t, id, w.owner("bob@example.org"))
	require.Equal(t, id.UUID, joined.Events[1].Metadata.Actor.ID, "they joined on their own behalf")

	again, err := w.AcceptInvitation(t.Context(), commands.Request{}, token, joining)
	require.NoError(t, err, "a repeat causes nothing")
	require.Equal(t, joined.Version(), again.Version())
	joining.Password = "another password"
	_, err = w.AcceptInvitation(t.Context(), commands.Request{}, token, joining)
	require.ErrorIs(t, err, user.ErrInvitation)
	in, err := w.SignIn(t.Context(), commands.Request{}, "bob@EXAMPLE.org", password)
	require.NoError(t, err)
	require.Equal(t, id, in.User.UserID)
}

func TestInviteRefusals(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "ann@example.org")
	bob := w.join(ann, "bob", domain.Support)
	_, _, err := w.Invite(t.Context(), bob.request(), newUserID(), "cid@example.org", domain.Member)
	require.ErrorIs(t, err, domain.ErrForbidden)
	_, _, err = w.Invite(t.Context(), ann.request(), newUserID(), "nowhere", domain.Member)
	requireField(t, err, user.ErrInvalid, "email")
	_, _, err = w.Invite(t.Context(), ann.request(), newUserID(), "cid@example.org", "king")
	requireField(t, err, user.ErrInvalid, "role")
	_, _, err = w.Invite(t.Context(), ann.request(), newUserID(), "ANN@example.org", domain.Member)
	requireField(t, err, login.ErrTaken, "email")
	_, _, err = w.Invite(t.Context(), ann.request(), bob.id, "cid@example.org", domain.Member)
	require.ErrorIs(t, err, user.ErrExists)
}

func TestAcceptInvitationRefusals(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	token, invited, err := w.Invite(t.Context(), ann.request(), newUserID(), "bob@example.org", domain.Member)
	require.NoError(t, err)
	withdrawn, gone, err := w.Invite(t.Context(), ann.request(), newUserID(), "cid@example.org", domain.Member)
	require.NoError(t, err)
	_, err = w.RemoveMember(t.Context(), ann.request(), domain.UserID{UUID: gone.ID})
	require.NoError(t, err)
	hashed := w.hasher.hashed.Load()
	for name, bad := range map[string]string{"nothing": "", "garbage": "?", "another secret": token[:len(token)-8] + "AAAAAAAA"} {
		_, err := w.AcceptInvitation(t.Context(), commands.Request{}, bad, commands.Joining{Password: password})
		require.ErrorIs(t, err, user.ErrInvitation, name)
	}
	require.Equal(t, hashed, w.hasher.hashed.Load(), "a stranger makes us hash nothing")
	_, err = w.AcceptInvitation(t.Context(), commands.Request{}, withdrawn, commands.Joining{Password: password})
	require.ErrorIs(t, err, user.ErrInvitation)
	_, err = w.AcceptInvitation(t.Context(), commands.Request{}, token, commands.Joining{Password: "short"})
	require.ErrorIs(t, err, commands.ErrPassword)
	_, err = w.AcceptInvitation(t.Context(), commands.Request{}, token, commands.Joining{Username: "ann", Password: password})
	requireField(t, err, login.ErrTaken, "username")
	w.pass(commands.InvitationLife)
	_, err = w.AcceptInvitation(t.Context(), commands.Request{}, token, commands.Joining{Password: password})
	require.ErrorIs(t, err, user.ErrInvitation, "expired")
	require.Equal(t, user.StatusInvited, w.user(someone{id: domain.UserID{UUID: invited.ID}, org: ann.org}).Status)
}

func TestTheOrganizationKnowsItsAdmins(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	bob := w.join(ann, "bob", domain.Admin)
	change := func(c commands.MemberChange) {
		t.Helper()
		_, err := w.ChangeMember(t.Context(), ann.request(), bob.id, c)
		require.NoError(t, err)
	}
	both, only := []domain.UserID{ann.id, bob.id}, []domain.UserID{ann.id}
	require.ElementsMatch(t, both, w.admins(ann.org), "joined as admin")
	change(commands.MemberChange{Role: new(domain.Support)})
	require.ElementsMatch(t, only, w.admins(ann.org))
	change(commands.MemberChange{Role: new(domain.Admin)})
	require.ElementsMatch(t, both, w.admins(ann.org))
	change(commands.MemberChange{Active: new(false)})
	require.ElementsMatch(t, only, w.admins(ann.org), "who is locked out runs nothing")
	change(commands.MemberChange{Role: new(domain.Member), Active: new(true)})
	require.ElementsMatch(t, only, w.admins(ann.org))
	change(commands.MemberChange{Role: new(domain.Admin), Active: new(true)})
	require.ElementsMatch(t, both, w.admins(ann.org))
	_, err := w.RemoveMember(t.Context(), ann.request(), bob.id)
	require.NoError(t, err)
	require.ElementsMatch(t, only, w.admins(ann.org))
}

func TestAnInvitedAdminRunsNothingYet(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann, id := w.register("ann", ""), newUserID()
	_, _, err := w.Invite(t.Context(), ann.request(), id, "bob@example.org", domain.Admin)
	require.NoError(t, err)
	require.Equal(t, []domain.UserID{ann.id}, w.admins(ann.org))
	_, err = w.RemoveMember(t.Context(), ann.request(), ann.id)
	require.ErrorIs(t, err, organization.ErrLastAdmin)
	_, err = w.ChangeMember(t.Context(), ann.request(), id, commands.MemberChange{Active: new(true)})
	require.ErrorIs(t, err, user.ErrNotJoined)
	_, err = w.RemoveMember(t.Context(), ann.request(), id)
	require.NoError(t, err, "an invitation can be withdrawn")
}

func TestTheLastAdminStays(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	before := w.head()
	for name, do := range map[string]func() error{
		"demote":     func() error { return w.changed(ann, ann, commands.MemberChange{Role: new(domain.Member)}) },
		"deactivate": func() error { return w.changed(ann, ann, commands.MemberChange{Active: new(false)}) },
		"remove":     func() error { _, err := w.RemoveMember(t.Context(), ann.request(), ann.id); return err },
	} {
		require.ErrorIs(t, do(), organization.ErrLastAdmin, name)
	}
	require.Equal(t, before, w.head())
	require.Equal(t, ann.id, w.owner("ann"))
}

func (w town) changed(by, whom someone, c commands.MemberChange) error {
	_, err := w.ChangeMember(w.Context(), by.request(), whom.id, c)
	return err
}

func TestTwoAdminsWhoDemoteEachOtherAtOnceLeaveOne(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	bob := w.join(ann, "bob", domain.Admin)
	racing := w.over(meet(w.log, 2))
	var annErr, bobErr error
	var race errgroup.Group
	race.Go(func() error {
		_, annErr = racing.ChangeMember(t.Context(), ann.request(), bob.id, commands.MemberChange{Role: new(domain.Member)})
		return nil
	})
	race.Go(func() error {
		_, bobErr = racing.RemoveMember(t.Context(), bob.request(), ann.id)
		return nil
	})
	require.NoError(t, race.Wait())
	require.Len(t, w.admins(ann.org), 1)
	if annErr == nil {
		require.ErrorIs(t, bobErr, organization.ErrLastAdmin)
		require.Equal(t, domain.Admin, w.user(ann).Role)
	} else {
		require.ErrorIs(t, annErr, organization.ErrLastAdmin)
		require.NoError(t, bobErr)
		require.Equal(t, domain.Admin, w.user(bob).Role)
	}
}

func TestChangeMemberRefusals(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann, eve := w.register("ann", ""), w.register("eve", "")
	bob, cid := w.join(ann, "bob", domain.Support), w.join(ann, "cid", domain.Member)
	promote := commands.MemberChange{Role: new(domain.Admin)}
	require.ErrorIs(t, w.changed(bob, cid, promote), domain.ErrForbidden)
	require.ErrorIs(t, w.changed(bob, cid, commands.MemberChange{}), domain.ErrForbidden)
	require.ErrorIs(t, w.changed(eve, cid, promote), user.ErrNotFound, "another organization's")
	require.ErrorIs(t, w.changed(ann, someone{id: newUserID()}, commands.MemberChange{}), user.ErrNotFound)
	requireField(t, w.changed(ann, cid, commands.MemberChange{Role: new(domain.Role("king"))}), user.ErrInvalid, "role")
	require.NoError(t, w.changed(ann, cid, commands.MemberChange{}))
	require.Equal(t, domain.Member, w.user(cid).Role)
}

func TestARemovedMemberLeavesTheirNames(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	bob := w.join(ann, "bob", domain.Member)
	_, err := w.RemoveMember(t.Context(), ann.request(), bob.id)
	require.NoError(t, err)
	require.Zero(t, w.owner("bob"))
	require.Zero(t, w.owner("bob@example.org"))
	before := w.head()
	_, err = w.RemoveMember(t.Context(), ann.request(), bob.id)
	require.NoError(t, err, "a repeat causes nothing")
	require.Equal(t, before, w.head())
	w.pass(time.Hour)
	again := w.register("bob", "bob@example.org")
	require.Equal(t, again.id, w.owner("bob"))
}
