package backtest_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/backtest"
	"ticketd/domain/domaintest"
)

var (
	ann, bob = domain.UserID{UUID: uuid.UUID{15: 1}}, domain.UserID{UUID: uuid.UUID{15: 2}}
	one, two = uuid.UUID{15: 11}, uuid.UUID{15: 12}

	candidate = backtest.Candidate{Model: "m", MaxTokens: 9, Timeout: 3, SystemPrompt: "Sort.", Tools: []string{}}
	started   = backtest.Started{Agent: domain.Categorization, Version: 2, Candidate: candidate, Tickets: []uuid.UUID{one, two}, By: ann}
	first     = backtest.Judged{Ticket: one, Said: backtest.Verdict{Category: "bug", Priority: "high", Confidence: 0.9}, Cost: 5}
	second    = backtest.Judged{Ticket: two, Unjudged: backtest.Undecided}
)

func as(user domain.UserID, role domain.Role) domain.Actor {
	return domain.Actor{Type: domain.ByUser, ID: user.UUID, User: user, Role: role}
}

func start(by domain.Actor, tickets ...uuid.UUID) backtest.Start {
	return backtest.Start{Agent: domain.Categorization, Version: 2, Candidate: candidate, Tickets: tickets, By: by}
}

func TestBacktests(t *testing.T) {
	t.Parallel()
	admin := as(ann, domain.Admin)
	under := []backtest.Event{started}
	for _, s := range []struct {
		name    string
		given   []backtest.Event
		when    backtest.Command
		then    []backtest.Event
		refused error
	}{
		{name: "an administrator starts one", when: start(admin, one, two), then: []backtest.Event{started}},
		{name: "and again, after an answer that was lost", given: under, when: start(admin, one)},
		{name: "somebody else has this id", given: under, when: start(as(bob, domain.Admin), one), refused: backtest.ErrExists},
		{name: "others may not", when: start(as(ann, domain.Support), one), refused: domain.ErrForbidden},
		{name: "without tickets nothing can be tried", when: start(admin), refused: backtest.ErrEmpty},
		{name: "tickets are judged", given: under, when: backtest.Judge{Facts: []backtest.Judged{first, second}}, then: []backtest.Event{first, second}},
		{name: "each once", given: []backtest.Event{started, first}, when: backtest.Judge{Facts: []backtest.Judged{first, second, second}}, then: []backtest.Event{second}},
		{name: "none where there is no backtest", when: backtest.Judge{}, refused: backtest.ErrNotFound},
		{name: "none when it has ended", given: []backtest.Event{started, backtest.Completed{}}, when: backtest.Judge{}, refused: backtest.ErrEnded},
		{name: "it is completed", given: under, when: backtest.Complete{}, then: []backtest.Event{backtest.Completed{}}},
		{name: "once", given: []backtest.Event{started, backtest.Completed{}}, when: backtest.Complete{}},
		{name: "it is stopped", given: under, when: backtest.Stop{Code: "budget", Reason: "No money."}, then: []backtest.Event{backtest.Stopped{Code: "budget", Reason: "No money."}}},
		{name: "it is cancelled", given: under, when: backtest.Cancel{By: admin}, then: []backtest.Event{backtest.Cancelled{By: ann}}},
		{name: "others may not cancel it", given: under, when: backtest.Cancel{By: as(ann, domain.Auditor)}, refused: domain.ErrForbidden},
		{name: "what there is not cannot be cancelled", when: backtest.Cancel{By: admin}, refused: backtest.ErrNotFound},
		{name: "what has ended stays as it is", given: []backtest.Event{started, backtest.Stopped{}}, when: backtest.Cancel{By: admin}},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, backtest.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
}

func TestWhatIsLeftIsInTheOrderOfTheSample(t *testing.T) {
	t.Parallel()
	s := backtest.Decider.Fold(backtest.State{}, started)
	require.Equal(t, []uuid.UUID{one, two}, s.Left())
	require.Equal(t, []uuid.UUID{one}, backtest.Decider.Fold(s, second).Left())
	require.Empty(t, backtest.Decider.Fold(s, second, first).Left())
}

func TestLaws(t *testing.T) {
	t.Parallel()
	tickets := rapid.SliceOfN(rapid.SampledFrom([]uuid.UUID{one, two}), 0, 3)
	actors := rapid.SampledFrom([]domain.Actor{as(ann, domain.Admin), as(ann, domain.Admin), as(bob, domain.Admin), as(ann, domain.Member), domain.System})
	domaintest.Laws(t, backtest.Decider, rapid.Custom(func(t *rapid.T) backtest.Command {
		switch rapid.SampledFrom([]int{0, 0, 1, 1, 1, 1, 2, 3, 4}).Draw(t, "kind") {
		case 0:
			return start(actors.Draw(t, "by"), tickets.Draw(t, "tickets")...)
		case 1:
			var facts []backtest.Judged
			for _, id := range tickets.Draw(t, "judged") {
				facts = append(facts, backtest.Judged{Ticket: id, Cost: 1})
			}
			return backtest.Judge{Facts: facts}
		case 2:
			return backtest.Complete{}
		case 3:
			return backtest.Stop{Code: "budget"}
		default:
			return backtest.Cancel{By: actors.Draw(t, "by")}
		}
	}), domaintest.Never)
}

func TestUnknownCommandsPanic(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "backtest: unknown command <nil>", func() { _, _ = backtest.Decide(backtest.State{}, nil) })
}
