package commands_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/backtest"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

const (
	bug      ticket.Category = "bug"
	billing  ticket.Category = "billing"
	security ticket.Category = "security"
)

var (
	opened = ticket.Opened{Title: "then", Description: "as it was", Category: ticket.General, Priority: ticket.Medium, CreatedBy: domain.UserID{UUID: uuid.UUID{15: 7}}}
	sorted = ticket.Categorized{
		Run: uuid.UUID{15: 8}, Agent: domain.Categorization, Category: bug, Priority: ticket.High, Confidence: 0.8, CreatedBy: opened.CreatedBy,
		Applied: ticket.Chosen{Category: true, Priority: true},
	}
	resorted = ticket.Categorized{Run: uuid.UUID{15: 9}, Agent: domain.Categorization, Category: billing, Priority: ticket.Low, Applied: sorted.Applied}
	reworded = ticket.Edited{Title: new("now"), Description: new("what nobody knew then")}
	solved   = ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved}
)

func corrected(category ticket.Category) []ticket.Event {
	return []ticket.Event{ticket.Edited{Category: &category}, ticket.Corrected{ToCategory: category}}
}

func replayed(events ...ticket.Event) commands.Past {
	var recorded []eventstore.Recorded
	for _, e := range events {
		recorded = append(recorded, eventstore.Recorded{Event: e})
	}
	return commands.Replay(append(recorded, eventstore.Recorded{Event: "of another program"}))
}

func TestATicketIsReplayedAsItStoodWhenItWasFirstCategorized(t *testing.T) {
	t.Parallel()
	before, after := domain.FileID{UUID: uuid.UUID{15: 1}}, domain.FileID{UUID: uuid.UUID{15: 2}}
	past := replayed(append([]ticket.Event{
		opened,
		ticket.Attached{Attachments: []ticket.Attachment{{FileID: before}}},
		ticket.Edited{Title: new("mended")},
		sorted, reworded,
		ticket.Attached{Attachments: []ticket.Attachment{{FileID: after}}},
		resorted,
	}, corrected(security)...)...)
	require.Equal(t, commands.Past{
		Title: "mended", Description: "as it was", Files: []domain.FileID{before}, First: sorted, Right: backtest.Verdict{Category: "security"}, Basis: backtest.Chosen,
	}, past)
	require.True(t, past.Readable())
}

func TestWhatIsRight(t *testing.T) {
	t.Parallel()
	chosen := opened
	chosen.Category, chosen.Chosen = billing, ticket.Chosen{Category: true}
	beside := sorted
	beside.Applied.Category = false
	everybody := ticket.WordsErased{}
	for name, c := range map[string]struct {
		events   []ticket.Event
		right    backtest.Verdict
		basis    backtest.Basis
		unjudged string
		readable bool
	}{
		"nobody has looked at it":               {events: []ticket.Event{opened, sorted}, unjudged: backtest.Undecided, readable: true},
		"it stood until it was resolved":        {events: []ticket.Event{opened, sorted, solved}, right: backtest.Verdict{Category: "bug", Priority: "high"}, basis: backtest.Stood, readable: true},
		"it stood until it was closed":          {events: []ticket.Event{opened, sorted, ticket.StatusChanged{To: ticket.Closed}}, right: backtest.Verdict{Category: "bug", Priority: "high"}, basis: backtest.Stood, readable: true},
		"it was opened again":                   {events: []ticket.Event{opened, sorted, solved, ticket.StatusChanged{To: ticket.Open}}, unjudged: backtest.Undecided, readable: true},
		"a cancelled one proves nothing":        {events: []ticket.Event{opened, sorted, ticket.StatusChanged{To: ticket.Cancelled}}, unjudged: backtest.Undecided, readable: true},
		"a person has corrected it":             {events: append([]ticket.Event{opened, sorted}, corrected(security)...), right: backtest.Verdict{Category: "security"}, basis: backtest.Chosen, readable: true},
		"and it was resolved":                   {events: append([]ticket.Event{opened, sorted, solved}, corrected(security)...), right: backtest.Verdict{Category: "security", Priority: "high"}, basis: backtest.Chosen, readable: true},
		"whoever opened it has said what it is": {events: []ticket.Event{chosen, beside}, right: backtest.Verdict{Category: "billing"}, basis: backtest.Chosen, readable: true},
		"an agent has changed its mind":         {events: []ticket.Event{opened, sorted, resorted, solved}, right: backtest.Verdict{Category: "billing", Priority: "low"}, basis: backtest.Stood, readable: true},
		"no agent has said anything":            {events: []ticket.Event{chosen}, right: backtest.Verdict{Category: "billing"}, basis: backtest.Chosen, unjudged: backtest.NotCategorized},
		"it is deleted":                         {events: []ticket.Event{opened, sorted, solved, ticket.Deleted{}}, right: backtest.Verdict{Category: "bug", Priority: "high"}, basis: backtest.Stood, unjudged: backtest.Deleted},
		"its words are erased":                  {events: []ticket.Event{opened, sorted, solved, everybody}, right: backtest.Verdict{Category: "bug", Priority: "high"}, basis: backtest.Stood, unjudged: backtest.Erased},
		"the words of whoever wrote them are":   {events: []ticket.Event{opened, sorted, solved, ticket.WordsErased{Of: opened.CreatedBy}}, right: backtest.Verdict{Category: "bug", Priority: "high"}, basis: backtest.Stood, unjudged: backtest.Erased},
		"somebody else's words are":             {events: []ticket.Event{opened, sorted, solved, ticket.WordsErased{Of: newUserID()}}, right: backtest.Verdict{Category: "bug", Priority: "high"}, basis: backtest.Stood, readable: true},
		"there is none":                         {unjudged: backtest.Deleted},
	} {
		past := replayed(c.events...)
		require.Equal(t, c.right, past.Right, name)
		require.Equal(t, c.basis, past.Basis, name)
		require.Equal(t, c.unjudged, past.Unjudged, name)
		require.Equal(t, c.readable, past.Readable(), name)
	}
}
