package syncing_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/syncing"
)

var (
	ann, bob         = domain.UserID{UUID: uuid.UUID{15: 1}}, domain.UserID{UUID: uuid.UUID{15: 2}}
	one, two         = uuid.UUID{15: 11}, uuid.UUID{15: 12}
	there            = uuid.UUID{15: 21}
	request, another = uuid.UUID{15: 31}, uuid.UUID{15: 32}

	started = syncing.Started{Integration: there, Number: 3, Tickets: 2, By: ann, Request: request}
	first   = syncing.Looked{Ticket: one, Delivery: two, Outcome: syncing.WasCreated, Did: map[string]int{"create": 1}, CreatedBy: ann}
	second  = syncing.Looked{Ticket: two, Outcome: syncing.HasFailed, Code: "forbidden", CreatedBy: bob, Reason: "It is forbidden."}
)

func as(user domain.UserID, role domain.Role) domain.Actor {
	return domain.Actor{Type: domain.ByUser, ID: user.UUID, User: user, Role: role}
}

func start(by domain.Actor, request uuid.UUID) syncing.Start {
	return syncing.Start{Integration: there, Number: 3, Tickets: 2, Request: request, By: by}
}

func progressed(tickets int, c syncing.Counts) syncing.Progressed {
	return syncing.Progressed{Integration: there, Tickets: tickets, Counts: c}
}

func TestSyncs(t *testing.T) {
	t.Parallel()
	under, half := []syncing.Event{started}, []syncing.Event{started, first, progressed(2, syncing.Counts{Created: 1})}
	ended := syncing.Ended{Integration: there, Counts: syncing.Counts{Created: 1}}
	failed := syncing.Failed{Integration: there, Tickets: 2, Counts: syncing.Counts{Created: 1}, Code: "given_up", Why: "It was given up."}
	third := syncing.Looked{Ticket: there, Outcome: syncing.WasSkipped, Code: syncing.Equal}
	for _, s := range []struct {
		name    string
		given   []syncing.Event
		when    syncing.Command
		then    []syncing.Event
		refused error
	}{
		{name: "the support starts one", when: start(as(ann, domain.Support), request), then: []syncing.Event{started}},
		{name: "and again, after an answer that was lost", given: under, when: start(as(ann, domain.Admin), request)},
		{name: "another is under way", given: under, when: start(as(ann, domain.Admin), another), refused: syncing.ErrRunning},
		{name: "members may not", when: start(as(ann, domain.Member), request), refused: domain.ErrForbidden},
		{name: "nor auditors", when: start(as(ann, domain.Auditor), request), refused: domain.ErrForbidden},
		{
			name: "tickets are looked at", given: under, when: syncing.Look{Facts: []syncing.Looked{first, second}},
			then: []syncing.Event{first, second, progressed(2, syncing.Counts{Created: 1, Failed: 1})},
		},
		{
			name: "each once", given: half, when: syncing.Look{Facts: []syncing.Looked{first, second, second}},
			then: []syncing.Event{second, progressed(2, syncing.Counts{Created: 1, Failed: 1})},
		},
		{
			name: "there are more than it seemed", given: half, when: syncing.Look{Facts: []syncing.Looked{second, third}},
			then: []syncing.Event{second, third, progressed(3, syncing.Counts{Created: 1, Skipped: 1, Failed: 1})},
		},
		{name: "which says nothing new", given: half, when: syncing.Look{Facts: []syncing.Looked{first}}},
		{name: "none where there is no sync", when: syncing.Look{}, refused: syncing.ErrNotFound},
		{name: "none when it has ended", given: []syncing.Event{started, ended}, when: syncing.Look{}, refused: syncing.ErrOver},
		{name: "it is completed", given: half, when: syncing.Complete{}, then: []syncing.Event{ended}},
		{name: "once", given: []syncing.Event{started, ended}, when: syncing.Complete{}},
		{name: "it fails", given: half, when: syncing.Fail{Code: "given_up", Why: "It was given up."}, then: []syncing.Event{failed}},
		{name: "what has ended stays as it is", given: []syncing.Event{started, failed}, when: syncing.Complete{}},
		{name: "what there is not cannot fail", when: syncing.Fail{}, refused: syncing.ErrNotFound},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, syncing.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
}

// Whoever comes too late hears which one is under way.
func TestTheSyncThatRunsIsNamed(t *testing.T) {
	t.Parallel()
	_, err := syncing.Decide(syncing.Decider.Fold(syncing.State{}, started), start(as(bob, domain.Admin), another))
	require.ErrorContains(t, err, syncing.IDOf(there, 3).String())
	require.NotEqual(t, syncing.IDOf(there, 3), syncing.IDOf(there, 4))
	require.NotEqual(t, syncing.IDOf(there, 3), syncing.IDOf(one, 3))
}

func TestWhatADryRunWouldDoCountsAsDone(t *testing.T) {
	t.Parallel()
	var facts []syncing.Looked
	for i, o := range []syncing.Outcome{syncing.WouldCreate, syncing.WouldUpdate, syncing.WasUpdated, syncing.WasSkipped} {
		facts = append(facts, syncing.Looked{Ticket: uuid.UUID{14: 1, 15: byte(i)}, Outcome: o})
	}
	s := syncing.Decider.Fold(syncing.State{}, started)
	events, err := syncing.Decide(s, syncing.Look{Facts: facts})
	require.NoError(t, err)
	s = syncing.Decider.Fold(s, events...)
	require.Equal(t, syncing.Counts{Created: 1, Updated: 2, Skipped: 1}, s.Counts)
	require.Equal(t, 4, s.Counts.Done())
	require.Len(t, s.Seen(), 4)
}

func TestLaws(t *testing.T) {
	t.Parallel()
	tickets := rapid.SliceOfN(rapid.SampledFrom([]uuid.UUID{one, two, there}), 0, 3)
	outcomes := rapid.SampledFrom([]syncing.Outcome{syncing.WasCreated, syncing.WouldUpdate, syncing.HasFailed})
	domaintest.Laws(t, syncing.Decider, rapid.Custom(func(t *rapid.T) syncing.Command {
		switch rapid.SampledFrom([]int{0, 0, 1, 1, 1, 1, 2, 3}).Draw(t, "kind") {
		case 0:
			by := rapid.SampledFrom([]domain.Actor{as(ann, domain.Admin), as(bob, domain.Support), as(ann, domain.Member), domain.System}).Draw(t, "by")
			return start(by, rapid.SampledFrom([]uuid.UUID{request, another}).Draw(t, "request"))
		case 1:
			var facts []syncing.Looked
			for _, id := range tickets.Draw(t, "looked") {
				facts = append(facts, syncing.Looked{Ticket: id, Outcome: outcomes.Draw(t, "outcome")})
			}
			return syncing.Look{Facts: facts}
		case 2:
			return syncing.Complete{}
		default:
			return syncing.Fail{Code: "given_up"}
		}
	}), domaintest.Never)
}

func TestUnknownCommandsPanic(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "syncing: unknown command <nil>", func() { _, _ = syncing.Decide(syncing.State{Exists: true}, nil) })
}
