package ticket_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/ticket"
)

// commands gives generators of its own to each test, because rapid's are not safe to share between parallel ones.
func commands() *rapid.Generator[ticket.Command] {
	texts := rapid.OneOf(rapid.SampledFrom([]string{"", " ", "Printer", " It burns. "}), rapid.String())
	actors := rapid.SampledFrom([]domain.Actor{support, support, creator, stranger, auditor, domain.System})
	users := rapid.SampledFrom([]domain.UserID{{}, ann, bob, eve})
	levels := rapid.SampledFrom([]ticket.Level{"", ticket.Low, ticket.Medium, ticket.High, ticket.Critical, "huge"})
	categories := rapid.SampledFrom(append([]ticket.Category{"", "art"}, ticket.Categories...))
	statuses := rapid.SampledFrom(append([]ticket.Status{"", "lost"}, ticket.Statuses...))
	tags := rapid.OneOf(rapid.Just[[]string](nil), rapid.SliceOfN(texts, 0, 4))
	fields := rapid.OneOf(rapid.Just[map[string]any](nil), rapid.MapOf(texts, rapid.Map(texts, func(s string) any { return s })))
	attachments := rapid.SliceOfN(rapid.SampledFrom([]ticket.Attachment{fileA, fileB, file(3)}), 0, 4)
	comments := rapid.SampledFrom([]uuid.UUID{first, {15: 8}})

	changes := rapid.Custom(func(t *rapid.T) ticket.Changes {
		return ticket.Changes{
			Title: rapid.Ptr(texts, true).Draw(t, "title"), Description: rapid.Ptr(texts, true).Draw(t, "description"),
			Priority: rapid.Ptr(levels, true).Draw(t, "priority"), Urgency: rapid.Ptr(levels, true).Draw(t, "urgency"),
			Category: rapid.Ptr(categories, true).Draw(t, "category"), Subcategory: rapid.Ptr(texts, true).Draw(t, "subcategory"),
			Department: rapid.Ptr(texts, true).Draw(t, "department"), Tags: rapid.Ptr(tags, true).Draw(t, "tags"),
			CustomFields: rapid.Ptr(fields, true).Draw(t, "fields"),
		}
	})
	return rapid.OneOf(
		rapid.Just[ticket.Command](open(func(*ticket.OpenTicket) {})),
		rapid.Custom(func(t *rapid.T) ticket.Command {
			return ticket.OpenTicket{
				Content: ticket.Content{
					Title: texts.Draw(t, "title"), Description: texts.Draw(t, "description"), Priority: levels.Draw(t, "priority"),
					Urgency: levels.Draw(t, "urgency"), Category: categories.Draw(t, "category"), Tags: tags.Draw(t, "tags"),
					CustomFields: fields.Draw(t, "fields"),
				},
				SourceChannel: texts.Draw(t, "channel"), Assignee: users.Draw(t, "assignee"),
				Attachments: attachments.Draw(t, "attachments"), By: actors.Draw(t, "by"),
			}
		}),
		rapid.Custom(func(t *rapid.T) ticket.Command { // the small edit is the usual one
			return ticket.Edit{Changes: ticket.Changes{Tags: rapid.Ptr(tags, true).Draw(t, "tags"), CustomFields: rapid.Ptr(fields, true).Draw(t, "fields")}, By: support}
		}),
		rapid.Custom(func(t *rapid.T) ticket.Command {
			return ticket.Edit{
				Changes: changes.Draw(t, "changes"), Status: rapid.Ptr(statuses, true).Draw(t, "status"),
				ResolutionSummary: rapid.Ptr(texts, true).Draw(t, "summary"), Assignee: rapid.Ptr(users, true).Draw(t, "assignee"),
				By: actors.Draw(t, "by"),
			}
		}),
		rapid.Custom(func(t *rapid.T) ticket.Command {
			return ticket.Edit{ResolutionSummary: rapid.Ptr(texts, true).Draw(t, "summary"), By: support}
		}),
		rapid.Custom(func(t *rapid.T) ticket.Command {
			return ticket.ChangeStatus{To: statuses.Draw(t, "to"), ResolutionSummary: rapid.Ptr(texts, true).Draw(t, "summary"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) ticket.Command {
			return ticket.Assign{Assignee: users.Draw(t, "assignee"), Reason: texts.Draw(t, "reason"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) ticket.Command {
			return ticket.AddComment{
				CommentID: comments.Draw(t, "id"), Content: texts.Draw(t, "content"), Internal: rapid.Bool().Draw(t, "internal"),
				Attachments: attachments.Draw(t, "attachments"), By: actors.Draw(t, "by"),
			}
		}),
		rapid.Custom(func(t *rapid.T) ticket.Command {
			return ticket.Attach{Attachments: attachments.Draw(t, "attachments"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) ticket.Command {
			return ticket.Detach{FileID: file(rapid.ByteRange(1, 4).Draw(t, "file")).FileID, By: actors.Draw(t, "by")}
		}),
		rapid.Map(actors, func(by domain.Actor) ticket.Command { return ticket.Delete{By: by} }),
		rapid.Custom(func(t *rapid.T) ticket.Command {
			return ticket.EraseWords{Of: users.Draw(t, "of"), By: actors.Draw(t, "by")}
		}),
	)
}

func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, ticket.Decider, commands(), domaintest.Never)
}

// Whatever is asked for, a ticket keeps a title and a status, and refers to an upload once.
func TestATicketStaysWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := ticket.Decider.Fold(ticket.State{}, opened)
		for _, c := range rapid.SliceOf(commands()).Draw(t, "commands") {
			facts, _ := ticket.Decide(s, c)
			s = ticket.Decider.Fold(s, facts...)
			require.NotEmpty(t, s.Title)
			require.Contains(t, ticket.Statuses, s.Status)
			seen := map[ticket.Attachment]bool{}
			for _, a := range s.Attachments {
				require.False(t, seen[a])
				seen[a] = true
			}
		}
	})
}
