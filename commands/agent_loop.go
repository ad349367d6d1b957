package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"ticketd/domain"
	"ticketd/domain/agentrun"
)

// Limits of one run, beside its time: a model that goes round in circles must not cost more than one that does not.
const (
	mostTurns  = 8
	mostCalls  = 16
	mostTokens = 200_000
	// mends is how often an answer that makes no sense is asked for again.
	mends = 1
)

// The refusals of the loop.
var (
	ErrRefused  = &domain.Error{Kind: domain.Unavailable, Code: "agent_refused", Message: "The model declined to answer."}
	ErrTooMuch  = &domain.Error{Kind: domain.Unavailable, Code: "agent_too_much", Message: "The agent did more than a run may."}
	ErrNoAnswer = &domain.Error{Kind: domain.Unavailable, Code: "invalid_answer", Message: "The agent's answer is not valid."}
)

// think finds the answer: by the model, or where there is none, or none that answers, by the rules. They also say the rest
// when the model has made its ticket and then nothing that makes sense, for to fail would have the ticket made again. What a candidate does not say itself is no answer of its.
func (w *agentWork) think(ctx context.Context) (Outcome, error) {
	if !w.hasModel || w.config.Model == RulesModel {
		if byRules, ok := w.byRules(ctx); ok {
			return byRules, nil
		}
		return Outcome{}, &ModelError{Code: "none", Message: "No model provider is configured, and rules cannot do this."}
	}
	out, err := w.loop(ctx)
	if err == nil || ctx.Err() != nil {
		return out, err
	}
	_, away := errors.AsType[*ModelError](err)
	_, made := w.made()
	if away && w.ask.Purpose != agentrun.Shadow || made && domain.KindOf(err) == domain.Unavailable {
		if byRules, ok := w.byRules(ctx); ok {
			return byRules, nil
		}
	}
	return Outcome{}, err
}

// loop asks the model until it answers, and does what it wants done in between. Errors: a *ModelError when nobody answers,
// ErrNoAnswer, ErrRefused, ErrTooMuch, those of the log and of the tools' connection.
func (w *agentWork) loop(ctx context.Context) (Outcome, error) {
	prompt, err := w.prompt(ctx)
	if err != nil {
		return Outcome{}, err
	}
	var tokens, calls, mended int
	for turn := 1; turn <= mostTurns; turn++ {
		answer, err := w.turn(ctx, turn, prompt)
		if err != nil {
			return Outcome{}, err
		}
		if tokens += answer.InputTokens + answer.OutputTokens; tokens > mostTokens {
			return Outcome{}, ErrTooMuch.With("The agent used more tokens than a run may.")
		}
		prompt.Turns = append(prompt.Turns, w.shown(answer))
		switch {
		case answer.Stop == StopRefusal:
			return Outcome{}, ErrRefused
		case answer.Stop == StopLength:
			return Outcome{}, ErrNoAnswer.With("The agent's answer was cut off; its max_tokens are too few.")
		case answer.Stop == StopTools && len(answer.Calls) > 0:
			if calls += len(answer.Calls); calls > mostCalls {
				return Outcome{}, ErrTooMuch.With("The agent called more tools than a run may.")
			}
			results, err := w.callAll(ctx, turn, answer.Calls, prompt.Tools)
			if err != nil {
				return Outcome{}, err
			}
			prompt.Turns = append(prompt.Turns, results...)
			continue
		}
		result, wrong := w.read(answer.Text)
		if wrong == nil {
			return Outcome{Provider: answer.Provider, Model: answer.Model, Result: result, Confidence: result.Confidence}, nil
		}
		if mended++; mended > mends {
			return Outcome{}, wrong
		}
		prompt.Turns = append(prompt.Turns, Turn{Role: UserTurn, Text: wrong.Message + " Answer again."})
	}
	return Outcome{}, ErrTooMuch.With("The agent took more turns than a run may.")
}

