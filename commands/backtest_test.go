package commands_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/agentrun"
	"ticketd/domain/backtest"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// lab is a desk where configurations are tried. It is the model, the rules, the settings, the list of tickets and the queue.
type lab struct {
	*desk
	agents commands.Agents
	trials commands.Backtests

	mu       sync.Mutex
	tickets  []uuid.UUID // the most recent first
	running  uuid.UUID
	answer   func(ctx context.Context, p commands.Prompt) (commands.Completion, error)
	prompts  []string
	shadow   agentconfig.Shadow
	role     domain.Role
	queued   []uuid.UUID
	fault    error // of whatever lies around it
	withText commands.HelpRequest
}

func newLab(t *testing.T, hasModel bool) *lab {
	t.Helper()
	l := &lab{desk: newDesk(t), role: domain.Admin}
	l.answer = says(`{"category":"bug","priority":"high","confidence":0.8,"reasoning":"r","tags":[]}`)
	l.over(l.log, hasModel)
	return l
}

// over plugs the lab together on a log.
func (l *lab) over(log eventstore.Log, hasModel bool) {
	l.agents = commands.NewAgents(log, commands.AgentParts{
		Tickets: l.desk.tickets, Settings: nil, Shadows: l, Model: l, HasModel: hasModel, Rules: l, Files: l, Roles: l, Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	l.trials = commands.NewBacktests(log, l.agents, l)
}

func says(text string) func(context.Context, commands.Prompt) (commands.Completion, error) {
	return func(context.Context, commands.Prompt) (commands.Completion, error) {
		return commands.Completion{Provider: "p", Model: "m", Text: text, Stop: commands.StopAnswer, InputTokens: 10, OutputTokens: 5, Cost: 7}, nil
	}
}

func fails(err error) func(context.Context, commands.Prompt) (commands.Completion, error) {
	return func(context.Context, commands.Prompt) (commands.Completion, error) { return commands.Completion{}, err }
}

// Complete implements commands.Model.
func (l *lab) Complete(ctx context.Context, p commands.Prompt) (commands.Completion, error) {
	l.mu.Lock()
	l.prompts = append(l.prompts, fmt.Sprint(p.Turns))
	answer := l.answer
	l.mu.Unlock()
	return answer(ctx, p)
}

// Classify implements commands.Classifier.
func (l *lab) Classify(_ context.Context, _ domain.OrgID, asked commands.HelpRequest) commands.Classification {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.withText = asked
	return commands.Classification{Category: billing, Priority: ticket.Low, Confidence: 0.4, Title: "t"}
}

// Texts implements commands.FileTexts.
func (l *lab) Texts(context.Context, domain.OrgID, domain.Actor, []domain.FileID) ([]commands.FileText, error) {
	return nil, nil
}

// Role implements commands.Roles.
func (l *lab) Role(context.Context, domain.OrgID, domain.UserID) (domain.Role, bool, error) {
	return l.role, l.role != "", nil
}

// Shadow implements commands.Shadows.
func (l *lab) Shadow(context.Context, domain.OrgID, domain.Agent) (agentconfig.Shadow, error) {
	return l.shadow, l.fault
}

// ShadowOf implements commands.Shadows.
func (l *lab) ShadowOf(_ context.Context, _ domain.OrgID, _ domain.Agent, version int) (agentconfig.Shadow, error) {
	if version != l.shadow.Version {
		return agentconfig.Shadow{}, agentconfig.ErrNoVersion
	}
	return l.shadow, nil
}

// Categorized implements commands.PastTickets.
func (l *lab) Categorized(_ context.Context, org domain.OrgID, limit int) ([]uuid.UUID, error) {
	if org != l.org {
		return nil, nil
	}
	return l.tickets[:min(limit, len(l.tickets))], l.fault
}

// Running implements commands.PastTickets.
func (l *lab) Running(_ context.Context, org domain.OrgID, agent domain.Agent) (uuid.UUID, error) {
	if org != l.org || agent != domain.Categorization {
		return uuid.Nil, nil
	}
	return l.running, l.fault
}

// EnqueueBacktest implements commands.LabJobs.
func (l *lab) EnqueueBacktest(_ context.Context, job commands.BacktestJob) error {
	l.queued = append(l.queued, job.Backtest)
	return nil
}

// EnqueueAside implements commands.LabJobs.
func (l *lab) EnqueueAside(_ context.Context, job commands.RunJob) error {
	l.queued = append(l.queued, job.Run)
	return nil
}

// past makes a ticket of the past.
func (l *lab) past(events ...ticket.Event) uuid.UUID {
	l.t.Helper()
	id := commands.NewID()
	l.happen(id, events...)
	l.tickets = append([]uuid.UUID{id}, l.tickets...)
	return id
}

func (l *lab) happen(id uuid.UUID, events ...ticket.Event) eventstore.Stream {
	l.t.Helper()
	stream, err := l.log.Load(l.t.Context(), l.org.UUID, id)
	require.NoError(l.t, err)
	written := make([]any, len(events))
	for i, e := range events {
		written[i] = e
	}
	streams, err := l.log.Append(l.t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: eventstore.Stream{Org: l.org.UUID, ID: id, Events: stream.Events}, Events: written})
	require.NoError(l.t, err)
	return streams[0]
}

func sorter(change ...func(*agentconfig.Config)) commands.Candidate {
	c := commands.Candidate{Agent: domain.Categorization, Version: 1, Config: agentconfig.Defaults(domain.Categorization)}
	for _, f := range change {
		f(&c.Config)
	}
	return c
}

func (l *lab) start(c commands.Candidate) commands.BacktestJob {
	l.t.Helper()
	id := commands.NewID()
	_, err := l.trials.Start(l.t.Context(), l.request(), id, c, 100)
	require.NoError(l.t, err)
	return commands.BacktestJob{Org: l.org, Backtest: id, Correlation: "req", Causation: "1"}
}

// facts answers what a backtest has judged, and how it ended.
func (l *lab) facts(job commands.BacktestJob) (map[uuid.UUID]backtest.Judged, backtest.Event) {
	l.t.Helper()
	stream, err := l.log.Load(l.t.Context(), l.org.UUID, job.Backtest)
	require.NoError(l.t, err)
	judged := map[uuid.UUID]backtest.Judged{}
	var last backtest.Event
	for _, r := range stream.Events {
		event, ok := r.Event.(backtest.Event)
		require.True(l.t, ok)
		last = event
		if fact, ok := event.(backtest.Judged); ok {
			require.NotContains(l.t, judged, fact.Ticket)
			judged[fact.Ticket] = fact
		}
	}
	return judged, last
}

func TestABacktestAsksAboutTicketsAsTheyStood(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	right := l.past(opened, sorted, reworded, solved)
	wrong := l.past(append([]ticket.Event{opened, sorted}, corrected(security)...)...)
	open := l.past(opened, sorted)
	gone := l.past(opened, sorted, solved, ticket.Deleted{})
	job := l.start(sorter())
	require.NoError(t, l.trials.Run(t.Context(), job))
	judged, end := l.facts(job)
	require.Equal(t, backtest.Completed{}, end)
	require.Len(t, judged, 4)
	said := backtest.Verdict{Category: "bug", Priority: "high", Confidence: 0.8}
	then := backtest.Verdict{Category: "bug", Priority: "high", Confidence: 0.8}
	require.Equal(t, backtest.Judged{
		Ticket: right, Then: then, Said: said, Right: backtest.Verdict{Category: "bug", Priority: "high"}, Basis: backtest.Stood, Provider: "p", Model: "m", Tokens: 15, Cost: 7,
		Millis: judged[right].Millis,
	}, judged[right])
	require.Equal(t, "security", judged[wrong].Right.Category)
	require.Equal(t, []string{backtest.Undecided, backtest.Deleted}, []string{judged[open].Unjudged, judged[gone].Unjudged})
	require.Zero(t, judged[open].Cost, "what cannot be judged is not paid for")
	require.Len(t, l.prompts, 2)
	for _, prompt := range l.prompts {
		require.Contains(t, prompt, "as it was")
		require.NotContains(t, prompt, "nobody knew")
	}
	require.NoError(t, l.trials.Run(t.Context(), job), "what has ended is left alone")
	require.NoError(t, l.trials.Run(t.Context(), commands.BacktestJob{Org: l.org, Backtest: commands.NewID()}), "and what there is not")
	require.Len(t, l.prompts, 2)
}

func TestTheRulesAreACandidateToo(t *testing.T) {
	t.Parallel()
	for _, hasModel := range []bool{false, true} {
		l := newLab(t, hasModel)
		id := l.past(opened, sorted, solved)
		job := l.start(sorter(func(c *agentconfig.Config) {
			if hasModel {
				c.Model = commands.RulesModel
			}
		}))
		require.NoError(t, l.trials.Run(t.Context(), job))
		judged, _ := l.facts(job)
		require.Equal(t, backtest.Verdict{Category: "billing", Priority: "low", Confidence: 0.4}, judged[id].Said)
		require.Equal(t, []string{commands.Builtin, commands.RulesModel}, []string{judged[id].Provider, judged[id].Model})
		require.Equal(t, commands.HelpRequest{Title: "then", Description: "as it was"}, l.withText)
		require.Empty(t, l.prompts)
	}
}

// What a candidate does not say is told, and never made up by the rules.
func TestAnAnswerThatDoesNotComeIsNotJudged(t *testing.T) {
	t.Parallel()
	for want, answer := range map[string]func(context.Context, commands.Prompt) (commands.Completion, error){
		"invalid_request": fails(&commands.ModelError{Code: "invalid_request"}),
		"timeout":         fails(&commands.ModelError{Code: "timeout"}),
		"invalid_answer":  says(`{"category":"spaceship"}`),
		"agent_refused": func(context.Context, commands.Prompt) (commands.Completion, error) {
			return commands.Completion{Stop: commands.StopRefusal}, nil
		},
	} {
		l := newLab(t, true)
		l.answer = answer
		id := l.past(opened, sorted, solved)
		job := l.start(sorter())
		require.NoError(t, l.trials.Run(t.Context(), job))
		judged, end := l.facts(job)
		require.Equal(t, backtest.Completed{}, end)
		require.Equal(t, want, judged[id].Unjudged)
		require.Zero(t, judged[id].Said)
		if want == "invalid_answer" {
			require.EqualValues(t, 14, judged[id].Cost, "it was asked once more, and both were paid for")
		}
	}
}

// An outage says nothing of the candidate: what was answered is kept, and the rest is asked again.
func TestABacktestWaitsUntilProvidersAnswer(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"rate_limited", "unavailable", "circuit_open", "none", "refused_key"} {
		l := newLab(t, true)
		for range 12 {
			l.past(opened, sorted, solved)
		}
		usual := l.answer
		l.answer = func(ctx context.Context, p commands.Prompt) (commands.Completion, error) {
			l.mu.Lock()
			asked := len(l.prompts)
			l.mu.Unlock()
			if asked > 3 {
				return commands.Completion{}, &commands.ModelError{Code: code}
			}
			return usual(ctx, p)
		}
		job := l.start(sorter())
		var away *commands.ModelError
		require.ErrorAs(t, l.trials.Run(t.Context(), job), &away, code)
		judged, end := l.facts(job)
		require.IsType(t, backtest.Judged{}, end, code)
		require.NotEmpty(t, judged)
		require.Less(t, len(l.prompts), 12, "the rest of the sample is not burnt")
		for _, fact := range judged {
			require.Empty(t, fact.Unjudged)
		}
		facts, stopped, err := l.trials.Preview(t.Context(), l.request(), sorter(), 5, time.Minute)
		require.NoError(t, err)
		require.Equal(t, code, stopped)
		require.Equal(t, code, facts[4].Unjudged)

		l.answer = usual
		require.NoError(t, l.trials.Run(t.Context(), job))
		judged, end = l.facts(job)
		require.Equal(t, backtest.Completed{}, end)
		require.Len(t, judged, 12)
	}
}

