package ticket_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/ticket"
)

func TestErasure(t *testing.T) {
	t.Parallel()
	erase := ticket.EraseWords{Of: ann, By: domain.System}
	everybody := ticket.EraseWords{By: domain.System}
	closed := fresh.and(ticket.StatusChanged{From: ticket.Open, To: ticket.Closed})
	annErased, allErased := fresh.and(ticket.WordsErased{Of: ann}), closed.and(ticket.WordsErased{})
	run(t, []scenario{
		{name: "a person's words", given: fresh, when: erase, then: history{ticket.WordsErased{Of: ann}}},
		{name: "a person's words again", given: annErased, when: erase},
		{name: "another person's words", given: annErased, when: ticket.EraseWords{Of: bob, By: domain.System}, then: history{ticket.WordsErased{Of: bob}}},
		{name: "everybody's words", given: closed.and(ticket.WordsErased{Of: ann}), when: everybody, then: history{ticket.WordsErased{}}},
		{name: "everybody's words, cancelled", given: fresh.and(ticket.StatusChanged{From: ticket.Open, To: ticket.Cancelled}), when: everybody, then: history{ticket.WordsErased{}}},
		{name: "everybody's words in an open ticket", given: fresh, when: everybody, refused: ticket.ErrStillOpen},
		{name: "everybody's words again", given: allErased, when: everybody},
		{name: "a person's words after everybody's", given: allErased, when: erase},
		{name: "words of a deleted ticket", given: deleted, when: erase, then: history{ticket.WordsErased{Of: ann}}},
		{name: "words of no ticket", when: erase, refused: ticket.ErrNotFound},
		{name: "words, by a person", given: fresh, when: ticket.EraseWords{Of: ann, By: support}, refused: domain.ErrForbidden},

		{
			name: "who writes the title anew owns it", given: annErased,
			when: ticket.Edit{Changes: ticket.Changes{Title: new("Scanner")}, By: support}, then: history{ticket.Edited{CreatedBy: bob, Title: new("Scanner")}},
		},
		{
			name: "the title is the creator's while they are known", given: fresh.and(ticket.WordsErased{Of: eve}),
			when: ticket.Edit{Changes: ticket.Changes{Title: new("Scanner")}, By: support}, then: history{ticket.Edited{CreatedBy: ann, Title: new("Scanner")}},
		},
		{name: "no new words after everybody's were erased", given: allErased, when: ticket.AddComment{CommentID: first, Content: "a", By: support}, refused: ticket.ErrErased},
		{name: "no new status either", given: allErased, when: ticket.ChangeStatus{To: ticket.Closed, By: support}, refused: ticket.ErrErased},
		{name: "it can be deleted", given: allErased, when: ticket.Delete{By: support}, then: history{ticket.Deleted{}}},
		{name: "who was erased writes no more", given: annErased, when: ticket.AddComment{CommentID: first, Content: "a", By: creator}, refused: domain.ErrForbidden},
		{name: "who may not see it learns nothing", given: allErased, when: ticket.ChangeStatus{To: ticket.Closed, By: stranger}, refused: ticket.ErrNotFound},
	})
}

func TestWordsErasedNamesWhose(t *testing.T) {
	t.Parallel()
	require.Equal(t, ann.UUID, ticket.WordsErased{Of: ann}.Erases())
	require.Equal(t, domain.UserID{}.UUID, ticket.WordsErased{}.Erases())
}
