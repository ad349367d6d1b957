package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/ticket"
)

// Roles tells what a member is now.
type Roles interface {
	// Role answers the role of a member; false when they are no active member any more.
	Role(ctx context.Context, org domain.OrgID, user domain.UserID) (domain.Role, bool, error)
}

// Resume brings a run to its end that somebody else began, or that nobody has begun with yet. An error says that it is worth
// another try; a run that came to nothing is none, and says itself why.
func (a Agents) Resume(ctx context.Context, job RunJob) error {
	stream, err := a.runs.load(ctx, job.Org, job.Run)
	state := a.runs.Fold(stream)
	if err != nil || !state.Exists || state.Ended || state.Erased {
		return err
	}
	r, started := job.request(), state.Started
	role, active, err := a.roles.Role(ctx, job.Org, state.RequestedBy)
	caller := domain.Caller{Org: job.Org, Actor: domain.Actor{Type: domain.ByAgent, ID: job.Run, User: state.RequestedBy, Role: role}}
	switch {
	case err != nil:
		return fmt.Errorf("find the role of whom run %s is for: %w", job.Run, err)
	case !active:
		return a.giveUp(ctx, r, job.Run, "inactive", "Whom the agent worked for is no active member any more.")
	case !caller.Can(domain.UseAgents):
		return a.giveUp(ctx, r, job.Run, domain.ErrForbidden.Code, "Whom the agent worked for may not use agents any more.")
	case started.ConfigVersion == 0: // the draft was nobody's but the request's
		return a.giveUp(ctx, r, job.Run, "interrupted", "The test was interrupted; start it again.")
	}
	config, err := a.configThen(ctx, job.Org, started)
	if err != nil {
		return fmt.Errorf("find version %d of %s: %w", started.ConfigVersion, started.Agent, err)
	}
	w := &agentWork{Agents: a, request: r, caller: caller, ask: askOf(started), config: config, patient: true, stream: stream, began: stream.Events[0].At}
	if _, err = a.goOn(ctx, w); err == nil || errors.Is(err, agentrun.ErrTaken) {
		return nil
	}
	if state, unknown := a.runs.State(ctx, job.Org, job.Run); unknown == nil && (state.Ended || state.Erased) {
		return nil
	}
	return err
}

func (j RunJob) request() Request {
	return Request{Org: j.Org, By: domain.System, Correlation: j.Correlation, Causation: j.Causation}
}

// GiveUp ends a run that is not tried again.
func (a Agents) GiveUp(ctx context.Context, job RunJob) error {
	return a.giveUp(ctx, job.request(), job.Run, "given_up", "It was tried several times, and given up.")
}

// giveUp tells whoever waits before it ends the run, after which nobody would.
func (a Agents) giveUp(ctx context.Context, r Request, run uuid.UUID, code, reason string) error {
	state, err := a.runs.State(ctx, r.Org, run)
	if err != nil || !state.Exists || state.Ended {
		return err
	}
	if err := a.tell(ctx, r, run, state.Started, code); err != nil {
		return err
	}
	_, err = a.runs.Handle(ctx, r, run, agentrun.Fail{Code: code, Reason: reason})
	if errors.Is(err, agentrun.ErrNotFound) || errors.Is(err, ErrErased) { // its words are gone, and with them the run
		return nil
	}
	return err
}

// askOf is what a run was asked, as far as it keeps it.
func askOf(s agentrun.Started) Ask {
	ask := Ask{Agent: s.Agent, Purpose: s.Purpose, Files: s.Files, Ticket: s.Ticket, Thread: s.Thread, Message: s.Message}
	ask.Title, _ = s.Input["title"].(string)
	ask.Text, _ = s.Input["text"].(string)
	ask.Integration, _ = s.Input["integration"].(string)
	said, _ := s.Input["context"].([]any)
	for _, c := range said {
		text, _ := c.(string)
		ask.Context = append(ask.Context, text)
	}
	history, _ := s.Input["history"].([]any)
	for _, h := range history {
		turn, _ := h.(map[string]any)
		role, _ := turn["role"].(string)
		text, _ := turn["text"].(string)
		ask.History = append(ask.History, Turn{Role: TurnRole(role), Text: text})
	}
	return ask
}

// readTicket reads the ticket that the run is about.
func (w *agentWork) readTicket(ctx context.Context) error {
	state, err := w.tickets.handler.State(ctx, w.request.Org, w.ask.Ticket)
	if err != nil {
		return err
	}
	if !state.Visible(w.caller.Actor) {
		return ticket.ErrNotFound
	}
	w.ask.Title, w.ask.Text, w.ask.Files = state.Title, state.Description, nil
	for _, attachment := range state.Attachments {
		w.ask.Files = append(w.ask.Files, attachment.FileID)
	}
	return nil
}
