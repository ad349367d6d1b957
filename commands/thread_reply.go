package commands

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/thread"
)

// Answer hands a message to the agent of its thread: the run is begun, and a job goes on with it.
func (a Agents) Answer(jobs RunJobs) ReplyJobs { return answering{a, jobs} }

type answering struct {
	Agents
	jobs RunJobs
}

// Enqueue implements ReplyJobs.
func (a answering) Enqueue(ctx context.Context, job ReplyJob) error {
	r := Request{Org: job.Org, By: domain.System, Correlation: job.Correlation, Causation: job.Causation}
	version, _, err := a.settings.Find(ctx, job.Org, job.Agent)
	if err != nil {
		return err
	}
	return a.handOver(ctx, r, RunID(job.Message, agentrun.Reply), agentrun.Start{
		Agent: job.Agent, ConfigVersion: version, Purpose: agentrun.Reply, Thread: job.Thread, Message: job.Message, For: job.Author, By: r.By,
	}, func(run RunJob) error { return a.jobs.EnqueueRun(ctx, run, true) })
}

// mostEarlierFiles is how many files of earlier messages an agent is shown again.
const mostEarlierFiles = 10

// readThread reads what was said in the thread up to the message that is to be answered.
func (w *agentWork) readThread(ctx context.Context) error {
	stream, err := w.threads.handler.load(ctx, w.request.Org, w.ask.Thread)
	if err != nil {
		return err
	}
	if !w.threads.handler.Fold(stream).Visible(w.caller.Actor) {
		return thread.ErrNotFound
	}
	replies := map[uuid.UUID]string{} // those to earlier messages may stand behind this one
	for _, r := range stream.Events {
		if reply, ok := r.Event.(thread.Replied); ok {
			replies[reply.InReplyTo] = reply.Content
		}
	}
	var earlier []domain.FileID
	for _, r := range stream.Events {
		said, ok := r.Event.(thread.MessageAdded)
		switch {
		case !ok:
			continue
		case said.MessageID == w.ask.Message:
			earlier = earlier[max(0, len(earlier)-mostEarlierFiles):]
			w.ask.Text, w.ask.Files = said.Content, distinctFiles(append(filesOf(said), earlier...))
			return nil
		}
		earlier = append(earlier, filesOf(said)...)
		w.ask.History = append(w.ask.History, Turn{Role: UserTurn, Text: said.Content})
		if reply, replied := replies[said.MessageID]; replied {
			w.ask.History = append(w.ask.History, Turn{Role: AssistantTurn, Text: reply})
		}
	}
	return thread.ErrNoMessage
}

func filesOf(e thread.MessageAdded) []domain.FileID {
	ids := make([]domain.FileID, len(e.Attachments))
	for i, a := range e.Attachments {
		ids[i] = a.FileID
	}
	return ids
}

func distinctFiles(ids []domain.FileID) []domain.FileID {
	var kept []domain.FileID
	for _, id := range ids {
		if !slices.Contains(kept, id) {
			kept = append(kept, id)
		}
	}
	return kept
}

// reply says in the thread what the agent answered.
func (w *agentWork) reply(ctx context.Context, text string) error {
	return w.inThread(ctx, w.request, w.ask.Thread, thread.Reply{
		MessageID: uuid.NewSHA1(w.ask.Message, []byte("reply")), InReplyTo: w.ask.Message, Run: w.stream.ID, Content: text, By: domain.System,
	})
}

// tell says in the thread, if somebody waits in one, why there is no reply.
func (a Agents) tell(ctx context.Context, r Request, run uuid.UUID, started agentrun.Started, code string) error {
	if started.Purpose != agentrun.Reply {
		return nil
	}
	return a.inThread(ctx, r, started.Thread, thread.FailReply{InReplyTo: started.Message, Run: run, Code: code, By: domain.System})
}

// inThread says something in a thread, unless nobody waits for it any more.
func (a Agents) inThread(ctx context.Context, r Request, id uuid.UUID, c thread.Command) error {
	r.By = domain.System
	_, err := a.threads.Handle(ctx, r, id, c)
	return unlessGone(err)
}

// unlessGone answers no error where the thread is gone, or the words in it.
func unlessGone(err error) error {
	for _, over := range []error{thread.ErrNotFound, thread.ErrErased, thread.ErrNoMessage, ErrErased} {
		if errors.Is(err, over) {
			return nil
		}
	}
	return err
}
