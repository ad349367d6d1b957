package commands

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/backtest"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// PastTickets finds tickets of the past, and what is tried on them.
type PastTickets interface {
	// Categorized answers tickets that an agent has categorized, the most recent first.
	Categorized(ctx context.Context, org domain.OrgID, limit int) ([]uuid.UUID, error)

	// Running answers the backtest of an agent that is under way; uuid.Nil when none is.
	Running(ctx context.Context, org domain.OrgID, agent domain.Agent) (uuid.UUID, error)
}

// BacktestJob asks a worker to go on with a backtest.
type BacktestJob struct {
	Org         domain.OrgID
	Backtest    uuid.UUID
	Correlation string // the request everything started with
	Causation   string // the position of the event that asked for it
}

// LabJobs hands over what nobody waits for, so that it delays nothing that somebody does wait for.
type LabJobs interface {
	// EnqueueBacktest asks for a backtest to be gone on with. To ask again is harmless.
	EnqueueBacktest(ctx context.Context, job BacktestJob) error

	// EnqueueAside asks for a run that nobody waits for. To ask again is harmless.
	EnqueueAside(ctx context.Context, job RunJob) error
}

// asking is how many tickets a candidate is shown at once: fewer than a provider takes, so that people are never kept out.
const asking = 4

// Backtests tries configurations on tickets of the past.
type Backtests struct {
	handler Handler[backtest.State, backtest.Command, backtest.Event]
	log     eventstore.Log
	agents  Agents
	tickets PastTickets
}

// NewBacktests ties backtests to the log, to those who answer and to the tickets.
func NewBacktests(log eventstore.Log, a Agents, t PastTickets) Backtests {
	return Backtests{handler: NewHandler(log, backtest.Decider), log: log, agents: a, tickets: t}
}

// Candidate is a configuration to be tried.
type Candidate struct {
	Agent   domain.Agent
	Version int // 0: a draft
	Config  agentconfig.Config
}

// Start chooses the tickets and starts a backtest, which a job then does, one for an agent at a time: each costs money. The
// same id again changes nothing. Errors: agentconfig.ErrNotCompared, the refusals of package backtest.
func (b Backtests) Start(ctx context.Context, r Request, id uuid.UUID, c Candidate, sample int) (eventstore.Stream, error) {
	if !r.By.May(domain.ManageAgentConfig) {
		return eventstore.Stream{}, domain.ErrForbidden
	}
	if err := agentconfig.Compared(c.Agent); err != nil {
		return eventstore.Stream{}, err
	}
	running, err := b.tickets.Running(ctx, r.Org, c.Agent)
	switch {
	case err != nil:
		return eventstore.Stream{}, err
	case running != uuid.Nil && running != id:
		return eventstore.Stream{}, backtest.ErrRunning
	}
	tickets, err := b.tickets.Categorized(ctx, r.Org, min(sample, backtest.MaxSample))
	if err != nil {
		return eventstore.Stream{}, err
	}
	return b.handler.Create(ctx, r, id, backtest.Start{
		Agent: c.Agent, Version: c.Version, Candidate: backtest.Candidate(c.Config), Tickets: tickets, By: r.By,
	})
}

// Cancel ends a backtest before it is done; what was judged stays. Errors: domain.ErrForbidden, backtest.ErrNotFound.
func (b Backtests) Cancel(ctx context.Context, r Request, id uuid.UUID) (eventstore.Stream, error) {
	return b.handler.Handle(ctx, r, id, backtest.Cancel{By: r.By})
}

// RunBacktests hands every backtest that is started to a worker.
func RunBacktests(jobs LabJobs) Reaction {
	return Reaction{
		Name: "run_backtests", Facts: []string{"backtest.started"},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			why := because(r)
			return jobs.EnqueueBacktest(ctx, BacktestJob{Org: why.Org, Backtest: r.Stream, Correlation: why.Correlation, Causation: why.Causation})
		},
	}
}

// Run tries the tickets that are left, until all are tried, the budget is used up or somebody cancels it. What is told is
// not asked again, so whoever takes it up after a crash pays at most for those that were being asked. An error is worth
// another try.
func (b Backtests) Run(ctx context.Context, job BacktestJob) error {
	r := Request{Org: job.Org, By: domain.System, Correlation: job.Correlation, Causation: job.Causation}
	stream, err := b.handler.load(ctx, job.Org, job.Backtest)
	if err != nil {
		return err
	}
	state := b.handler.Fold(stream)
	if !state.Exists || state.Ended {
		return nil
	}
	err = b.judgeAll(ctx, r, stream, state)
	switch {
	case errors.Is(err, errBudget):
		_, err = b.handler.Handle(ctx, r, job.Backtest, backtest.Stop{Code: "budget", Reason: "The month's budget for models is used up; the tickets that are left were not tried."})
	case errors.Is(err, backtest.ErrEnded): // somebody has cancelled it
		return nil
	case err == nil:
		_, err = b.handler.Handle(ctx, r, job.Backtest, backtest.Complete{})
	}
	return err
}

