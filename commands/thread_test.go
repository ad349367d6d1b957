package commands_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
)

// parlour is where people talk to agents: a memory store, the uploads that are known, and the replies that were asked for.
type parlour struct {
	*testing.T
	log     *eventstore.Memory
	threads commands.Threads
	org     domain.OrgID
	ann     domain.Actor
	known   []domain.FileID
	looked  [][]domain.FileID
	asked   []commands.ReplyJob
	broken  error
}

func newParlour(t *testing.T) *parlour {
	t.Helper()
	id := newUserID()
	p := &parlour{
		T: t, log: eventstore.NewMemory(catalog.Codec), org: domain.OrgID{UUID: commands.NewID()},
		ann: domain.Actor{Type: domain.ByUser, ID: id.UUID, User: id, Role: domain.Member},
	}
	p.threads = commands.NewThreads(p.log, p)
	return p
}

// Missing implements commands.AttachableFiles.
func (p *parlour) Missing(_ context.Context, org domain.OrgID, by domain.Actor, ids []domain.FileID) ([]domain.FileID, error) {
	require.Equal(p, p.org, org)
	require.Equal(p, p.ann, by)
	p.looked = append(p.looked, ids)
	return slices.DeleteFunc(slices.Clone(ids), func(id domain.FileID) bool { return slices.Contains(p.known, id) }), p.broken
}

// Enqueue implements commands.ReplyJobs.
func (p *parlour) Enqueue(_ context.Context, job commands.ReplyJob) error {
	p.asked = append(p.asked, job)
	return p.broken
}

func (p *parlour) do(id uuid.UUID, cmd thread.Command) (eventstore.Stream, error) {
	return p.threads.Handle(p.Context(), commands.Request{Org: p.org, By: p.ann, Correlation: "req-1", Causation: "req-1"}, id, cmd)
}

func (p *parlour) must(id uuid.UUID, cmd thread.Command) eventstore.Stream {
	p.Helper()
	stream, err := p.do(id, cmd)
	require.NoError(p, err)
	return stream
}

func (p *parlour) started() uuid.UUID {
	p.Helper()
	id := commands.NewID()
	p.must(id, thread.Start{Agent: domain.CustomerSupport, By: p.ann})
	return id
}

func (p *parlour) saying(words string, files ...domain.FileID) thread.AddMessage {
	c := thread.AddMessage{MessageID: commands.NewID(), Content: words, By: p.ann}
	for _, id := range files {
		c.Attachments = append(c.Attachments, thread.Attachment{FileID: id})
	}
	return c
}

// upload makes the id of an upload that is known.
func (p *parlour) upload() domain.FileID {
	id := domain.FileID{UUID: commands.NewID()}
	p.known = append(p.known, id)
	return id
}

func TestTheFilesOfAMessageAreLookedUpOnce(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id, one, other := p.started(), p.upload(), p.upload()
	say := p.saying("Look.", other, one, other)
	stream := p.must(id, say)
	require.Equal(t, [][]domain.FileID{{other, one}}, p.looked)
	added, _ := stream.Events[1].Event.(thread.MessageAdded)
	require.Equal(t, []thread.Attachment{{FileID: other}, {FileID: one}}, added.Attachments)

	p.known = nil // a repeat is answered whatever has gone since
	require.Equal(t, 2, p.must(id, say).Version())
	p.must(id, p.saying("No files."))
	require.Len(t, p.looked, 1)

	gone, never := domain.FileID{UUID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")}, domain.FileID{UUID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058")}
	_, err := p.do(id, p.saying("Look.", gone, never, gone))
	require.ErrorIs(t, err, commands.ErrUnknownFiles)
	require.ErrorContains(t, err, "Invalid or inaccessible files: {01890a5d-ac96-774b-bcce-b302099a8057, 01890a5d-ac96-774b-bcce-b302099a8058}")
	p.broken = errBroken
	_, err = p.do(id, p.saying("Look.", one))
	require.ErrorIs(t, err, errBroken)
	require.Equal(t, domain.Internal, domain.KindOf(err))
}

// Whoever may not write in a thread does not learn which files there are.
func TestTheFilesOfAMessageAreCheckedLast(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id, other := p.started(), newUserID()
	say := p.saying("Look.", domain.FileID{UUID: commands.NewID()})
	say.By = domain.Actor{Type: domain.ByUser, ID: other.UUID, User: other, Role: domain.Admin}
	_, err := p.do(id, say)
	require.ErrorIs(t, err, domain.ErrForbidden)
	say.By.Role = domain.Member
	_, err = p.do(id, say)
	require.ErrorIs(t, err, thread.ErrNotFound)
	require.Empty(t, p.looked)
}

