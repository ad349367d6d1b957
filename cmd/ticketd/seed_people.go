package main

import (
	"context"
	"fmt"
	"time"

	"ticketd/commands"
	"ticketd/domain"
)

// crew is an organization with its people.
type crew struct {
	org      domain.OrgID
	tickets  int
	admin    domain.Actor
	username string         // the admin's
	support  []domain.Actor // at least one
	members  []domain.Actor // whoever writes tickets
}

var firstNames = []string{
	"ada", "alan", "barbara", "claude", "dana", "edsger", "frances", "grace", "hedy", "ivan", "joan", "ken", "leslie",
	"margaret", "niklaus", "olga", "peter", "radia", "sophie", "tony", "ursula", "vera", "wanda", "xu", "yuri", "zoe",
}

// oneHash is the password of everybody: hashing one for each would take longer than their tickets. It implements
// commands.Passwords.
type oneHash string

// Hash answers the one hash.
func (h oneHash) Hash(context.Context, string) (string, error) { return string(h), nil }

// Verify is asked only about the password that everybody has.
func (h oneHash) Verify(context.Context, string, string) (bool, error) { return true, nil }

// everybody is active: nobody leaves while a database is filled, and nobody attaches anything. It implements
// commands.Members and commands.AttachableFiles.
type everybody struct{}

// Active answers true.
func (everybody) Active(context.Context, domain.OrgID, domain.UserID) (bool, error) { return true, nil }

// Missing answers all: there are no uploads.
func (everybody) Missing(_ context.Context, _ domain.OrgID, _ domain.Actor, ids []domain.FileID) ([]domain.FileID, error) {
	return ids, nil
}

// inMemory counts the tickets of organizations that nobody else writes to. It implements commands.Numbers.
type inMemory map[domain.OrgID]int64

// Next answers the next number.
func (n inMemory) Next(_ context.Context, org domain.OrgID) (int64, error) {
	n[org]++
	return n[org], nil
}

// found makes an organization and lets its people join. The more tickets it will have, the more people write them.
func (s *seeder) found(ctx context.Context, nth, tickets int) (*crew, error) {
	founder := s.newPerson(nth, 0)
	stream, err := s.accounts.Register(ctx, s.request(domain.OrgID{}, domain.Actor{}), commands.Registration{
		UserID: founder.id, Username: founder.username, Email: founder.email, FullName: founder.fullName, Password: s.password,
		OrganizationName: fmt.Sprintf("%s %d", s.words.say(1, 1), nth+1),
	})
	if err != nil {
		return nil, fmt.Errorf("found an organization: %w", err)
	}
	c := &crew{org: domain.OrgID{UUID: stream.Org}, admin: founder.as(domain.Admin), username: founder.username}
	support, members := 1+min(tickets/4000, 40), 1+min(tickets/400, 500)
	for i := range support + members {
		role := domain.Member
		if i < support {
			role = domain.Support
		}
		person := s.newPerson(nth, i+1)
		if err := s.join(ctx, c, person, role); err != nil {
			return nil, err
		}
		if i < support {
			c.support = append(c.support, person.as(role))
		} else {
			c.members = append(c.members, person.as(role))
		}
	}
	return c, nil
}

func (s *seeder) join(ctx context.Context, c *crew, p newcomer, role domain.Role) error {
	s.pass(time.Second)
	invitation, _, err := s.accounts.Invite(ctx, s.request(c.org, c.admin), p.id, p.email, role)
	if err != nil {
		return fmt.Errorf("invite: %w", err)
	}
	s.pass(time.Second)
	_, err = s.accounts.AcceptInvitation(ctx, s.request(c.org, domain.Actor{}), invitation, commands.Joining{
		Username: p.username, Password: s.password, FullName: p.fullName,
	})
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	return nil
}

type newcomer struct {
	id                        domain.UserID
	username, email, fullName string
}

// newPerson makes somebody up whose name nobody else has.
func (s *seeder) newPerson(organization, nth int) newcomer {
	first := firstNames[s.random.IntN(len(firstNames))]
	username := fmt.Sprintf("%s.%d.%d%s", first, organization+1, nth+1, s.suffix)
	last := s.words.words[len(usual)+s.random.IntN(rareWords)]
	return newcomer{
		id: domain.UserID{UUID: s.newID()}, username: username, email: username + "@example.org", fullName: capital(first) + " " + capital(last),
	}
}

func (n newcomer) as(role domain.Role) domain.Actor {
	return domain.Actor{Type: domain.ByUser, ID: n.id.UUID, User: n.id, Role: role}
}