// turn answers what the model says in a turn: what it said already, when the run is taken up again, or what it says now,
// which is noted before anything is done about it. People are back in its words, and secrets out of them.
func (w *agentWork) turn(ctx context.Context, turn int, p Prompt) (Completion, error) {
	for _, r := range w.stream.Events {
		if said, ok := r.Event.(agentrun.ModelAsked); ok && said.Turn == turn {
			return answerOf(said), nil
		}
	}
	began := w.clock()
	answer, err := w.hear(ctx, p)
	took := w.clock().Sub(began)
	passed := answer.PassedOver
	if failed, ok := errors.AsType[*ModelError](err); ok {
		if passed = failed.PassedOver; len(passed) == 0 { // nobody was asked
			passed = []PassedOver{{Code: failed.Code}}
		}
	}
	replaced := w.veil.replaced()
	for _, p := range passed {
		fact := agentrun.ProviderFailed{Turn: turn, Provider: p.Provider, Code: p.Code, Millis: int(p.Took.Milliseconds())}
		if p.Provider != "" {
			fact.Replaced = replaced
		}
		if err := w.note(ctx, fact); err != nil {
			return Completion{}, err
		}
	}
	if err != nil {
		return Completion{}, err
	}
	answer.Text = w.lifted(answer.Text)
	for i := range answer.Calls {
		call := &answer.Calls[i]
		call.ID, call.Name, call.Arguments = callID(turn, i), beginning(call.Name, mostName), beginning(w.veil.liftDocument(cmp.Or(call.Arguments, "{}")), mostSaid)
	}
	return answer, w.note(ctx, agentrun.ModelAsked{
		Turn: turn, Provider: answer.Provider, Model: answer.Model, Stop: string(answer.Stop), Said: factOf(answer), InputTokens: answer.InputTokens,
		OutputTokens: answer.OutputTokens, Cost: answer.Cost, Millis: int(took.Milliseconds()), Cached: answer.Cached, Replaced: replaced,
	})
}

// hear asks the model, and not for so long that no time is left for the rules, and for what is to be done about their answer.
func (w *agentWork) hear(ctx context.Context, p Prompt) (Completion, error) {
	asking := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		asking, cancel = context.WithDeadline(ctx, deadline.Add(-min(time.Second, p.Timeout/10)))
		defer cancel()
	}
	answer, err := w.model.Complete(asking, p)
	if err != nil && asking.Err() != nil && ctx.Err() == nil {
		err = &ModelError{Code: "timeout", Message: fmt.Sprintf("The agent took longer than %d seconds.", w.config.Timeout)}
	}
	return answer, err
}

// lifted is what the model said, as people read it.
func (w *agentWork) lifted(text string) string {
	if w.ask.form() == textForm { // whatever it looks like
		return beginning(w.veil.lift(text), mostSaid)
	}
	return beginning(w.veil.liftDocument(text), mostSaid)
}

// makesSense answers what is wrong with the model's words, before anybody has lifted them.
func (w *agentWork) makesSense(text string) error {
	if _, wrong := w.read(w.lifted(text)); wrong != nil {
		return wrong
	}
	return nil
}

const (
	// mostSaid is how many characters of what a model says are looked at, and mostName of the name of a tool.
	mostSaid = 100_000
	mostName = 100
)

// callID names a call by its place in the run: the model's own ids would be others if it were asked again.
func callID(turn, call int) string { return fmt.Sprintf("call_%d_%d", turn, call+1) }

// factOf is what a model said, as an event holds it.
func factOf(answer Completion) map[string]any {
	fields := map[string]any{}
	if answer.Text != "" {
		fields["text"] = answer.Text
	}
	var calls []any
	for _, call := range answer.Calls {
		calls = append(calls, map[string]any{"tool": call.Name, "arguments": call.Arguments})
	}
	if calls != nil {
		fields["calls"] = calls
	}
	return fields
}

// answerOf reads what an event says that a model said.
func answerOf(e agentrun.ModelAsked) Completion {
	answer := Completion{Provider: e.Provider, Model: e.Model, Stop: Stop(e.Stop), InputTokens: e.InputTokens, OutputTokens: e.OutputTokens, Cost: e.Cost}
	answer.Text, _ = e.Said["text"].(string)
	calls, _ := e.Said["calls"].([]any)
	for i, c := range calls {
		fields, _ := c.(map[string]any)
		call := ToolCall{ID: callID(e.Turn, i)}
		call.Name, _ = fields["tool"].(string)
		call.Arguments, _ = fields["arguments"].(string)
		answer.Calls = append(answer.Calls, call)
	}
	return answer
}

// shown is what the model said, as it is shown to the next one.
func (w *agentWork) shown(answer Completion) Turn {
	turn := Turn{Role: AssistantTurn, Text: w.veil.hide(answer.Text)}
	for _, call := range answer.Calls {
		call.Arguments = w.veil.hide(call.Arguments)
		turn.Calls = append(turn.Calls, call)
	}
	return turn
}
