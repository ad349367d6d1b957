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
			if !a.hasModel {
				return a.categorizeByRules(ctx, why, id, r.Stream, opened)
			}
			version, _, err := a.settings.Find(ctx, why.Org, domain.Categorization)
			if err != nil {
				return err
			}
			_, err = a.runs.Create(ctx, why, id, agentrun.Start{
				Agent: domain.Categorization, ConfigVersion: version, Purpose: agentrun.CategorizeTicket, Ticket: r.Stream, For: opened.CreatedBy, By: why.By,
			})
			if errors.Is(err, ErrErased) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("start to categorize ticket %s: %w", r.Stream, err)
			}
			return jobs.EnqueueRun(ctx, RunJob{Org: why.Org, Run: id, Correlation: why.Correlation, Causation: why.Causation}, false)
		},
	}
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

// categorizeByRules writes the run and what it says about the ticket in one append.
func (a Agents) categorizeByRules(ctx context.Context, r Request, id, about uuid.UUID, opened ticket.Opened) error {
	version, _, err := a.settings.Find(ctx, r.Org, domain.Categorization)
	if err != nil {
		return err
	}
	said := a.rules.Classify(ctx, r.Org, HelpRequest{Title: opened.Title, Description: opened.Description})
	result := rulesSay(said)
	_, err = Together(ctx, a.runs.log, r, "agentrun.Start", func() ([]eventstore.Write, error) {
		run, err := a.runs.Decide(ctx, r.Org, id, agentrun.Start{
			Agent: domain.Categorization, ConfigVersion: version, Purpose: agentrun.CategorizeTicket, Ticket: about, For: opened.CreatedBy, By: r.By,
		})
		if err != nil || len(run.Events) == 0 { // it was done before
			return []eventstore.Write{run}, err
		}
		run.Events = append(run.Events, agentrun.Completed{
			RequestedBy: opened.CreatedBy, Result: result.fields(), Provider: Builtin, Model: RulesModel, Confidence: result.Confidence,
		})
		categorized, err := a.tickets.handler.Decide(ctx, r.Org, about, ticket.Categorize{
			Run: id, Agent: domain.Categorization, ConfigVersion: version, Provider: Builtin, Model: RulesModel, Category: result.Category,
			Priority: result.Priority, Confidence: *result.Confidence, Reasoning: result.Reasoning, By: r.By,
		})
		return []eventstore.Write{run, categorized}, err
	})
	if errors.Is(err, ticket.ErrNotFound) || errors.Is(err, ticket.ErrErased) || errors.Is(err, ErrErased) { // it is gone by now
		return nil
	}
	return err
}
