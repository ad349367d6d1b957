package commands

import (
	"context"
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
			return a.handOver(ctx, why, id, start, func(job RunJob) error { return jobs.EnqueueRun(ctx, job, false) })
		},
	}
}

// titleByRules gives the thread the title that the rules find.
func (a Agents) titleByRules(ctx context.Context, r Request, id uuid.UUID, start agentrun.Start, message eventstore.Recorded) error {
	added, _ := message.Event.(thread.MessageAdded)
	result := Result{Title: a.rules.Classify(ctx, r.Org, HelpRequest{Description: added.Content}).Title}.clean()
	if result.Title == "" {
		return nil
	}
	return unlessGone(a.answerByRules(ctx, r, id, start, result, func() (eventstore.Write, error) {
		return a.threads.handler.Decide(ctx, r.Org, start.Thread, titled(result))
	}))
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
