package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ticketd/domain"
	"ticketd/domain/login"
	"ticketd/domain/organization"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

// change gives a person's commands to their stream, together with what follows from them.
func (a Accounts) change(ctx context.Context, r Request, id domain.UserID, cmds ...user.Command) (eventstore.Stream, error) {
	return a.changeIn(ctx, r, id, false, cmds...)
}

// changeIn is change for somebody of whom the caller knows whether they are alone in the organization.
func (a Accounts) changeIn(ctx context.Context, r Request, id domain.UserID, alone bool, cmds ...user.Command) (eventstore.Stream, error) {
	return a.append(ctx, r, cmds[0], func() ([]eventstore.Write, error) {
		p, err := a.decide(ctx, r, id, cmds...)
		if err != nil {
			return nil, err
		}
		names, err := a.nameWrites(ctx, r.Org, p)
		if err != nil {
			return nil, err
		}
		admins, err := a.adminWrites(ctx, r.Org, p, alone)
		return slices.Concat([]eventstore.Write{p.own}, names, admins), err
	})
}

// append writes what was decided and answers the first of the streams, which is the person's.
func (a Accounts) append(ctx context.Context, r Request, cmd user.Command, decide func() ([]eventstore.Write, error)) (eventstore.Stream, error) {
	streams, err := Together(ctx, a.log, r, fmt.Sprintf("%T", cmd), decide)
	if err != nil {
		return eventstore.Stream{}, err
	}
	return streams[0], nil
}

// person is somebody before and after a command. What other streams must record follows from the two states, not from
// the command, so a new command cannot forget it.
type person struct {
	before, after user.State
	own           eventstore.Write
}

func (a Accounts) decide(ctx context.Context, r Request, id domain.UserID, cmds ...user.Command) (person, error) {
	stream, err := a.users.load(ctx, r.Org, id.UUID)
	if err != nil {
		return person{}, err
	}
	p, err := decideAll(person{before: a.users.Fold(stream), own: eventstore.Write{Stream: stream}}, cmds)
	if stale(r, p.own, err) {
		return person{}, ErrStale
	}
	return p, err
}

// decideAll decides each command on what the one before has changed.
func decideAll(p person, cmds []user.Command) (person, error) {
	p.after = p.before
	for _, cmd := range cmds {
		events, err := user.Decide(p.after, cmd)
		if err != nil {
			return p, err
		}
		for _, e := range events {
			p.after = user.Evolve(p.after, e)
			p.own.Events = append(p.own.Events, e)
		}
	}
	return p, nil
}

// nameWrites frees the names that the person no longer signs in with and claims the new ones. The version of a name's
// stream is what lets only one of two claimants have it.
func (a Accounts) nameWrites(ctx context.Context, org domain.OrgID, p person) ([]eventstore.Write, error) {
	had, has := namesOf(p.before), namesOf(p.after)
	var writes []eventstore.Write
	for _, n := range had {
		if !has.holds(n) {
			write, err := a.logins.Decide(ctx, domain.DirectoryOrg, a.names.StreamID(n.text), login.Release{UserID: p.after.UserID})
			if err != nil {
				return nil, err
			}
			writes = append(writes, write)
		}
	}
	for _, n := range has {
		if !had.holds(n) {
			claim := login.Claim{UserID: p.after.UserID, OrgID: org, Kind: n.kind}
			write, err := a.logins.Decide(ctx, domain.DirectoryOrg, a.names.StreamID(n.text), claim)
			if err != nil {
				return nil, asTaken(err, n.kind)
			}
			writes = append(writes, write)
		}
	}
	return writes, nil
}

// adminWrites tells the organization of an admin who came or went, and refuses the last one to go. Only who can sign in
// counts: an organization whose one admin is locked out has none. The version of the organization's stream is what
// keeps one of two admins who demote each other.
func (a Accounts) adminWrites(ctx context.Context, org domain.OrgID, p person, alone bool) ([]eventstore.Write, error) {
	was, is := isAdmin(p.before), isAdmin(p.after)
	if was == is {
		return nil, nil
	}
	var cmd organization.Command = organization.AddAdmin{UserID: p.after.UserID}
	if was {
		cmd = organization.RemoveAdmin{UserID: p.after.UserID, Alone: alone}
	}
	write, err := a.orgs.Decide(ctx, org, org.UUID, cmd)
	if err != nil {
		return nil, err
	}
	return []eventstore.Write{write}, nil
}

func isAdmin(s user.State) bool { return s.Status == user.StatusActive && s.Role == domain.Admin }

// name is a normalized name to sign in with.
type name struct {
	text string
	kind login.Kind
}

type names []name

// namesOf answers the names of somebody who has joined. Whoever is only invited has claimed none yet, and whoever was
// removed has none left. A username that is the email address counts once.
func namesOf(s user.State) names {
	if s.Status != user.StatusActive && s.Status != user.StatusInactive {
		return nil
	}
	list := names{{text: user.NormalizeUsername(s.Username), kind: login.Username}}
	if email := (name{text: user.NormalizeEmail(s.Email), kind: login.Email}); email.text != "" && !list.holds(email) {
		list = append(list, email)
	}
	return list
}

func (l names) holds(n name) bool {
	return slices.ContainsFunc(l, func(other name) bool { return other.text == n.text })
}

// asTaken says which of two names is taken.
func asTaken(err error, kind login.Kind) error {
	if !errors.Is(err, login.ErrTaken) {
		return err
	}
	refusal := *login.ErrTaken
	switch kind {
	case login.Username:
		refusal.Field, refusal.Message = "username", "This username is taken."
	case login.Email:
		refusal.Field, refusal.Message = "email", "This email address is taken."
	}
	return &refusal
}