func TestThereIsOneBacktestOfAnAgentAtATime(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	l.past(opened, sorted, solved)
	job := l.start(sorter())
	l.running = job.Backtest
	_, err := l.trials.Start(t.Context(), l.request(), commands.NewID(), sorter(), 10)
	require.ErrorIs(t, err, backtest.ErrRunning)
	_, err = l.trials.Start(t.Context(), l.request(), job.Backtest, sorter(), 10)
	require.NoError(t, err, "a repetition is the same one")
}

func TestASilentModelIsNotJudged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, true)
		l.answer = func(ctx context.Context, _ commands.Prompt) (commands.Completion, error) {
			<-ctx.Done()
			return commands.Completion{}, ctx.Err()
		}
		id := l.past(opened, sorted, solved)
		job := l.start(sorter())
		require.NoError(t, l.trials.Run(t.Context(), job))
		judged, _ := l.facts(job)
		require.Equal(t, "timeout", judged[id].Unjudged)
		require.Equal(t, 14_000, judged[id].Millis, "a second is left for the rules, which nobody asks here")
	})
}

// A model that wants tools gets none, and no connection is opened for it.
func TestACandidateHasNoTools(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	asked := 0
	l.answer = func(ctx context.Context, p commands.Prompt) (commands.Completion, error) {
		if asked++; asked == 1 {
			return commands.Completion{Stop: commands.StopTools, Calls: []commands.ToolCall{{ID: "1", Name: "update_ticket", Arguments: "{}"}}}, nil
		}
		return says(`{"category":"bug","priority":"low","confidence":1}`)(ctx, p)
	}
	id := l.past(opened, sorted, solved)
	job := l.start(sorter())
	require.NoError(t, l.trials.Run(t.Context(), job))
	judged, _ := l.facts(job)
	require.Equal(t, "bug", judged[id].Said.Category)
	require.Equal(t, 2, asked)
}