// GiveUp ends a backtest that is not tried again.
func (b Backtests) GiveUp(ctx context.Context, job BacktestJob) error {
	r := Request{Org: job.Org, By: domain.System, Correlation: job.Correlation, Causation: job.Causation}
	_, err := b.handler.Handle(ctx, r, job.Backtest, backtest.Stop{Code: "given_up", Reason: "It was given up after several tries."})
	if errors.Is(err, backtest.ErrNotFound) {
		return nil
	}
	return err
}

// judgeAll tries the tickets that are left, and tells of each as soon as it can.
func (b Backtests) judgeAll(ctx context.Context, r Request, stream eventstore.Stream, state backtest.State) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	facts := b.judgeEach(ctx, r.Org, agentconfig.Config(state.Started.Candidate), state.Left(), false, stop)
	var untold error
	for fact := range facts {
		told := []backtest.Judged{fact}
		for more := len(facts); more > 0; more-- { // in one append, when answers come quicker than they can be told
			told = append(told, <-facts)
		}
		if untold != nil {
			continue // let those end that are under way
		}
		if stream, untold = b.handler.Continue(context.WithoutCancel(ctx), r, stream, backtest.Judge{Facts: told}); untold != nil {
			stop(untold)
		}
	}
	return context.Cause(ctx)
}

// judgeEach asks the candidate about each ticket, some at once, and answers what it says as it comes. The first error stops
// it. undecided asks about those as well whose right answer nobody knows.
func (b Backtests) judgeEach(ctx context.Context, org domain.OrgID, config agentconfig.Config, tickets []uuid.UUID, undecided bool, stop context.CancelCauseFunc) chan backtest.Judged {
	todo := make(chan uuid.UUID)
	facts := make(chan backtest.Judged, 8*asking)
	go func() {
		defer close(todo)
		for _, id := range tickets {
			select {
			case todo <- id:
			case <-ctx.Done():
				return
			}
		}
	}()
	var work sync.WaitGroup
	for range asking {
		work.Go(func() {
			for id := range todo {
				fact, err := b.judge(ctx, org, config, id, undecided)
				if err != nil {
					stop(err)
					return
				}
				facts <- fact
			}
		})
	}
	go func() {
		work.Wait()
		close(facts)
	}()
	return facts
}

// judge tries one ticket.
func (b Backtests) judge(ctx context.Context, org domain.OrgID, config agentconfig.Config, id uuid.UUID, undecided bool) (backtest.Judged, error) {
	past, err := b.replay(ctx, org, id)
	if err != nil {
		return backtest.Judged{}, err
	}
	fact := past.fact()
	if past.Unjudged == "" || undecided && past.Readable() {
		fact, err = b.agents.consider(ctx, org, config, past)
	}
	fact.Ticket = id
	return fact, err
}

func (b Backtests) replay(ctx context.Context, org domain.OrgID, id uuid.UUID) (Past, error) {
	stream, err := b.log.Load(ctx, org.UUID, id)
	if err != nil {
		return Past{}, fmt.Errorf("replay ticket %s: %w", id, err)
	}
	if stream.Version() > 0 && stream.Category() != ticket.Decider.Category {
		stream.Events = nil
	}
	return Replay(stream.Events), nil
}

// Preview answers what a candidate says about the last tickets that were categorized, within some time; what is left then is
// told as out of time. It writes nothing, though a model's answers have their price. stopped is why it ended before: "budget",
// or the code of why no provider answers.
// Errors: domain.ErrForbidden, agentconfig.ErrNotCompared.
func (b Backtests) Preview(ctx context.Context, r Request, c Candidate, last int, patience time.Duration) (facts []backtest.Judged, stopped string, err error) {
	if !r.By.May(domain.ManageAgentConfig) {
		return nil, "", domain.ErrForbidden
	}
	if err := agentconfig.Compared(c.Agent); err != nil {
		return nil, "", err
	}
	tickets, err := b.tickets.Categorized(ctx, r.Org, last)
	if err != nil {
		return nil, "", err
	}
	timed, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	bounded, stop := context.WithCancelCause(timed)
	defer stop(nil)
	told := map[uuid.UUID]bool{}
	for fact := range b.judgeEach(bounded, r.Org, c.Config, tickets, true, stop) {
		told[fact.Ticket] = true
		facts = append(facts, fact)
	}
	why := backtest.OutOfTime
	away, ofModel := errors.AsType[*ModelError](context.Cause(bounded))
	switch cause := context.Cause(bounded); {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case errors.Is(cause, errBudget):
		why, stopped = "budget", "budget"
	case ofModel:
		why, stopped = away.Code, away.Code
	case timed.Err() != nil, errors.Is(cause, context.DeadlineExceeded), cause == nil:
	default:
		return nil, "", cause
	}
	for _, id := range tickets {
		if !told[id] {
			facts = append(facts, backtest.Judged{Ticket: id, Unjudged: why})
		}
	}
	return backtest.Facts(tickets, facts), stopped, nil
}
