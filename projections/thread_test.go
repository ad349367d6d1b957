package projections_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// parlour is an office whose tables are those of chats.
type parlour struct {
	office
	threads  *projections.Threads
	messages *projections.Messages
}

func newParlour(t *testing.T) parlour {
	t.Helper()
	p := parlour{office: office{desk: newDesk(t)}}
	p.threads, p.messages = projections.NewThreads(p.pool), projections.NewMessages(p.pool)
	p.list = []projections.Projection{p.threads.Projection(), p.messages.Projection()}
	keys := func(from eventstore.Database) (*eventstore.Keyring, error) {
		return eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: from})
	}
	own, err := keys(p.pool)
	require.NoError(t, err)
	p.store = eventstore.Open(t.Context(), p.pool, catalog.Codec, own, eventstore.Options{Inline: projections.Inline(p.list)})
	t.Cleanup(p.store.Close)
	p.rebuild = &projections.Rebuilder{Pool: p.pool, Codec: catalog.Codec, Keys: keys, Progress: func(string, int64, int64) {}}
	return p
}

// talk appends events to a thread and answers those of them that are new.
func (p parlour) talk(id uuid.UUID, events ...any) []eventstore.Recorded {
	p.Helper()
	stream := p.happen(ticket.ID{UUID: id}, events...)
	return stream.Events[stream.Version()-len(events):]
}

func (p parlour) started(by domain.UserID) uuid.UUID {
	p.Helper()
	id := newUser().UUID
	p.talk(id, thread.Started{Agent: domain.CustomerSupport, CreatedBy: by, Title: "VPN"})
	return id
}

func spoken(author domain.UserID, content string) thread.MessageAdded {
	return thread.MessageAdded{MessageID: newUser().UUID, Role: thread.User, Author: author, Content: content}
}

func (p parlour) find(id uuid.UUID) projections.ThreadRow {
	p.Helper()
	row, err := p.threads.FindVisible(p.Context(), p.caller(p.ann, domain.Admin), id)
	require.NoError(p, err)
	return row
}

func (p parlour) caller(user domain.UserID, role domain.Role) domain.Caller {
	return domain.Caller{Org: p.org, Actor: domain.Actor{Type: domain.ByUser, ID: user.UUID, User: user, Role: role}}
}

func (p parlour) said(id uuid.UUID) []projections.MessageRow {
	p.Helper()
	list, err := p.messages.List(p.Context(), p.org, id, 0, 100)
	require.NoError(p, err)
	for i := range list {
		list[i].CreatedAt = list[i].CreatedAt.UTC()
	}
	return list
}

func TestARowOfAThread(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id := p.started(p.ann)
	row := p.find(id)
	require.Nil(t, row.LastMessageAt)
	require.Equal(t, []any{id, p.org, 1, domain.CustomerSupport, "VPN", p.ann, 0}, []any{row.ID, row.Org, row.Version, row.Agent, row.Title, row.CreatedBy, row.Messages})

	ask := spoken(p.ann, "It drops.")
	last := p.talk(id, ask, thread.Replied{MessageID: newUser().UUID, InReplyTo: ask.MessageID, CreatedBy: p.ann, Content: "Since when?"}, thread.Renamed{CreatedBy: p.ann, Title: "Wi-Fi"})
	row = p.find(id)
	require.Equal(t, []any{4, "Wi-Fi", 2}, []any{row.Version, row.Title, row.Messages})
	require.True(t, last[1].At.Equal(*row.LastMessageAt))
	require.True(t, last[2].At.Equal(row.UpdatedAt))
	require.True(t, row.CreatedAt.Before(row.UpdatedAt))

	p.talk(id, thread.Deleted{})
	_, err := p.threads.FindVisible(t.Context(), p.caller(p.ann, domain.Admin), id)
	require.ErrorIs(t, err, thread.ErrNotFound)
}

