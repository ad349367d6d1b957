package github_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

func TestWhatWasMadeInADroppedConnectionIsFound(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]vendorfake.Fault{"the answer is lost": {DropAfter: true}, "the answer makes no sense": {Garbage: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := meet(t)
			began := time.Now()

			d := draft()
			w.Next("POST /repos/octo/help/issues", fault)
			_, err := w.Create(t.Context(), d)
			e := wrong(t, err)
			require.Equal(t, commands.Down, e.Kind)
			require.True(t, e.Unsure)
			made, ok, err := w.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: d.Ticket, Since: began})
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, commands.Receipt{ID: "1", Place: "octo/help", URL: "https://github.com/octo/help/issues/1"}, made)

			ref := commands.Ref{ID: made.ID, Place: made.Place}
			note := commands.Note{Comment: uuid.New(), Author: "Ada", Text: "Hello"}
			w.Next("POST /repos/octo/help/issues/1/comments", fault)
			_, err = w.Comment(t.Context(), ref, note)
			require.True(t, wrong(t, err).Unsure)
			found, ok, err := w.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: note.Comment, Ref: ref, Since: began})
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, w.Tickets()[0].Comments[0].ID, found.ID)

			file := attachment("a.png", "image/png", "a picture")
			w.Next("POST /repos/octo/help/issues/1/comments", fault)
			_, err = w.Attach(t.Context(), ref, file)
			require.True(t, wrong(t, err).Unsure)
			found, ok, err = w.Find(t.Context(), commands.Mark{Kind: commands.AttachmentMark, Key: file.File, Ref: ref, Name: file.Name, Size: file.Size, Since: began})
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, w.Tickets()[0].Comments[1].ID, found.ID)
			require.Len(t, w.Tickets()[0].Files, 1)
		})
	}
}

func TestAnIssueThatIsNullIsNone(t *testing.T) {
	t.Parallel()
	w := meet(t)
	w.Next("GET /repos/octo/help/issues", vendorfake.Fault{Status: 200, Body: `[null]`})
	_, found, err := w.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: uuid.New(), Since: time.Now()})
	require.NoError(t, err)
	require.False(t, found)
}

func TestWhatWasNeverMadeIsNotFound(t *testing.T) {
	t.Parallel()
	w := meet(t)
	w.Next("POST /repos/octo/help/issues", vendorfake.Fault{DropBefore: true})
	d := draft()
	_, err := w.Create(t.Context(), d)
	require.True(t, wrong(t, err).Unsure)
	_, ok, err := w.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: d.Ticket, Since: time.Now()})
	require.NoError(t, err)
	require.False(t, ok)

	ref := w.made(t)
	receipt, err := w.Comment(t.Context(), ref, commands.Note{Comment: d.Ticket, Text: "by another key's name"})
	require.NoError(t, err)
	for _, kind := range []commands.MarkKind{commands.CommentMark, commands.AttachmentMark} {
		_, ok, err = w.Find(t.Context(), commands.Mark{Kind: kind, Key: uuid.New(), Ref: ref})
		require.NoError(t, err)
		require.False(t, ok, kind)
	}
	_, ok, err = w.Find(t.Context(), commands.Mark{Kind: commands.AttachmentMark, Key: d.Ticket, Ref: ref})
	require.NoError(t, err)
	require.False(t, ok, "a comment is no file: "+receipt.ID)
}

func TestATicketIsFoundAmongManyButNotAPullRequestOrAQuotedMarker(t *testing.T) {
	t.Parallel()
	w := meet(t)
	d := draft()
	receipt, err := w.Create(t.Context(), d)
	require.NoError(t, err)
	raw, _ := w.Ticket(receipt.ID)
	for n := range 120 {
		w.Open(fmt.Sprintf("Issue %d", n), "nothing of ours", false)
	}
	w.Open("A pull request", raw.Description, true)
	w.Open("A quote", "> "+raw.Description, false)
	w.Open("Half a marker", "<!-- ticketd {\"ticket\":\""+d.Ticket.String()+"\"}", false)
	w.Open("No marker", "<!-- ticketd nonsense -->", false)
	require.NoError(t, w.SetStatus(t.Context(), commands.Ref{ID: receipt.ID}, "completed"))

	found, ok, err := w.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: d.Ticket, Since: time.Now()})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, receipt.ID, found.ID)

	_, ok, err = w.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: d.Ticket, Since: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.False(t, ok, "what has not changed since is not looked at")
}

func TestALookThatFailsIsNoAnswer(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	w.Next("GET *", vendorfake.Fault{Status: 500, Times: 3})
	for _, mark := range []commands.Mark{{Kind: commands.TicketMark}, {Kind: commands.CommentMark, Ref: ref}, {Kind: commands.AttachmentMark, Ref: ref}} {
		_, _, err := w.Find(t.Context(), mark)
		e := wrong(t, err)
		require.Equal(t, commands.Down, e.Kind)
		require.False(t, e.Unsure)
	}
	_, _, err := w.Find(t.Context(), commands.Mark{Kind: commands.CommentMark})
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
}
