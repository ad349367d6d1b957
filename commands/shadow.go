package commands

import (
	"context"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/agentrun"
	"ticketd/domain/backtest"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// Shadows tells which candidates are tried beside what holds.
type Shadows interface {
	// Shadow answers what is tried now; the zero Shadow: nothing.
	Shadow(ctx context.Context, org domain.OrgID, agent domain.Agent) (agentconfig.Shadow, error)

	// ShadowOf answers what was tried since that version of the configuration. agentconfig's refusals, when there is no such
	// version; the zero Shadow when nothing was tried.
	ShadowOf(ctx context.Context, org domain.OrgID, agent domain.Agent, version int) (agentconfig.Shadow, error)
}

// ShadowCategorizations has the candidate say what it takes a ticket for that was categorized by itself, if there is a
// candidate: afterwards and in a queue of its own, so that the answer that counts never waits for it. Nothing is written on the ticket.
func ShadowCategorizations(a Agents, jobs LabJobs) Reaction {
	return Reaction{
		Name: "shadow_categorizations", Facts: []string{"ticket.categorized"},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			said, ok := r.Event.(ticket.Categorized)
			if !ok || said.Run != RunID(r.Stream, agentrun.CategorizeTicket) { // somebody has asked for it
				return nil
			}
			why := because(r)
			shadow, err := a.shadows.Shadow(ctx, why.Org, said.Agent)
			if err != nil || shadow.Version == 0 {
				return err
			}
			return a.handOver(ctx, why, RunID(said.Run, agentrun.Shadow), agentrun.Start{
				Agent: said.Agent, ConfigVersion: shadow.Version, Purpose: agentrun.Shadow, Ticket: r.Stream, For: said.CreatedBy, By: why.By,
			}, func(job RunJob) error { return jobs.EnqueueAside(ctx, job) })
		},
	}
}

// configThen answers the configuration that a run began with.
func (a Agents) configThen(ctx context.Context, org domain.OrgID, started agentrun.Started) (agentconfig.Config, error) {
	if started.Purpose != agentrun.Shadow {
		return a.settings.Version(ctx, org, started.Agent, started.ConfigVersion)
	}
	shadow, err := a.shadows.ShadowOf(ctx, org, started.Agent, started.ConfigVersion)
	return shadow.Config, err
}

// asItStood reads what the run is about: the ticket as it was when it was categorized, whatever has become of it.
func (w *agentWork) asItStood(ctx context.Context) error {
	stream, err := w.tickets.handler.load(ctx, w.request.Org, w.ask.Ticket)
	if err != nil {
		return err
	}
	past := Replay(stream.Events)
	if !past.Readable() {
		return ticket.ErrNotFound
	}
	w.ask.Title, w.ask.Text, w.ask.Files = past.Title, past.Description, past.Files
	return nil
}

// ShadowRun is a run of a candidate.
type ShadowRun struct {
	Run    uuid.UUID
	Ticket uuid.UUID
}

// Shadowed answers what candidates have said in runs, beside what counts and what people finally set. A run that is under
// way is told as "running".
func (b Backtests) Shadowed(ctx context.Context, org domain.OrgID, runs []ShadowRun) ([]backtest.Judged, error) {
	facts := make([]backtest.Judged, 0, len(runs))
	for _, run := range runs {
		past, err := b.replay(ctx, org, run.Ticket)
		if err != nil {
			return nil, err
		}
		stream, err := b.agents.runs.load(ctx, org, run.Run)
		if err != nil {
			return nil, err
		}
		fact := past.fact()
		fact.Ticket = run.Ticket
		shadowSaid(&fact, stream.Events)
		facts = append(facts, fact)
	}
	return facts, nil
}

// shadowSaid adds what came of a run.
func shadowSaid(fact *backtest.Judged, events []eventstore.Recorded) {
	why := "running"
	for _, r := range events {
		switch e := r.Event.(type) {
		case agentrun.ModelAsked:
			fact.Tokens += e.InputTokens + e.OutputTokens
			fact.Cost += e.Cost
		case agentrun.Completed:
			result := resultOf(e.Result)
			why, fact.Provider, fact.Model, fact.Millis = "", e.Provider, e.Model, e.Millis
			fact.Said = backtest.Verdict{Category: string(result.Category), Priority: string(result.Priority)}
			if result.Category == "" {
				why = backtest.Erased
			}
			if e.Confidence != nil {
				fact.Said.Confidence = *e.Confidence
			}
		case agentrun.Failed:
			why = e.Code
		}
	}
	if why != "" {
		fact.Unjudged = why
	}
}
