package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/delivery"
	"ticketd/domain/file"
	"ticketd/domain/organization"
	"ticketd/domain/thread"
	"ticketd/domain/ticket"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

// Words finds the streams that hold what somebody wrote.
type Words interface {
	WordsOf(ctx context.Context, org, person uuid.UUID) ([]eventstore.Wording, error)

	// Read answers events as eventstore.Reader does.
	Read(ctx context.Context, q eventstore.Query) ([]eventstore.Recorded, error)
}

// Copies are the places outside the log and its tables where somebody's words may lie.
type Copies interface {
	// Scrub empties them, and answers how many answers to repeated requests it dropped and which tables it swept. It is
	// asked when all events of the erasure are appended and nobody has a key any more, and may be asked twice.
	Scrub(ctx context.Context, org domain.OrgID) (answers int, tables []string, err error)
}

// Erasures makes people, and the words of tickets, unreadable for ever.
//
// # Why
//
// What somebody wrote is sealed in the log with their key, which goes with the fact that asks for the erasure: in that
// moment the log reads as erased, and no append made of words that were read before passes any more (see
// eventstore.Eraser). The tables still hold the words. So each stream with such words is told of the erasure by a fact of
// its own: its append writes the rows anew, a rebuild meets it, sockets and search hear of it, and its history tells the
// auditor. Nothing else has to know where words lie.
//
// An agent that worked for somebody else may have been shown such a ticket or upload, and its run keeps what it saw, sealed
// with the other's key. So a run has a key of its own too, which goes when the run names what held the person's words.
//
// Articles of the knowledge base and configurations of agents are the organization's. They stay as they are, and name an
// author whose name cannot be read any more.
type Erasures struct {
	accounts      Accounts
	tickets       Tickets
	files         Files
	organizations Organizations
	threads       Threads
	runs          Handler[agentrun.State, agentrun.Command, agentrun.Event]
	deliveries    Handler[delivery.State, delivery.Command, delivery.Event]
	words         Words
	copies        Copies
	settled       time.Duration
}

// ErasureParts is what erasing works with.
type ErasureParts struct {
	Accounts      Accounts
	Tickets       Tickets
	Files         Files
	Organizations Organizations
	Threads       Threads
	Words         Words
	Copies        Copies
	Settled       time.Duration // how long after its deletion nobody can have a key any more
}

// NewErasures ties erasing to the aggregates, and to what lies outside them.
func NewErasures(log eventstore.Log, p ErasureParts) Erasures {
	return Erasures{
		accounts: p.Accounts, tickets: p.Tickets, files: p.Files, organizations: p.Organizations, threads: p.Threads, runs: NewHandler(log, agentrun.Decider), deliveries: NewHandler(log, delivery.Decider),
		words: p.Words, copies: p.Copies, settled: p.Settled,
	}
}

// Request ends a person's membership and asks for their erasure; Finish does it. alone says that nobody else is left in
// the organization. Errors: domain.ErrForbidden, user.ErrNotFound, organization.ErrLastAdmin, ErrBusy.
func (e Erasures) Request(ctx context.Context, r Request, id domain.UserID, alone bool) (eventstore.Stream, error) {
	return e.accounts.changeIn(ctx, r, id, alone, user.Erase{By: r.By})
}

// Progress hears how many of a person's streams are done.
type Progress func(done, total int)

