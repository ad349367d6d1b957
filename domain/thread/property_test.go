package thread_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/thread"
)

// commands gives generators of its own to each test, because rapid's are not safe to share between parallel ones.
func commands() *rapid.Generator[thread.Command] {
	actors := rapid.SampledFrom([]domain.Actor{hers, hers, his, admin, auditor, domain.System, domain.System})
	texts := rapid.OneOf(rapid.SampledFrom([]string{"", "VPN", " VPN ", "It drops."}), rapid.String())
	ids := rapid.SampledFrom([]uuid.UUID{first, second, answer, {}})
	return rapid.OneOf(
		rapid.Just[thread.Command](thread.Start{Agent: domain.CustomerSupport, By: hers}),
		rapid.Custom(func(t *rapid.T) thread.Command {
			return thread.Start{
				Agent: rapid.SampledFrom(append([]domain.Agent{"", "poet"}, domain.Agents...)).Draw(t, "agent"),
				Title: texts.Draw(t, "title"), By: actors.Draw(t, "by"),
			}
		}),
		rapid.Custom(func(t *rapid.T) thread.Command {
			return thread.Rename{Title: texts.Draw(t, "title"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) thread.Command {
			return thread.AddMessage{
				MessageID: ids.Draw(t, "id"), Content: texts.Draw(t, "content"), By: actors.Draw(t, "by"),
				Attachments: rapid.SliceOfN(rapid.SampledFrom([]thread.Attachment{file(1), file(2)}), 0, 3).Draw(t, "files"),
				Metadata:    rapid.MapOfN(texts, rapid.Map(texts, func(s string) any { return s }), 0, 2).Draw(t, "metadata"),
			}
		}),
		rapid.Custom(func(t *rapid.T) thread.Command {
			return thread.Reply{MessageID: ids.Draw(t, "id"), InReplyTo: ids.Draw(t, "to"), Run: run, Content: texts.Draw(t, "content"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) thread.Command {
			return thread.FailReply{InReplyTo: ids.Draw(t, "to"), Run: run, Code: "timeout", By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) thread.Command { return thread.Delete{By: actors.Draw(t, "by")} }),
		rapid.Custom(func(t *rapid.T) thread.Command {
			return thread.EraseWords{Of: rapid.SampledFrom([]domain.UserID{ann, bob, {}}).Draw(t, "of"), By: actors.Draw(t, "by")}
		}),
	)
}

func TestTheLawsOfDecidersHold(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, thread.Decider, commands(), domaintest.Never)
}

// Whatever happens, a message has one reply at the most, and nothing is written after the creator's words are gone.
func TestAMessageHasOneReply(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := thread.Decider.Fold(thread.State{}, started, asked)
		replies, gone := 0, false
		for _, c := range rapid.SliceOf(commands()).Draw(t, "commands") {
			events, _ := thread.Decide(s, c)
			for _, e := range events {
				switch e := e.(type) {
				case thread.Replied:
					require.False(t, gone)
					if e.InReplyTo == first {
						replies++
					}
				case thread.MessageAdded, thread.Renamed:
					require.False(t, gone)
				case thread.WordsErased:
					gone = gone || e.Of == ann
				case thread.Started, thread.ReplyFailed, thread.Deleted:
				}
			}
			s = thread.Decider.Fold(s, events...)
		}
		require.LessOrEqual(t, replies, 1)
	})
}