func TestABacktestStopsWhenTheBudgetIsUsedUp(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	for range 10 {
		l.past(opened, sorted, solved)
	}
	asked := 0
	usual := l.answer
	l.answer = func(ctx context.Context, p commands.Prompt) (commands.Completion, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if asked++; asked > 3 {
			return commands.Completion{}, &commands.ModelError{Code: "budget"}
		}
		return usual(ctx, p)
	}
	job := l.start(sorter())
	require.NoError(t, l.trials.Run(t.Context(), job))
	judged, end := l.facts(job)
	stopped, ok := end.(backtest.Stopped)
	require.True(t, ok, "%#v", end)
	require.Equal(t, "budget", stopped.Code)
	require.Contains(t, stopped.Reason, "budget")
	require.Len(t, judged, 3, "what was answered was paid for, and is kept")
	facts, why, err := l.trials.Preview(t.Context(), l.request(), sorter(), 5, time.Minute)
	require.NoError(t, err)
	require.Equal(t, "budget", why)
	require.Len(t, facts, 5)
	require.Equal(t, "budget", facts[4].Unjudged)
}

// Whoever takes a backtest up asks about what is not told, and nothing else.
func TestABacktestIsGoneOnWith(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	for range 6 {
		l.past(opened, sorted, solved)
	}
	job := l.start(sorter())
	ctx, kill := context.WithCancel(t.Context())
	usual := l.answer
	l.answer = func(inner context.Context, p commands.Prompt) (commands.Completion, error) {
		l.mu.Lock()
		asked := len(l.prompts)
		l.mu.Unlock()
		if asked > 2 {
			<-inner.Done()
			return commands.Completion{}, inner.Err()
		}
		return usual(inner, p)
	}
	ended := make(chan error)
	go func() { ended <- l.trials.Run(ctx, job) }()
	require.Eventually(t, func() bool { judged, _ := l.facts(job); return len(judged) > 0 }, 20*time.Second, time.Millisecond)
	kill()
	require.ErrorIs(t, <-ended, context.Canceled)
	before, _ := l.facts(job)
	require.LessOrEqual(t, len(before), 4)
	l.answer, l.prompts = usual, nil
	require.NoError(t, l.trials.Run(t.Context(), job))
	judged, end := l.facts(job)
	require.Equal(t, backtest.Completed{}, end)
	require.Len(t, judged, 6)
	require.Len(t, l.prompts, 6-len(before))
}

