package ws

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	chats "ticketd/domain/thread"
)

func TestEveryChatNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, caller := w.member(w.acme(), domain.Member)
	id, other := w.thread(w.acme(), caller.User), w.thread(w.acme(), caller.User)
	c, all := w.connect(token), w.connect(token)
	answer := c.ask("subscribe_thread", map[string]any{"thread_id": id})
	require.Equal(t, "subscription_response", answer.Type)
	require.Equal(t, chat, answer.Protocol)
	require.Equal(t, map[string]any{"thread_id": id.String(), "subscribed": true, "position": 0.0}, answer.Data)
	all.ask("subscribe_all", nil)
	all.ask("subscribe_thread", map[string]any{"thread_id": id}) // both, and still each notice once
	w.happen(id, chats.Started{Agent: domain.Summary, CreatedBy: caller.User})
	w.happen(other, chats.Started{Agent: domain.Summary, CreatedBy: caller.User})
	for _, test := range []struct {
		event chats.Event
		want  string
	}{
		{chats.MessageAdded{Author: caller.User, Content: "hello"}, "message_added"},
		{chats.Replied{CreatedBy: caller.User, Content: "yes"}, "reply_completed"},
		{chats.ReplyFailed{Code: "timeout"}, "reply_failed"},
		{chats.Renamed{CreatedBy: caller.User, Title: "VPN"}, "thread_updated"},
		{chats.WordsErased{Of: caller.User}, "thread_updated"},
		{chats.Deleted{}, "thread_updated"},
	} {
		elsewhere := w.happen(other, chats.ReplyFailed{})
		at := w.happen(id, test.event)
		require.Equal(t, elsewhere, all.read().Position)
		for _, r := range []reply{c.read(), all.read()} {
			require.Equal(t, test.want, r.Type)
			require.Equal(t, chat, r.Protocol)
			require.True(t, r.Success)
			require.Equal(t, at, r.Position)
			require.Equal(t, map[string]any{"thread_id": id.String()}, r.Data)
			_, err := time.Parse("2006-01-02T15:04:05.000Z", r.Timestamp)
			require.NoError(t, err)
		}
	}
	answer = c.ask("unsubscribe_thread", map[string]any{"thread_id": id})
	require.Equal(t, false, answer.Data["subscribed"])
	w.happen(id, chats.ReplyFailed{})
	w.routed()
	c.silent()
}

func TestNobodyHearsOfThreadsThatAreNotTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, _ := w.member(w.acme(), domain.Admin)
	auditor, _ := w.member(w.acme(), domain.Auditor)
	support, _ := w.member(w.acme(), domain.Support)
	creator, caller := w.member(w.acme(), domain.Member)
	stranger, _ := w.member(w.acme(), domain.Member)
	spy, _ := w.member(domain.OrgID{UUID: uuid.New()}, domain.Admin)
	id := w.thread(w.acme(), caller.User)
	hears := map[string]bool{admin: true, auditor: true, creator: true, support: false, stranger: false, spy: false}
	clients := map[string]*client{}
	for token, may := range hears {
		clients[token] = w.connect(token)
		require.True(t, clients[token].ask("subscribe_all", nil).Success)
		r := clients[token].ask("subscribe_thread", map[string]any{"thread_id": id})
		require.Equal(t, may, r.Success)
		if !may {
			require.Equal(t, "There is no such thread.", r.Error)
			require.Equal(t, chat, r.Protocol)
		}
	}
	at := w.happen(id, chats.MessageAdded{Author: caller.User, Content: "hello"})
	w.routed()
	for token, may := range hears {
		if may {
			require.Equal(t, at, clients[token].read().Position)
		}
		clients[token].silent()
		again := w.connect(token) // whoever may not see it cannot follow it by a resume either
		again.say("resume", map[string]any{"after": 0, "threads": []uuid.UUID{id}})
		list, resumed := again.positions()
		require.Equal(t, may, len(list) == 1)
		require.Equal(t, may, resumed.Data["not_found"] == nil)
	}
}
