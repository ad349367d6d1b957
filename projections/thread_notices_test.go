package projections_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/eventstore"
	"ticketd/projections"
)

func (p parlour) notices(events ...eventstore.Recorded) []projections.Notice {
	p.Helper()
	notices, err := (&projections.Notices{Tickets: p.tickets, Files: projections.NewFiles(p.pool), Threads: p.threads}).From(p.Context(), events)
	require.NoError(p, err)
	return notices
}

func TestEveryChatNotice(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id, run, file := newUser().UUID, newUser().UUID, newFile()
	started := p.talk(id, thread.Started{Agent: domain.Summary, CreatedBy: p.ann})
	require.Empty(t, p.notices(started...), "whoever started it knows")
	ask, bare := spoken(p.ann, "It drops."), spoken(p.ann, strings.Repeat("é", 16_001))
	ask.Attachments = []thread.Attachment{{FileID: file}}
	reply := thread.Replied{MessageID: newUser().UUID, InReplyTo: ask.MessageID, Run: run, CreatedBy: p.ann, Content: "Since when?"}
	type data map[string]any
	for _, step := range []struct {
		event thread.Event
		kind  string
		data  data
	}{
		{ask, "message_added", data{
			"message_id": ask.MessageID.String(), "role": "user", "content": "It drops.", "truncated": false,
			"attachments": []any{map[string]any{"file_id": file.String()}},
		}},
		{bare, "message_added", data{
			"message_id": bare.MessageID.String(), "role": "user", "content": strings.Repeat("é", 16_000), "truncated": true, "attachments": []any{},
		}},
		{reply, "reply_completed", data{
			"message_id": ask.MessageID.String(), "reply_id": reply.MessageID.String(), "run_id": run.String(), "content": "Since when?", "truncated": false,
		}},
		{
			thread.ReplyFailed{InReplyTo: bare.MessageID, Run: run, Code: "timeout"},
			"reply_failed",
			data{"message_id": bare.MessageID.String(), "run_id": run.String(), "error": "timeout", "reason": thread.Reason("timeout")},
		},
		{thread.Renamed{CreatedBy: p.ann, Title: "VPN"}, "thread_updated", data{"changed": []any{"title"}, "title": "VPN", "version": 6.0}},
		{thread.Renamed{CreatedBy: p.ann}, "thread_updated", data{"changed": []any{"title"}, "title": "", "version": 7.0}},
		{thread.WordsErased{Of: p.ann}, "thread_updated", data{"changed": []any{"title", "messages"}, "version": 8.0}},
		{thread.Deleted{}, "thread_updated", data{"changed": []any{"deleted"}, "deleted": true, "version": 9.0}},
	} {
		events := p.talk(id, step.event)
		notices := p.notices(events...)
		require.Len(t, notices, 1, "%T", step.event)
		n := notices[0]
		require.Equal(t, step.kind, n.Type)
		require.Equal(t, "chat", n.Protocol)
		require.Equal(t, []any{id, p.org, events[0].Position, events[0].At}, []any{n.Topic, n.Org, n.Position, n.At})
		text, err := json.Marshal(n.Data)
		require.NoError(t, err)
		var told data
		require.NoError(t, json.Unmarshal(text, &told))
		step.data["thread_id"], step.data["timestamp"] = id.String(), events[0].At.Format(projections.Millis)
		require.Equal(t, step.data, told)
		for _, role := range domain.Roles {
			require.True(t, n.VisibleTo(p.caller(p.ann, role).Actor), role)
			require.Equal(t, role == domain.Admin || role == domain.Auditor, n.VisibleTo(p.caller(p.bob, role).Actor), role)
		}
	}
}

// What is told of a thread after its words were erased holds none of them.
func TestErasedWordsOfAThreadAreNotTold(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id := newUser().UUID
	ask := spoken(p.ann, "secret words")
	p.talk(id, thread.Started{Agent: domain.Summary, CreatedBy: p.ann, Title: "secret"}, ask,
		thread.Replied{MessageID: newUser().UUID, InReplyTo: ask.MessageID, CreatedBy: p.ann, Content: "secret answer"},
		thread.Renamed{CreatedBy: p.ann, Title: "secret"})
	p.exec(`UPDATE subject_keys SET wrapped = '', erased_at = now() WHERE subject_id = '` + p.ann.String() + `'`)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: p.pool})
	require.NoError(t, err)
	elsewhere := eventstore.Open(t.Context(), p.pool, p.rebuild.Codec, keys, eventstore.Options{}) // that never had the key
	t.Cleanup(elsewhere.Close)
	events, err := elsewhere.Read(t.Context(), eventstore.Query{Org: p.org.UUID})
	require.NoError(t, err)
	notices := p.notices(events...)
	require.Len(t, notices, 3)
	text, err := json.Marshal(notices)
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret")
	require.Contains(t, string(text), eventstore.Erased)
}