func TestACancelledBacktestStops(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	for range 40 {
		l.past(opened, sorted, solved)
	}
	job := l.start(sorter())
	usual := l.answer
	l.answer = func(ctx context.Context, p commands.Prompt) (commands.Completion, error) {
		_, err := l.trials.Cancel(ctx, l.request(), job.Backtest)
		return errOr(usual, err)(ctx, p)
	}
	require.NoError(t, l.trials.Run(t.Context(), job))
	_, end := l.facts(job)
	require.Equal(t, backtest.Cancelled{By: l.admin.User}, end)
	require.Less(t, len(l.prompts), 40)
	require.NoError(t, l.trials.GiveUp(t.Context(), job))
	_, end = l.facts(job)
	require.IsType(t, backtest.Cancelled{}, end)
}

func errOr(usual func(context.Context, commands.Prompt) (commands.Completion, error), err error) func(context.Context, commands.Prompt) (commands.Completion, error) {
	if err != nil {
		return fails(err)
	}
	return usual
}

func TestABacktestIsGivenUp(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	l.past(opened, sorted, solved)
	job := l.start(sorter())
	l.answer = fails(errBroken)
	require.ErrorIs(t, l.trials.Run(t.Context(), job), errBroken, "what is wrong on our side is tried again")
	require.NoError(t, l.trials.GiveUp(t.Context(), job))
	_, end := l.facts(job)
	require.Equal(t, "given_up", end.(backtest.Stopped).Code)
	require.NoError(t, l.trials.GiveUp(t.Context(), commands.BacktestJob{Org: l.org, Backtest: commands.NewID()}))
}