// Finish does what Request asked for, in steps that may each be repeated: whatever goes wrong, Finish is called again.
func (e Erasures) Finish(ctx context.Context, org domain.OrgID, id domain.UserID, progress Progress) error {
	stream, err := e.accounts.users.load(ctx, org, id.UUID)
	if err != nil {
		return err
	}
	state := e.accounts.users.Fold(stream)
	if state.Erasure != user.ErasurePending {
		return nil
	}
	r := because(stream.Events[stream.Version()-1])
	report, err := e.eraseWords(ctx, r, id, progress)
	if err != nil {
		return err
	}
	// An instance that has not heard of it may read with the key for so long, and keep an answer that quotes the words.
	if err := rest(ctx, e.settled); err != nil {
		return err
	}
	if report.Answers, report.Tables, err = e.copies.Scrub(ctx, org); err != nil {
		return fmt.Errorf("scrub copies: %w", err)
	}
	_, err = e.accounts.change(ctx, r, id, user.FinishErasure{Report: report, By: domain.System})
	return err
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// eraseWords tells every stream that holds words of the person. Those that know write nothing.
func (e Erasures) eraseWords(ctx context.Context, r Request, id domain.UserID, progress Progress) (user.Erased, error) {
	var report user.Erased
	streams, err := e.words.WordsOf(ctx, r.Org.UUID, id.UUID)
	if err != nil {
		return report, err
	}
	told := map[uuid.UUID]bool{}
	shown := sources{}
	for i, w := range streams {
		switch w.Category {
		case ticket.Decider.Category:
			var stream eventstore.Stream
			stream, err = e.tickets.Handle(ctx, r, ticket.ID{UUID: w.Stream}, ticket.EraseWords{Of: id, By: domain.System})
			shown[w.Stream] = e.tickets.handler.Fold(stream).CreatedBy == id
			report.Tickets++
		case file.Decider.Category:
			_, err = e.files.Handle(ctx, r, domain.FileID{UUID: w.Stream}, file.EraseWords{Of: id, By: domain.System})
			shown[w.Stream] = true
			report.Files++
		case thread.Decider.Category:
			_, err = e.threads.Handle(ctx, r, w.Stream, thread.EraseWords{Of: id, By: domain.System})
			report.Threads++
		case agentrun.Decider.Category:
			_, err = e.runs.Handle(ctx, r, w.Stream, agentrun.EraseWords{Of: id, By: domain.System})
			told[w.Stream] = true
		case delivery.Decider.Category:
			_, err = e.deliveries.Handle(ctx, r, w.Stream, delivery.EraseWords{Of: id, By: domain.System})
		case organization.Decider.Category:
			_, err = e.organizations.Handle(ctx, r, w.Stream, organization.EraseWords{Of: id, By: domain.System})
			report.Organizations++
		}
		if err != nil {
			return report, fmt.Errorf("erase words in %s %s: %w", w.Category, w.Stream, err)
		}
		progress(i+1, len(streams))
	}
	report.Runs = len(told)
	others, err := e.runsShown(ctx, r.Org, shown)
	if err != nil {
		return report, err
	}
	for _, run := range others {
		if told[run] {
			continue
		}
		if _, err := e.runs.Handle(ctx, r, run, agentrun.EraseWords{By: domain.System}); err != nil {
			return report, fmt.Errorf("erase words in run %s: %w", run, err)
		}
		report.Runs++
	}
	return report, nil
}

// Expire erases the words of a ticket, everybody's, as a retention rule asks. ticket.ErrStillOpen when it was reopened
// meanwhile.
func (e Erasures) Expire(ctx context.Context, org domain.OrgID, id ticket.ID) error {
	cause := "retention-" + id.String()
	r := Request{Org: org, By: domain.System, Correlation: cause, Causation: cause}
	stream, err := e.tickets.Handle(ctx, r, id, ticket.EraseWords{By: domain.System})
	if err != nil {
		return err
	}
	for _, route := range e.tickets.handler.Fold(stream).Routes { // where a vendor may have quoted it
		_, err := e.deliveries.Handle(ctx, r, delivery.IDOf(route.Integration, id.UUID), delivery.EraseWords{By: domain.System})
		if err != nil && !errors.Is(err, delivery.ErrNotFound) {
			return err
		}
	}
	return nil
}

// ExpireRuns erases the runs that were shown any of these tickets, whose words expire. It goes before Expire, after which
// nobody would come back for runs that were left.
func (e Erasures) ExpireRuns(ctx context.Context, org domain.OrgID, ids []ticket.ID) error {
	shown := sources{}
	for _, id := range ids {
		shown[id.UUID] = true
	}
	runs, err := e.runsShown(ctx, org, shown)
	if err != nil {
		return err
	}
	r := Request{Org: org, By: domain.System, Correlation: "retention", Causation: "retention"}
	for _, run := range runs {
		if _, err := e.runs.Handle(ctx, r, run, agentrun.EraseWords{By: domain.System}); err != nil {
			return fmt.Errorf("erase words in run %s: %w", run, err)
		}
	}
	return nil
}
