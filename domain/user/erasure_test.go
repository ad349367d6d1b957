package user_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/user"
)

func TestErase(t *testing.T) {
	t.Parallel()
	requested := user.ErasureRequested{By: boss, Of: ann}
	asked := append(gone[:2:2], requested)
	report := user.Erased{Tickets: 3, Organizations: 1, Answers: 2, Tables: []string{"tickets"}}
	done := append(asked[:3:3], report)
	run(t, []scenario{
		{name: "a member", given: active, when: user.Erase{By: admin}, then: history{user.Removed{}, requested}},
		{name: "somebody who was only invited", given: pending, when: user.Erase{By: admin}, then: history{user.Removed{}, requested}},
		{name: "somebody who has left", given: gone, when: user.Erase{By: admin}, then: history{requested}},
		{name: "again", given: asked, when: user.Erase{By: admin}},
		{name: "again when it is done", given: done, when: user.Erase{By: admin}},
		{name: "nobody", when: user.Erase{By: admin}, refused: user.ErrNotFound},
		{name: "by themself", given: active, when: user.Erase{By: self}, refused: domain.ErrForbidden},

		{name: "finish", given: asked, when: user.FinishErasure{Report: report, By: domain.System}, then: history{report}},
		{name: "finish again", given: done, when: user.FinishErasure{By: domain.System}},
		{name: "finish what nobody asked for", given: active, when: user.FinishErasure{By: domain.System}, refused: user.ErrNotFound},
		{name: "finish by an admin", given: asked, when: user.FinishErasure{By: admin}, refused: domain.ErrForbidden},
	})
	require.Equal(t, ann.UUID, requested.Erases())
}
