package commands

import (
	"ticketd/domain"
	"ticketd/domain/backtest"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// Past is a ticket as it stood when it was first categorized, and what became of it.
type Past struct {
	Title       string
	Description string
	Files       []domain.FileID
	First       ticket.Categorized // what was said of it then
	Right       backtest.Verdict   // what people finally set; an empty field: nobody knows
	Basis       backtest.Basis
	Unjudged    string // why nothing can be compared with it; empty: it can
}

// Replay folds the events of a ticket up to the fact that first categorized it, and looks into the rest only for what people
// finally set: so a candidate is never shown what was known later.
//
// # Why
//
// What a person set is right, whenever they set it. What nobody changed is right only when somebody has resolved or closed
// the ticket, and then for want of better: they may not have cared.
func Replay(events []eventstore.Recorded) Past {
	var past Past
	var state ticket.State
	seen := false
	for _, r := range events {
		event, ok := r.Event.(ticket.Event)
		if !ok {
			continue
		}
		if first, is := event.(ticket.Categorized); is && !seen {
			seen = true
			past.First, past.Title, past.Description = first, state.Title, state.Description
			for _, a := range state.Attachments {
				past.Files = append(past.Files, a.FileID)
			}
		}
		state = ticket.Evolve(state, event)
	}
	past.Right, past.Basis = rightOf(state)
	past.Unjudged = unjudged(state, seen, past)
	return past
}

// rightOf answers what people finally set.
func rightOf(s ticket.State) (backtest.Verdict, backtest.Basis) {
	settled := s.Status == ticket.Resolved || s.Status == ticket.Closed
	var right backtest.Verdict
	var basis backtest.Basis
	switch {
	case s.Chosen.Category:
		right.Category, basis = string(s.Category), backtest.Chosen
	case settled:
		right.Category, basis = string(s.Category), backtest.Stood
	}
	if s.Chosen.Priority || settled {
		right.Priority = string(s.Priority)
	}
	return right, basis
}

func unjudged(s ticket.State, categorized bool, past Past) string {
	erased := false
	for of := range s.Erased.Backward() {
		erased = erased || of.IsZero() || of == s.CreatedBy
	}
	switch {
	case !s.Exists || s.Deleted:
		return backtest.Deleted
	case erased:
		return backtest.Erased
	case !categorized:
		return backtest.NotCategorized
	case past.Basis == "":
		return backtest.Undecided
	}
	return ""
}

// Readable reports whether there are words to show to a candidate, whatever is known of the right answer.
func (p Past) Readable() bool { return p.Unjudged == "" || p.Unjudged == backtest.Undecided }

// fact is what can be told of the ticket before a candidate is asked.
func (p Past) fact() backtest.Judged {
	return backtest.Judged{
		Then:  backtest.Verdict{Category: string(p.First.Category), Priority: string(p.First.Priority), Confidence: p.First.Confidence},
		Right: p.Right, Basis: p.Basis, Unjudged: p.Unjudged,
	}
}
