package eventstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

// subscribed is a Watermill subscription that a test ends before the next one begins.
type subscribed struct {
	messages <-chan *message.Message
	end      func()
}

func subscribe(t *testing.T, s instance, topic string, types ...string) subscribed {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	subscriber := eventstore.NewSubscriber(feedOf(s), types...)
	messages, err := subscriber.Subscribe(ctx, topic)
	require.NoError(t, err)
	end := func() {
		stop()
		for range messages { // closed once the feed has ended
		}
		require.NoError(t, subscriber.Close())
	}
	t.Cleanup(end)
	return subscribed{messages: messages, end: end}
}

func textOf(t *testing.T, m *message.Message) string {
	t.Helper()
	r, ok := eventstore.FromMessage(m)
	require.True(t, ok)
	require.Equal(t, r.Cause(), m.UUID)
	require.Equal(t, r.Type, m.Metadata.Get("type"))
	noted, ok := r.Event.(eventstoretest.Noted)
	require.True(t, ok)
	return noted.Text
}

func TestASubscriberHandsOverInOrderAndGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	stream := fresh()
	for _, text := range []string{"one", "two", "three"} {
		stream = mustAppend(t, s, stream, text)
	}
	first := subscribe(t, s, "react", stream.Events[0].Type)
	for _, want := range []string{"one", "two", "three"} {
		m := <-first.messages
		require.Equal(t, want, textOf(t, m))
		m.Ack()
	}
	eventually(t, func() bool { return checkpoint(t, s.pool, "react") == int(stream.Position()) }, "the checkpoint follows")
	first.end()

	mustAppend(t, s, stream, "four")
	again := subscribe(t, s, "react", stream.Events[0].Type)
	m := <-again.messages
	require.Equal(t, "four", textOf(t, m))
	m.Ack()
}

func TestAMessageCarriesAReferenceAndNoWords(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	stream := mustAppend(t, s, fresh(), "a secret")
	m := <-subscribe(t, s, "react", stream.Events[0].Type).messages
	require.NotContains(t, string(m.Payload), "secret")
	require.Contains(t, string(m.Payload), stream.ID.String())
	m.Ack()
}

func TestARefusedMessageComesAgain(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	stream := mustAppend(t, s, fresh(), "again")
	sub := subscribe(t, s, "react", stream.Events[0].Type)
	m := <-sub.messages
	m.Nack()
	m = <-sub.messages
	require.Equal(t, "again", textOf(t, m))
	m.Ack()
}

func TestASubscriberPassesOverWhatItDoesNotWant(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	stream := mustAppend(t, s, fresh(), "unwanted")
	sub := subscribe(t, s, "react", "another.type")
	eventually(t, func() bool { return checkpoint(t, s.pool, "react") == int(stream.Position()) }, "the checkpoint passes")
	sub.end()
}

func TestASubscriptionEndsWhileAMessageWaits(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	stream := mustAppend(t, s, fresh(), "waits")
	sub := subscribe(t, s, "react", stream.Events[0].Type)
	<-sub.messages // never answered
	sub.end()
	require.Zero(t, checkpoint(t, s.pool, "react"))
}

func TestASubscriptionEndsAtAnUnreadableEvent(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	foreign(t, s.pool, "nobody.knows", `{}`, `{"v":1}`, []byte(strings.Repeat("h", 32)))
	_, open := <-subscribe(t, s, "react", "nobody.knows").messages
	require.False(t, open)
}

func TestAMessageFromElsewhereCarriesNoEvent(t *testing.T) {
	t.Parallel()
	_, ok := eventstore.FromMessage(message.NewMessage("1", nil))
	require.False(t, ok)
}