func TestRowsOfMessages(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id, run, again := p.started(p.ann), newUser().UUID, newUser().UUID
	first, second := spoken(p.ann, "It drops."), spoken(p.ann, "Today.")
	first.Attachments = []thread.Attachment{{FileID: newFile()}, {FileID: newFile()}}
	first.Metadata = map[string]any{"page": "https://example.org", "tabs": 3.0}
	told := p.talk(id, first, second)
	want := []projections.MessageRow{
		{
			ID: first.MessageID, Org: p.org, Thread: id, Version: 2, Role: thread.User, Author: p.ann, Content: "It drops.",
			Attachments: first.Attachments, Metadata: first.Metadata, ReplyStatus: projections.ReplyPending, CreatedAt: told[0].At,
		},
		{
			ID: second.MessageID, Org: p.org, Thread: id, Version: 3, Role: thread.User, Author: p.ann, Content: "Today.",
			ReplyStatus: projections.ReplyPending, CreatedAt: told[1].At,
		},
	}
	require.Equal(t, want, p.said(id))

	p.talk(id, thread.ReplyFailed{InReplyTo: first.MessageID, Run: run, Code: "timeout"})
	want[0].ReplyStatus, want[0].Run, want[0].ReplyError = projections.ReplyFailed, run, "timeout"
	require.Equal(t, want, p.said(id))

	reply := thread.Replied{MessageID: newUser().UUID, InReplyTo: first.MessageID, Run: again, CreatedBy: p.ann, Content: "Since when?"}
	at := p.talk(id, reply)[0].At
	want[0].ReplyStatus, want[0].Run, want[0].ReplyError = projections.ReplyCompleted, again, ""
	want = append(want, projections.MessageRow{
		ID: reply.MessageID, Org: p.org, Thread: id, Version: 5, Role: thread.Assistant, Content: "Since when?", Run: again,
		InReplyTo: first.MessageID, CreatedAt: at,
	})
	require.Equal(t, want, p.said(id))

	both, err := p.messages.WithReply(t.Context(), p.org, id, first.MessageID)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{first.MessageID, reply.MessageID}, []uuid.UUID{both[0].ID, both[1].ID})
	alone, err := p.messages.WithReply(t.Context(), p.org, id, second.MessageID)
	require.NoError(t, err)
	require.Len(t, alone, 1)

	// The other pages, another thread, another organization.
	page, err := p.messages.List(t.Context(), p.org, id, 2, 1)
	require.NoError(t, err)
	require.Equal(t, second.MessageID, page[0].ID)
	require.Len(t, page, 1)
	require.Empty(t, p.said(p.started(p.ann)))
	elsewhere, err := p.messages.List(t.Context(), newOrg(), id, 0, 9)
	require.NoError(t, err)
	require.Empty(t, elsewhere)

	p.talk(id, thread.WordsErased{Of: p.ann})
	require.NotEmpty(t, p.said(id))
	for _, m := range p.said(id) {
		require.Equal(t, eventstore.Erased, m.Content)
	}
	require.Equal(t, map[string]any{eventstore.Erased: true}, p.said(id)[0].Metadata)
	require.Equal(t, eventstore.Erased, p.find(id).Title)
	p.talk(id, thread.Deleted{})
	none, err := p.messages.WithReply(t.Context(), p.org, id, first.MessageID)
	require.NoError(t, err)
	require.Empty(t, none)
}

// A reply to what nobody said changes nothing but itself.
func TestAReplyToNothing(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id := p.started(p.ann)
	p.talk(id, thread.ReplyFailed{InReplyTo: newUser().UUID, Code: "timeout"})
	require.Empty(t, p.said(id))
	b := &pgx.Batch{}
	p.messages.Queue(b, []eventstore.Stream{p.happen(p.opened())})
	p.threads.Queue(b, []eventstore.Stream{p.happen(p.opened())})
	require.Zero(t, b.Len(), "other nouns have no rows")
}

func TestWhoSeesWhichThreads(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	old, his, hers := p.started(p.ann), p.started(p.bob), p.started(p.ann)
	gone, other := p.started(p.ann), newUser().UUID
	p.talk(gone, thread.Deleted{})
	p.talk(other, thread.Started{Agent: domain.Summary, CreatedBy: p.ann})
	seen := func(caller domain.Caller, q projections.ThreadsQuery) (ids []uuid.UUID, total int) {
		if q.Agent == "" {
			q.Agent = domain.CustomerSupport
		}
		if q.Limit == 0 {
			q.Limit = 10
		}
		page, total, err := p.threads.List(t.Context(), caller, q)
		require.NoError(t, err)
		for _, row := range page {
			ids = append(ids, row.ID)
		}
		return ids, total
	}
	for role, all := range map[domain.Role]bool{domain.Admin: true, domain.Auditor: true, domain.Support: false, domain.Member: false, "guest": false} {
		ids, total := seen(p.caller(p.ann, role), projections.ThreadsQuery{})
		want := []uuid.UUID{hers, old}
		if all {
			want = []uuid.UUID{hers, his, old}
		}
		require.Equal(t, want, ids, role)
		require.Equal(t, len(want), total, role)
		for id, own := range map[uuid.UUID]bool{old: true, his: false} {
			_, err := p.threads.FindVisible(t.Context(), p.caller(p.ann, role), id)
			if all || own && role != "guest" {
				require.NoError(t, err, role)
			} else {
				require.ErrorIs(t, err, thread.ErrNotFound, role)
			}
		}
	}
	ids, total := seen(p.caller(p.ann, domain.Admin), projections.ThreadsQuery{Limit: 1, Offset: 1})
	require.Equal(t, []uuid.UUID{his}, ids)
	require.Equal(t, 3, total)
	ids, _ = seen(p.caller(p.ann, domain.Admin), projections.ThreadsQuery{Agent: domain.Summary})
	require.Equal(t, []uuid.UUID{other}, ids)

	foreign := p.caller(p.ann, domain.Admin)
	foreign.Org = newOrg()
	ids, total = seen(foreign, projections.ThreadsQuery{})
	require.Empty(t, ids)
	require.Zero(t, total)
	_, err := p.threads.FindVisible(t.Context(), foreign, old)
	require.ErrorIs(t, err, thread.ErrNotFound)
}