func TestWhoMayTryConfigurations(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	r := l.request()
	_, err := l.trials.Start(t.Context(), r, commands.NewID(), sorter(), 10)
	require.ErrorIs(t, err, backtest.ErrEmpty)
	l.past(opened, sorted, solved)
	other := sorter()
	other.Agent = domain.Summary
	_, err = l.trials.Start(t.Context(), r, commands.NewID(), other, 10)
	require.ErrorIs(t, err, agentconfig.ErrNotCompared)
	_, _, err = l.trials.Preview(t.Context(), r, other, 10, time.Minute)
	require.ErrorIs(t, err, agentconfig.ErrNotCompared)
	r.By.Role = domain.Support
	_, err = l.trials.Start(t.Context(), r, commands.NewID(), sorter(), 10)
	require.ErrorIs(t, err, domain.ErrForbidden)
	_, _, err = l.trials.Preview(t.Context(), r, sorter(), 10, time.Minute)
	require.ErrorIs(t, err, domain.ErrForbidden)
	l.fault = errBroken
	_, err = l.trials.Start(t.Context(), l.request(), commands.NewID(), sorter(), 10)
	require.ErrorIs(t, err, errBroken)
	_, _, err = l.trials.Preview(t.Context(), l.request(), sorter(), 10, time.Minute)
	require.ErrorIs(t, err, errBroken)
}

func TestAPreviewWritesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	l.past(opened, resorted)
	last := l.past(opened, sorted, ticket.Deleted{})
	before, err := l.log.Read(t.Context(), eventstore.Query{})
	require.NoError(t, err)
	facts, stopped, err := l.trials.Preview(t.Context(), l.request(), sorter(), 10, time.Minute)
	require.NoError(t, err)
	require.Empty(t, stopped)
	require.Equal(t, []string{"", "bug"}, []string{facts[0].Said.Category, facts[1].Said.Category}, "an undecided one is asked about, too")
	require.Equal(t, last, facts[0].Ticket, "the most recent first")
	after, err := l.log.Read(t.Context(), eventstore.Query{})
	require.NoError(t, err)
	require.Len(t, after, len(before))

	l.answer = fails(errBroken)
	_, _, err = l.trials.Preview(t.Context(), l.request(), sorter(), 10, time.Minute)
	require.ErrorIs(t, err, errBroken)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = l.trials.Preview(gone, l.request(), sorter(), 10, time.Minute)
	require.ErrorIs(t, err, context.Canceled)
}

// A preview that takes too long answers what it has.
func TestAPreviewEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, true)
		for range 9 {
			l.past(opened, sorted)
		}
		usual := l.answer
		l.answer = func(ctx context.Context, p commands.Prompt) (commands.Completion, error) {
			select {
			case <-time.After(10 * time.Second):
				return usual(ctx, p)
			case <-ctx.Done():
				return commands.Completion{}, ctx.Err()
			}
		}
		facts, stopped, err := l.trials.Preview(t.Context(), l.request(), sorter(), 20, 25*time.Second)
		require.NoError(t, err)
		require.Empty(t, stopped)
		require.Len(t, facts, 9)
		late := 0
		for _, f := range facts {
			if f.Unjudged == backtest.OutOfTime {
				late++
			}
		}
		require.Equal(t, 1, late, "four at once, twice")
	})
}

func TestALogThatIsAwayIsAnError(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	l.past(opened, sorted, solved)
	job := l.start(sorter())
	l.over(unread{l.log}, true)
	require.ErrorIs(t, l.trials.Run(t.Context(), job), errBroken)
	_, err := l.trials.Shadowed(t.Context(), l.org, []commands.ShadowRun{{}})
	require.ErrorIs(t, err, errBroken)
	_, _, err = l.trials.Preview(t.Context(), l.request(), sorter(), 10, time.Minute)
	require.ErrorIs(t, err, errBroken)
}

func TestAnotherOrganizationsTicketsAreNotTried(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	l.past(opened, sorted, solved)
	r := l.request()
	r.Org = domain.OrgID{UUID: uuid.New()}
	facts, _, err := l.trials.Preview(t.Context(), r, sorter(), 10, time.Minute)
	require.NoError(t, err)
	require.Empty(t, facts)
}