func TestAThreadThatIsStartedTwiceIsOne(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id := p.started()
	require.Equal(t, 1, p.must(id, thread.Start{Agent: domain.CustomerSupport, Title: "again", By: p.ann}).Version())
	_, err := p.do(id, thread.Start{Agent: domain.Summary, By: p.ann})
	require.ErrorIs(t, err, thread.ErrExists)
}

func TestEveryMessageIsAnswered(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id := p.started()
	react := commands.ReplyToMessages(p.threads, p)
	require.Equal(t, []string{"thread.message_added", "thread.replied", "thread.reply_failed"}, react.Facts)
	say := p.saying("It drops.")
	fact := p.must(id, say).Events[1]
	require.NoError(t, react.React(t.Context(), fact))
	want := commands.ReplyJob{
		Org: p.org, Thread: id, Message: say.MessageID, Agent: domain.CustomerSupport, Author: p.ann.User,
		Correlation: "req-1", Causation: fact.Cause(),
	}
	require.Equal(t, []commands.ReplyJob{want}, p.asked)
	require.NoError(t, react.React(t.Context(), fact))
	require.Len(t, p.asked, 2, "a fact that is met again asks again, which is harmless")

	p.broken = errBroken
	require.ErrorIs(t, react.React(t.Context(), fact), errBroken)
	p.broken = nil

	lost := commands.ReplyToMessages(commands.NewThreads(failingLog{Log: p.log, loads: new(atomic.Int64)}, p), p)
	require.ErrorIs(t, lost.React(t.Context(), fact), errBroken)
}

// Who asks twice at once is answered twice, and the second time by an agent that knows what it said the first time.
func TestMessagesAreAnsweredInTheirOrder(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id := p.started()
	react := commands.ReplyToMessages(p.threads, p)
	one, two, three := p.saying("It drops."), p.saying("And it is slow."), p.saying("Hello?")
	var facts []eventstore.Recorded
	for _, say := range []thread.AddMessage{one, two, three} {
		stream := p.must(id, say)
		facts = append(facts, stream.Events[stream.Version()-1])
		require.NoError(t, react.React(t.Context(), facts[len(facts)-1]))
	}
	for _, c := range []thread.Command{
		thread.Reply{MessageID: commands.NewID(), InReplyTo: one.MessageID, Content: "Since when?", By: domain.System},
		thread.FailReply{InReplyTo: two.MessageID, Code: "timeout", By: domain.System},
		thread.Reply{MessageID: commands.NewID(), InReplyTo: three.MessageID, Content: "Yes.", By: domain.System},
	} {
		stream := p.must(id, c)
		require.NoError(t, react.React(t.Context(), stream.Events[stream.Version()-1]))
	}
	var asked []uuid.UUID
	for _, job := range p.asked {
		asked = append(asked, job.Message)
	}
	require.Equal(t, []uuid.UUID{one.MessageID, one.MessageID, one.MessageID, two.MessageID, three.MessageID}, asked)
	require.Equal(t, facts[1].Cause(), p.asked[3].Causation, "it is the message that is answered")
}

func TestWhatNeedsNoReplyGetsNone(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(p *parlour, message uuid.UUID) thread.Command{
		"replied": func(_ *parlour, message uuid.UUID) thread.Command {
			return thread.Reply{MessageID: commands.NewID(), InReplyTo: message, Content: "Yes.", By: domain.System}
		},
		"failed": func(_ *parlour, message uuid.UUID) thread.Command {
			return thread.FailReply{InReplyTo: message, Code: "timeout", By: domain.System}
		},
		"deleted": func(p *parlour, _ uuid.UUID) thread.Command { return thread.Delete{By: p.ann} },
		"erased": func(p *parlour, _ uuid.UUID) thread.Command {
			return thread.EraseWords{Of: p.ann.User, By: domain.System}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newParlour(t)
			id := p.started()
			say := p.saying("It drops.")
			fact := p.must(id, say).Events[1]
			p.must(id, then(p, say.MessageID))
			require.NoError(t, commands.ReplyToMessages(p.threads, p).React(t.Context(), fact))
			require.Empty(t, p.asked)
		})
	}
}
