package commands

import (
	"context"
	"errors"
	"time"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/agentrun"
	"ticketd/domain/backtest"
	"ticketd/internal/wordless"
)

// consider asks a candidate what a ticket of the past is about, and puts what it says beside what is known. It writes nothing
// anywhere, and the rules answer only where they are the candidate, or where there is no model at all: an answer that is not
// the candidate's measures nothing. An error is worth another try: one of ctx, of our own, or a *ModelError when no provider
// answers. errBudget: nobody may be asked any more this month.
func (a Agents) consider(ctx context.Context, org domain.OrgID, config agentconfig.Config, past Past) (backtest.Judged, error) {
	fact := past.fact()
	w := &agentWork{
		Agents: a, request: Request{Org: org, By: domain.System}, config: config, began: a.clock(),
		ask: Ask{Agent: domain.Categorization, Purpose: agentrun.CategorizeText, Title: past.Title, Text: past.Description},
	}
	w.heard = func(e agentrun.Event) {
		if asked, ok := e.(agentrun.ModelAsked); ok {
			fact.Tokens += asked.InputTokens + asked.OutputTokens
			fact.Cost += asked.Cost
		}
	}
	bounded, cancel := context.WithTimeoutCause(ctx, time.Duration(config.Timeout)*time.Second, errOutOfTime)
	defer cancel()
	var out Outcome
	var err error
	if a.hasModel && config.Model != RulesModel {
		out, err = w.loop(bounded)
	} else {
		out, _ = w.byRules(bounded)
	}
	fact.Millis = w.millis()
	if err != nil {
		code, why := unanswered(ctx, bounded, err)
		fact.Unjudged = code
		return fact, why
	}
	fact.Provider, fact.Model = out.Provider, out.Model
	fact.Said = backtest.Verdict{Category: string(out.Result.Category), Priority: string(out.Result.Priority), Confidence: *out.Result.Confidence}
	return fact, nil
}

// errBudget says that nobody may be asked any more.
const errBudget = wordless.PlainError("the month's budget for models is used up")

// unanswered tells what is the candidate's fault from what is ours.
func unanswered(ctx, bounded context.Context, err error) (code string, why error) {
	model, ofModel := errors.AsType[*ModelError](err)
	refusal, known := errors.AsType[*domain.Error](err)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(context.Cause(bounded), errOutOfTime):
		return "timeout", nil
	case ofModel && model.Code == "budget":
		return "", errBudget
	case ofModel && model.Code == "timeout" && sameDeadline(ctx, bounded): // it was given less time than its own
		return "", context.DeadlineExceeded
	case ofModel && model.Code != "invalid_request" && model.Code != "timeout": // an outage says nothing of the candidate
		return "", err
	case ofModel:
		return model.Code, nil
	case known:
		return refusal.Code, nil
	}
	return "", err
}

func sameDeadline(a, b context.Context) bool {
	ends, limited := a.Deadline()
	then, _ := b.Deadline()
	return limited && ends.Equal(then)
}
