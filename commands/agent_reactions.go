package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// RunID answers the id of the run that follows from something, so that a reaction that repeats starts no second one.
func RunID(from uuid.UUID, purpose agentrun.Purpose) uuid.UUID {
	return uuid.NewSHA1(from, []byte(purpose))
}

// The source channels of tickets that come over MCP: made by an agent, or by a person's own program.
const (
	AgentChannel = "agent"
	MCPChannel   = "mcp"
)

// CategorizeTickets has every new ticket categorized, unless whoever opened it has done so, or the run that made it does:
// by the rules at once, or where there is a model by a job, for that takes seconds.
func CategorizeTickets(a Agents, jobs RunJobs) Reaction {
	return Reaction{
		Name: "categorize_tickets", Facts: []string{"ticket.opened"},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			opened, ok := r.Event.(ticket.Opened)
			if !ok || opened.Chosen == (ticket.Chosen{Category: true, Priority: true}) {
				return nil
			}
			if own, err := a.madeToOrder(ctx, r); err != nil || own {
				return err
			}
			why, id := because(r), RunID(r.Stream, agentrun.CategorizeTicket)
			version, _, err := a.settings.Find(ctx, why.Org, domain.Categorization)
			if err != nil {
				return err
			}
			start := agentrun.Start{
				Agent: domain.Categorization, ConfigVersion: version, Purpose: agentrun.CategorizeTicket, Ticket: r.Stream, For: opened.CreatedBy, By: why.By,
			}
			if !a.hasModel {
				return a.categorizeByRules(ctx, why, id, start, opened)
			}
			return a.handOver(ctx, why, id, start, func(job RunJob) error { return jobs.EnqueueRun(ctx, job, false) })
		},
	}
}

// handOver starts a run and gives it to a worker, unless the words are erased that it would be about: nobody waits for it
// any more.
func (a Agents) handOver(ctx context.Context, r Request, id uuid.UUID, start agentrun.Start, enqueue func(RunJob) error) error {
	switch _, err := a.runs.Create(ctx, r, id, start); {
	case errors.Is(err, ErrErased):
		return nil
	case err != nil:
		return fmt.Errorf("start run %s of %s: %w", id, start.Agent, err)
	}
	return enqueue(RunJob{Org: r.Org, Run: id, Correlation: r.Correlation, Causation: r.Causation})
}

// answerByRules writes a run, what the rules answered in it, and what follows from that, in one append.
func (a Agents) answerByRules(ctx context.Context, r Request, id uuid.UUID, start agentrun.Start, result Result, follow func() (eventstore.Write, error)) error {
	_, err := Together(ctx, a.runs.log, r, "agentrun.Start", func() ([]eventstore.Write, error) {
		run, err := a.runs.Decide(ctx, r.Org, id, start)
		if err != nil || len(run.Events) == 0 { // it was done before
			return []eventstore.Write{run}, err
		}
		run.Events = append(run.Events, agentrun.Completed{
			RequestedBy: start.For, Result: result.fields(), Provider: Builtin, Model: RulesModel, Confidence: result.Confidence,
		})
		follows, err := follow()
		return []eventstore.Write{run, follows}, err
	})
	return err
}

// madeToOrder reports whether a ticket was made by a run that is there to make one, which also says what it is. A chat makes
// tickets by the way.
func (a Agents) madeToOrder(ctx context.Context, opened eventstore.Recorded) (bool, error) {
	by := opened.Metadata.Actor
	if by.Type != string(domain.ByAgent) {
		return false, nil
	}
	run, err := a.runs.State(ctx, domain.OrgID{UUID: opened.Org}, by.ID)
	return run.Started.Purpose == agentrun.CreateTicket, err
}

// categorizeByRules says about the ticket what the rules take it for.
func (a Agents) categorizeByRules(ctx context.Context, r Request, id uuid.UUID, start agentrun.Start, opened ticket.Opened) error {
	result := rulesSay(a.rules.Classify(ctx, r.Org, HelpRequest{Title: opened.Title, Description: opened.Description}))
	err := a.answerByRules(ctx, r, id, start, result, func() (eventstore.Write, error) {
		return a.tickets.handler.Decide(ctx, r.Org, start.Ticket, ticket.Categorize{
			Run: id, Agent: start.Agent, ConfigVersion: start.ConfigVersion, Provider: Builtin, Model: RulesModel, Category: result.Category,
			Priority: result.Priority, Confidence: *result.Confidence, Reasoning: result.Reasoning, By: r.By,
		})
	})
	if errors.Is(err, ticket.ErrNotFound) || errors.Is(err, ticket.ErrErased) || errors.Is(err, ErrErased) { // it is gone by now
		return nil
	}
	return err
}