func TestEveryBacktestHasAJob(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	l.past(opened, sorted, solved)
	job := l.start(sorter())
	reaction := commands.RunBacktests(l)
	require.Equal(t, []string{"backtest.started"}, reaction.Facts)
	require.NoError(t, reaction.React(t.Context(), eventstore.Recorded{Org: l.org.UUID, Stream: job.Backtest}))
	require.Equal(t, []uuid.UUID{job.Backtest}, l.queued)
}

// shadowed is what happens to a ticket that was categorized by itself.
func (l *lab) shadowed(id uuid.UUID, said ticket.Categorized) error {
	return commands.ShadowCategorizations(l.agents, l).React(l.t.Context(), eventstore.Recorded{Org: l.org.UUID, Stream: id, Event: said})
}

func TestACandidateIsHeardBesideWhatHolds(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	id := commands.NewID()
	said := sorted
	said.Run = commands.RunID(id, agentrun.CategorizeTicket)
	l.happen(id, opened, said)
	require.NoError(t, l.shadowed(id, said))
	require.Empty(t, l.queued, "nothing is tried")
	l.shadow = agentconfig.Shadow{Version: 5, Config: agentconfig.Defaults(domain.Categorization)}
	require.NoError(t, l.shadowed(id, sorted))
	require.Empty(t, l.queued, "somebody has asked for it")
	require.NoError(t, l.shadowed(id, said))
	require.NoError(t, l.shadowed(id, said), "a repetition is harmless")
	run := commands.RunID(said.Run, agentrun.Shadow)
	require.Equal(t, []uuid.UUID{run, run}, l.queued)
	l.fault = errBroken
	require.ErrorIs(t, l.shadowed(id, said), errBroken)

	runs := []commands.ShadowRun{{Run: run, Ticket: id}}
	facts, err := l.trials.Shadowed(t.Context(), l.org, runs)
	require.NoError(t, err)
	require.Equal(t, "running", facts[0].Unjudged)
	l.happen(id, append([]ticket.Event{reworded}, corrected(billing)...)...)
	l.answer = says(`{"category":"billing","priority":"low","confidence":0.6}`)
	require.NoError(t, l.agents.Resume(t.Context(), commands.RunJob{Org: l.org, Run: run}))
	require.NotContains(t, strings.Join(l.prompts, ""), "nobody knew")
	facts, err = l.trials.Shadowed(t.Context(), l.org, runs)
	require.NoError(t, err)
	require.Equal(t, backtest.Judged{
		Ticket: id, Then: backtest.Verdict{Category: "bug", Priority: "high", Confidence: 0.8}, Said: backtest.Verdict{Category: "billing", Priority: "low", Confidence: 0.6},
		Right: backtest.Verdict{Category: "billing"}, Basis: backtest.Chosen, Provider: "p", Model: "m", Tokens: 15, Cost: 7, Millis: facts[0].Millis,
	}, facts[0])
	stream, err := l.log.Load(t.Context(), l.org.UUID, id)
	require.NoError(t, err)
	require.Equal(t, 5, stream.Version(), "nothing is written on the ticket")
}

// The rules never answer for a model that is tried, and a ticket that is gone is not tried.
func TestACandidateThatSaysNothingHasNoAnswer(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(l *lab, id uuid.UUID){
		"unavailable":      func(l *lab, _ uuid.UUID) { l.answer = fails(&commands.ModelError{Code: "unavailable"}) },
		"ticket_not_found": func(l *lab, id uuid.UUID) { l.happen(id, ticket.Deleted{}) },
		"inactive":         func(l *lab, _ uuid.UUID) { l.role = "" },
	} {
		l := newLab(t, true)
		l.shadow = agentconfig.Shadow{Version: 5, Config: agentconfig.Defaults(domain.Categorization)}
		id := commands.NewID()
		said := sorted
		said.Run = commands.RunID(id, agentrun.CategorizeTicket)
		l.happen(id, opened, said)
		require.NoError(t, l.shadowed(id, said))
		run := commands.RunID(said.Run, agentrun.Shadow)
		spoil(l, id)
		require.NoError(t, l.agents.Resume(t.Context(), commands.RunJob{Org: l.org, Run: run}))
		facts, err := l.trials.Shadowed(t.Context(), l.org, []commands.ShadowRun{{Run: run, Ticket: id}})
		require.NoError(t, err)
		require.Equal(t, want, facts[0].Unjudged)
		require.Zero(t, facts[0].Said)
	}
}
