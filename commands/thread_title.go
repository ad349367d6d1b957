package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/thread"
	"ticketd/eventstore"
)

// TitleThreads finds a title for every thread without one, after a message was answered or could not be: by the rules at
// once, or where there is a model by a job. A title that is there, whoever gave it, is never replaced.
func TitleThreads(a Agents, jobs RunJobs) Reaction {
	return Reaction{
		Name: "title_threads", Facts: []string{"thread.replied", "thread.reply_failed"},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			var message uuid.UUID
			switch e := r.Event.(type) {
			case thread.Replied:
				message = e.InReplyTo
			case thread.ReplyFailed:
				message = e.InReplyTo
			}
			why := because(r)
			stream, err := a.threads.handler.load(ctx, why.Org, r.Stream)
			if err != nil {
				return err
			}
			state := a.threads.handler.Fold(stream)
			if !state.Untitled() {
				return nil
			}
			version, _, err := a.settings.Find(ctx, why.Org, domain.TitleGeneration)
			if err != nil {
				return err
			}
			id := RunID(message, agentrun.Title)
			start := agentrun.Start{
				Agent: domain.TitleGeneration, ConfigVersion: version, Purpose: agentrun.Title, Thread: r.Stream, Message: message, For: state.CreatedBy, By: why.By,
			}
			if !a.hasModel {
				return a.titleByRules(ctx, why, id, start, spoken(stream, message))
			}
			if _, err := a.runs.Create(ctx, why, id, start); errors.Is(err, ErrErased) {
				return nil
			} else if err != nil {
				return fmt.Errorf("start to find a title for thread %s: %w", r.Stream, err)
			}
			return jobs.EnqueueRun(ctx, RunJob{Org: why.Org, Run: id, Correlation: why.Correlation, Causation: why.Causation}, false)
		},
	}
}

// titleByRules writes the run and the title that it finds in one append.
func (a Agents) titleByRules(ctx context.Context, r Request, id uuid.UUID, start agentrun.Start, message eventstore.Recorded) error {
	added, _ := message.Event.(thread.MessageAdded)
	result := Result{Title: a.rules.Classify(ctx, r.Org, HelpRequest{Description: added.Content}).Title}.clean()
	if result.Title == "" {
		return nil
	}
	_, err := Together(ctx, a.runs.log, r, "agentrun.Start", func() ([]eventstore.Write, error) {
		run, err := a.runs.Decide(ctx, r.Org, id, start)
		if err != nil || len(run.Events) == 0 { // it was done before
			return []eventstore.Write{run}, err
		}
		run.Events = append(run.Events, agentrun.Completed{RequestedBy: start.For, Result: result.fields(), Provider: Builtin, Model: RulesModel})
		renamed, err := a.threads.handler.Decide(ctx, r.Org, start.Thread, titled(result))
		return []eventstore.Write{run, renamed}, err
	})
	return unlessGone(err)
}

// readExchange reads the message that the title is made of, and what was replied.
func (w *agentWork) readExchange(ctx context.Context) error {
	if w.ask.Thread == uuid.Nil {
		return nil
	}
	stream, err := w.threads.handler.load(ctx, w.request.Org, w.ask.Thread)
	if err != nil {
		return err
	}
	if !w.threads.handler.Fold(stream).Visible(w.caller.Actor) {
		return thread.ErrNotFound
	}
	for _, r := range stream.Events {
		switch e := r.Event.(type) {
		case thread.MessageAdded:
			if e.MessageID == w.ask.Message {
				w.ask.Text = e.Content
			}
		case thread.Replied:
			if e.InReplyTo == w.ask.Message {
				w.ask.Context = []string{beginning(e.Content, mostNoted)}
			}
		}
	}
	return nil
}

// title gives the thread the title that was found, unless it has one by now.
func (w *agentWork) title(ctx context.Context, found Result) error {
	if w.ask.Thread == uuid.Nil {
		return nil
	}
	return w.inThread(ctx, w.request, w.ask.Thread, titled(found))
}

// titled is the command that gives a thread a title, on one line.
func titled(found Result) thread.Rename {
	return thread.Rename{Title: strings.Join(strings.Fields(found.Title), " "), By: domain.System}
}
