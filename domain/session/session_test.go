package session_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/session"
)

var (
	ann = domain.UserID{UUID: uuid.UUID{15: 1}}
	bob = domain.UserID{UUID: uuid.UUID{15: 2}}
	now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	end = now.Add(30 * 24 * time.Hour)

	started   = session.Started{UserID: ann, TokenHash: "one", ExpiresAt: end}
	refreshed = session.Refreshed{TokenHash: "two"}
	signedOut = session.Revoked{Reason: "logout"}
	reused    = session.Revoked{Reason: "reuse"}
)

type scenario struct {
	name    string
	given   []session.Event
	when    session.Command
	then    []session.Event
	refused error
}

func TestSession(t *testing.T) {
	t.Parallel()
	refresh := session.Refresh{Presented: "one", Next: "two", Now: now}
	late := session.Refresh{Presented: "one", Next: "two", Now: end}
	for _, s := range []scenario{
		{name: "start", when: session.Start{UserID: ann, TokenHash: "one", ExpiresAt: end}, then: []session.Event{started}},
		{name: "start again", given: []session.Event{started}, when: session.Start{UserID: ann, TokenHash: "one", ExpiresAt: end}},
		{name: "start another's session", given: []session.Event{started}, when: session.Start{UserID: bob, TokenHash: "one"}, refused: session.ErrExists},
		{name: "start with another token", given: []session.Event{started}, when: session.Start{UserID: ann, TokenHash: "two"}, refused: session.ErrExists},

		{name: "refresh", given: []session.Event{started}, when: refresh, then: []session.Event{refreshed}},
		{name: "refresh the refreshed", given: []session.Event{started, refreshed}, when: session.Refresh{Presented: "two", Next: "three", Now: now}, then: []session.Event{session.Refreshed{TokenHash: "three"}}},
		{name: "refresh at the last moment", given: []session.Event{started}, when: session.Refresh{Presented: "one", Next: "two", Now: end.Add(-1)}, then: []session.Event{refreshed}},
		{name: "refresh with the first token again", given: []session.Event{started, refreshed}, when: refresh, then: []session.Event{reused}},
		{name: "refresh with a much earlier token", given: []session.Event{started, refreshed, session.Refreshed{TokenHash: "three"}}, when: refresh, then: []session.Event{reused}},
		{name: "refresh with a strange token", given: []session.Event{started}, when: session.Refresh{Presented: "zero", Now: now}, refused: session.ErrUnknown},
		{name: "refresh nothing", when: refresh, refused: session.ErrUnknown},
		{name: "refresh too late", given: []session.Event{started}, when: late, refused: session.ErrUnknown},
		{name: "reuse too late", given: []session.Event{started, refreshed}, when: late, refused: session.ErrUnknown},
		{name: "refresh after signing out", given: []session.Event{started, signedOut}, when: refresh, refused: session.ErrRevoked},
		{name: "refresh after reuse, with the good token", given: []session.Event{started, refreshed, reused}, when: session.Refresh{Presented: "two", Next: "three", Now: now}, refused: session.ErrRevoked},

		{name: "revoke", given: []session.Event{started}, when: session.Revoke{Reason: "logout"}, then: []session.Event{signedOut}},
		{name: "revoke again", given: []session.Event{started, signedOut}, when: session.Revoke{Reason: "password"}},
		{name: "revoke nothing", when: session.Revoke{}, refused: session.ErrUnknown},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, session.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
}

func TestReuseLeavesARevokedSession(t *testing.T) {
	t.Parallel()
	s := session.Decider.Fold(session.State{}, started, refreshed)
	require.False(t, s.Revoked)
	require.True(t, session.Decider.Fold(s, reused).Revoked)
	require.Equal(t, session.Reuse, reused.Reason)
}

func TestARefreshLeavesTheEarlierStateAsItWas(t *testing.T) {
	t.Parallel()
	s := session.Decider.Fold(session.State{}, started, refreshed)
	third, other := session.Evolve(s, session.Refreshed{TokenHash: "three"}), session.Evolve(s, session.Refreshed{TokenHash: "other"})
	require.Equal(t, []string{"one"}, slices.Collect(s.Earlier.Backward()))
	require.Equal(t, []string{"two", "one"}, slices.Collect(third.Earlier.Backward()))
	require.Equal(t, "other", other.TokenHash)
}

func TestAnUnknownCommandIsABug(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { _, _ = session.Decide(session.State{}, nil) })
}

// A repeated Refresh is the one repeat that causes something: it cannot be told from a thief's.
func TestLaws(t *testing.T) {
	t.Parallel()
	users := rapid.SampledFrom([]domain.UserID{ann, bob})
	hashes := rapid.SampledFrom([]string{"one", "two", "three", "four"})
	times := rapid.SampledFrom([]time.Time{now, end})
	domaintest.Laws(t, session.Decider, rapid.OneOf(
		rapid.Custom(func(t *rapid.T) session.Command {
			return session.Start{UserID: users.Draw(t, "user"), TokenHash: hashes.Draw(t, "hash"), ExpiresAt: end}
		}),
		rapid.Custom(func(t *rapid.T) session.Command {
			return session.Refresh{Presented: hashes.Draw(t, "presented"), Next: hashes.Draw(t, "next"), Now: times.Draw(t, "now")}
		}),
		rapid.Just[session.Command](session.Revoke{Reason: "logout"}),
	), func(c session.Command) bool {
		_, refresh := c.(session.Refresh)
		return refresh
	})
}

// Whatever the chain of refreshes, presenting any token of it but the last ends the session.
func TestAnyEarlierTokenEndsTheSession(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		chain := rapid.SliceOfNDistinct(rapid.StringMatching(`[0-9a-f]{8}`), 2, 20, rapid.ID).Draw(t, "chain")
		s := session.Decider.Fold(session.State{}, session.Started{UserID: ann, TokenHash: chain[0], ExpiresAt: end})
		for i, next := range chain[1:] {
			events, err := session.Decide(s, session.Refresh{Presented: chain[i], Next: next, Now: now})
			require.NoError(t, err)
			s = session.Decider.Fold(s, events...)
		}
		earlier := rapid.SampledFrom(chain[:len(chain)-1]).Draw(t, "earlier")
		events, err := session.Decide(s, session.Refresh{Presented: earlier, Next: "next", Now: now})
		require.NoError(t, err)
		require.Equal(t, []session.Event{reused}, events)
	})
}