// What the database cannot tell is not answered as if it were nothing.
func TestChatTablesThatAreBroken(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id := p.started(p.ann)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	notices := &projections.Notices{Tickets: p.tickets, Files: projections.NewFiles(p.pool), Threads: p.threads}
	renamed := p.talk(id, thread.Renamed{CreatedBy: p.ann, Title: "x"})
	tell := func(ctx context.Context) error {
		_, err := notices.From(ctx, renamed)
		return err
	}
	find := func(ctx context.Context) error {
		_, err := p.threads.FindVisible(ctx, p.caller(p.ann, domain.Admin), id)
		return err
	}
	list := func(ctx context.Context) error {
		_, _, err := p.threads.List(ctx, p.caller(p.ann, domain.Admin), projections.ThreadsQuery{Agent: domain.CustomerSupport, Limit: 1})
		return err
	}
	read := func(ctx context.Context) error {
		_, err := p.messages.List(ctx, p.org, id, 0, 9)
		return err
	}
	for _, ask := range []func(context.Context) error{tell, find, list, read} {
		require.ErrorIs(t, ask(ctx), context.Canceled)
	}
	p.talk(id, spoken(p.ann, "words"))
	p.exec(`ALTER TABLE threads ALTER created_by TYPE int USING 1`)
	p.exec(`ALTER TABLE messages ALTER attachments TYPE text USING 'no json'`)
	for _, ask := range []func(context.Context) error{tell, find, list, read} {
		require.Error(t, ask(t.Context()))
		require.NotErrorIs(t, ask(t.Context()), thread.ErrNotFound)
	}
	p.exec(`ALTER TABLE messages ALTER content TYPE int USING 1`)
	require.ErrorContains(t, read(t.Context()), "list messages")
}

// chat makes a thread of Ann's, and what may happen to it.
func (p parlour) chat(r *rapid.T) {
	id, other, about := p.started(p.ann), newUser(), []uuid.UUID{newUser().UUID}
	for range rapid.IntRange(0, 8).Draw(r, "facts") {
		message := rapid.SampledFrom(about).Draw(r, "message")
		fact := rapid.SampledFrom([]any{
			spoken(p.ann, rapid.StringMatching(`[a-zé]{1,8}`).Draw(r, "words")),
			thread.MessageAdded{MessageID: message, Role: thread.User, Author: other, Content: "x", Metadata: map[string]any{"n": 1.5}, Attachments: []thread.Attachment{{FileID: newFile()}}},
			thread.Replied{MessageID: newUser().UUID, InReplyTo: message, Run: id, CreatedBy: p.ann, Content: "Yes."},
			thread.ReplyFailed{InReplyTo: message, Run: id, Code: "timeout"},
			thread.Renamed{CreatedBy: p.ann, Title: "New"},
			thread.Deleted{},
		}).Draw(r, "fact")
		if m, ok := fact.(thread.MessageAdded); ok {
			about = append(about, m.MessageID)
		}
		p.talk(id, fact)
	}
	if rapid.Bool().Draw(r, "erased") {
		p.exec(`UPDATE subject_keys SET wrapped = '', erased_at = now() WHERE subject_id = '` + other.String() + `'`)
		p.talk(id, thread.WordsErased{Of: other})
	}
}

// Whatever happened in them, the rows that were written with the events are those that the log gives.
func TestReplayOfThreadsEqualsLive(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	rapid.Check(t, p.chat)
	id := p.started(p.ann)
	p.talk(id, spoken(p.ann, "words"))
	p.requireEqual(p.run(p.list...))
	for _, one := range p.list {
		p.requireEqual(p.run(one))
	}
	require.Equal(t, projections.ThreadRow{}, projections.ApplyThread(projections.ThreadRow{}, eventstore.Recorded{Event: ticket.Deleted{}}))
	require.Empty(t, p.list[0].Inline.Rows(eventstore.Stream{}), "other nouns have no row")
	require.Empty(t, p.list[1].Inline.Rows(eventstore.Stream{}))
	ask := spoken(p.ann, "afterwards") // the tables go on as if nothing had happened
	p.talk(id, ask)
	require.Equal(t, ask.MessageID, p.said(id)[1].ID)
}
