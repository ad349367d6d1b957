package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/agentrun"
	"ticketd/eventstore"
	"ticketd/internal/wordless"
)

// agentWork is one run under way.
type agentWork struct {
	Agents

	request Request
	caller  domain.Caller
	ask     Ask
	config  agentconfig.Config
	patient bool                      // a job: what goes wrong on our side is tried again
	stream  eventstore.Stream         // as it was when we last wrote to it
	began   time.Time                 // the run, by whichever instance
	heard   func(fact agentrun.Event) // nil: what happens is noted; else it is told, and nothing is written anywhere
	tools   Tools                     // nil: not opened yet
	texts   []FileText
	veil    veil
}

// earlier answers what came of the run before, if it is over.
func (w *agentWork) earlier() (out Outcome, err error, over bool) { //nolint:revive // the error is part of what came of it
	for _, r := range w.stream.Events {
		switch e := r.Event.(type) {
		case agentrun.Completed:
			out = w.outcome(Outcome{Provider: e.Provider, Model: e.Model, Ticket: e.Ticket, Confidence: e.Confidence})
			out.Result, over = resultOf(e.Result), true
		case agentrun.Failed:
			err, over = ErrAgentFailed.With(e.Reason), true
		}
	}
	return out, err, over
}

// outcome answers what was found with whose it is.
func (w *agentWork) outcome(found Outcome) Outcome {
	found.Run, found.Version = w.stream.ID, w.state().Started.ConfigVersion
	return found
}

func (w *agentWork) state() agentrun.State { return w.runs.Fold(w.stream) }

// do finds the answer, and makes of it what the run is for.
func (w *agentWork) do(ctx context.Context) (Outcome, error) {
	if err := w.turns.take(ctx, func() error { return w.gather(ctx) }); err != nil {
		return Outcome{}, err
	}
	found, err := w.think(ctx)
	if err != nil {
		return Outcome{}, err
	}
	found, err = w.act(ctx, found)
	return w.outcome(found), err
}

// gather reads what the run is about, where that is kept elsewhere and not a second time.
func (w *agentWork) gather(ctx context.Context) (err error) {
	switch w.ask.Purpose {
	case agentrun.CategorizeTicket:
		err = w.readTicket(ctx)
	case agentrun.Shadow:
		err = w.asItStood(ctx)
	case agentrun.Reply:
		err = w.readThread(ctx)
	case agentrun.Title:
		err = w.readExchange(ctx)
	case agentrun.CreateTicket, agentrun.CategorizeText, agentrun.AnalyzeFiles, agentrun.Test:
	}
	if err != nil {
		return err
	}
	if w.texts, err = w.files.Texts(ctx, w.request.Org, w.caller.Actor, w.ask.Files); err != nil {
		return fmt.Errorf("read the files of run %s: %w", w.stream.ID, err)
	}
	return nil
}

// note appends what happened. A run that ended, or that nobody's words are left of, is not gone on with.
func (w *agentWork) note(ctx context.Context, fact agentrun.Event) error {
	if w.heard != nil {
		w.heard(fact)
		return nil
	}
	stream, err := w.runs.Continue(ctx, w.request, w.stream, agentrun.Note{Fact: fact})
	if err == nil {
		w.stream = stream
	}
	return err
}

func (w *agentWork) millis() int { return max(0, int(w.clock().Sub(w.began).Milliseconds())) }

func (w *agentWork) complete(ctx context.Context, out Outcome) error {
	_, err := w.runs.Continue(ctx, w.request, w.stream, agentrun.Complete{
		Result: out.Result.fields(), Provider: out.Provider, Model: out.Model, Confidence: out.Confidence, Ticket: out.Ticket, Millis: w.millis(),
	})
	return err
}

// fail ends the run with what went wrong, in words for whoever waits, and answers that. Who waits in a thread is told first:
// once the run has ended, nobody looks after it any more. An end that cannot be written is answered in the place of why.
func (w *agentWork) fail(ctx context.Context, late bool, why error) error {
	if errors.Is(why, agentrun.ErrTaken) {
		return why
	}
	code, reason := "internal", "Something went wrong on our side."
	refusal, known := errors.AsType[*domain.Error](why)
	model, ofModel := errors.AsType[*ModelError](why)
	switch {
	case late:
		code, reason = "timeout", fmt.Sprintf("The agent took longer than %d seconds.", w.config.Timeout)
	case w.patient && errors.Is(why, ErrToolsAway):
		return why
	case known:
		code, reason = refusal.Code, refusal.Message
	case ofModel:
		code, reason = model.Code, model.Message
	case w.patient:
		return why
	default:
		w.log.WarnContext(ctx, "a run of an agent went wrong", "run", w.stream.ID, "agent", w.ask.Agent, "cause", wordless.Of(why))
	}
	if err := w.tell(ctx, w.request, w.stream.ID, w.state().Started, code); err != nil {
		return err
	}
	if _, err := w.runs.Continue(ctx, w.request, w.stream, agentrun.Fail{Code: code, Reason: reason, Millis: w.millis()}); err != nil {
		return err
	}
	if known && !late {
		return why
	}
	return ErrAgentFailed.With(reason)
}

// open connects to the tools when the first is needed.
func (w *agentWork) open(ctx context.Context) (Tools, error) {
	if w.tools == nil {
		tools, err := w.toolbox.Open(ctx, w.caller, w.stream.ID)
		if err != nil {
			return nil, err
		}
		w.tools = tools
	}
	return w.tools, nil
}

func (w *agentWork) close() {
	if w.tools != nil {
		_ = w.tools.Close() // what was to be said was said
	}
}
