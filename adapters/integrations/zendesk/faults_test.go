package zendesk_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

func TestFaultsAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  vendorfake.Fault
		kind   commands.VendorErrorKind
		says   string
		unsure bool
	}{
		"401":             {vendorfake.Fault{Status: 401, Body: `{"error":"Couldn't authenticate you"}`}, commands.Unauthorized, "Zendesk says: Couldn't authenticate you", false},
		"403":             {vendorfake.Fault{Status: 403, Body: `{"error":{"title":"Forbidden","message":"You do not have access to this page."}}`}, commands.Denied, "Zendesk says: Forbidden: You do not have access to this page.", false},
		"404":             {vendorfake.Fault{Status: 404, Body: `{"error":"RecordNotFound","description":"Not found"}`}, commands.Missing, "Zendesk says: RecordNotFound: Not found", false},
		"409":             {vendorfake.Fault{Status: 409, Body: `{"error":"DatabaseConflict","description":"Database collision"}`}, commands.Busy, "Zendesk says: DatabaseConflict: Database collision", false},
		"413":             {vendorfake.Fault{Status: 413, Body: `<html>`}, commands.TooLarge, "The vendor answered 413 Request Entity Too Large.", false},
		"422":             {vendorfake.Fault{Status: 422, Body: `{"error":"RecordInvalid","description":"Record validation errors","details":{"b":[{"description":"B: no"}],"a":[{"description":"A: is not active"}]}}`}, commands.Rejected, "Zendesk says: RecordInvalid: Record validation errors: a: A: is not active; b: B: no", false},
		"422 in a list":   {vendorfake.Fault{Status: 422, Body: `{"error":"RecordInvalid","details":["a"]}`}, commands.Rejected, "Zendesk says: RecordInvalid", false},
		"400 of nothing":  {vendorfake.Fault{Status: 400, Body: `{}`}, commands.Rejected, "The vendor answered 400 Bad Request.", false},
		"429":             {vendorfake.Fault{Status: 429, Header: map[string]string{"Retry-After": "93"}}, commands.Limited, "The vendor answered 429 Too Many Requests.", false},
		"503 for a while": {vendorfake.Fault{Status: 503, Header: map[string]string{"Retry-After": "93"}}, commands.Limited, "The vendor answered 503 Service Unavailable.", false},
		"500":             {vendorfake.Fault{Status: 500}, commands.Down, "The vendor answered 500 Internal Server Error.", true},
		"silence":         {vendorfake.Fault{Silence: true}, commands.Down, "The vendor said nothing for too long.", true},
		"garbage":         {vendorfake.Fault{Garbage: true}, commands.Down, "The vendor's answer makes no sense.", true},
		"dropped":         {vendorfake.Fault{DropAfter: true}, commands.Down, "The vendor's answer was lost.", true},
		"no id":           {vendorfake.Fault{Status: 201, Body: `{}`}, commands.Down, "Zendesk did not say which ticket it made.", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			silence := time.Minute
			if c.fault.Silence {
				silence = 100 * time.Millisecond
			}
			d := waiting(t, silence)
			d.Next("POST /api/v2/tickets", c.fault)
			_, err := d.Create(t.Context(), draft)
			v := wrong(t, err)
			require.Equal(t, c.kind, v.Kind)
			require.Equal(t, c.says, v.Message)
			require.Equal(t, c.unsure, v.Unsure)
			if c.kind == commands.Limited {
				require.WithinDuration(t, time.Now().Add(93*time.Second), v.RetryAt, 5*time.Second)
			}
		})
	}
}

func TestWhatWasDoneWithoutAnAnswerIsFound(t *testing.T) {
	t.Parallel()
	var told []int64
	for name, fault := range map[string]vendorfake.Fault{"dropped": {DropAfter: true}, "garbage": {Garbage: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			d.Next("POST /api/v2/tickets", fault)
			_, err := d.Create(t.Context(), draft)
			require.True(t, wrong(t, err).Unsure)
			r, ok, err := d.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: draft.Ticket})
			require.NoError(t, err)
			require.True(t, ok)
			ref := commands.Ref{ID: r.ID}

			d.Next("PUT *", fault)
			_, err = d.Comment(t.Context(), ref, note)
			require.True(t, wrong(t, err).Unsure, "a comment is not changed, but added")
			_, ok, err = d.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: note.Comment, Ref: ref})
			require.NoError(t, err)
			require.True(t, ok)

			u := file("bytes", new([]int64))
			d.Next("PUT *", fault)
			_, err = d.Attach(t.Context(), ref, u)
			require.True(t, wrong(t, err).Unsure)
			_, ok, err = d.Find(t.Context(), commands.Mark{Kind: commands.AttachmentMark, Key: u.File, Ref: ref})
			require.NoError(t, err)
			require.True(t, ok)

			d.Next("POST /api/v2/uploads", fault)
			_, err = d.Attach(t.Context(), ref, file("bytes", &told))
			require.False(t, wrong(t, err).Unsure, "an upload that hangs on nothing is forgotten")
		})
	}
}

func TestACommentWhoseIDIsNotToldIsUnsure(t *testing.T) {
	t.Parallel()
	d := open(t)
	ref := d.made(t)
	d.Next("PUT *", vendorfake.Fault{Status: http.StatusOK, Body: `{"audit":{"events":[{"id":1,"type":"Change"}]}}`})
	_, err := d.Comment(t.Context(), ref, note)
	require.True(t, wrong(t, err).Unsure)
}

func TestAChangeOfSomebodyElseIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	d := open(t)
	ref := d.made(t)
	d.Next("PUT *", vendorfake.Fault{Status: http.StatusConflict, Body: `{"error":"UpdateConflict","description":"Safe Update prevented the update."}`})
	require.Equal(t, commands.Busy, wrong(t, d.Update(t.Context(), ref, draft)).Kind)
}

func TestWhatIsGoneIsMissing(t *testing.T) {
	t.Parallel()
	d := open(t)
	ref := d.made(t)
	d.Delete(ref.ID)
	_, err := d.Fetch(t.Context(), ref)
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
	require.Equal(t, commands.Missing, wrong(t, d.Update(t.Context(), ref, draft)).Kind)
	_, _, err = d.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: note.Comment, Ref: ref})
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
}

func TestWhatIsReadHalfIsNotRead(t *testing.T) {
	t.Parallel()
	d := open(t)
	ref := d.made(t)
	comments := "GET /api/v2/tickets/{ticket_id}/comments"
	d.Next(comments, vendorfake.Fault{Times: 2, Status: http.StatusBadGateway})
	_, err := d.Fetch(t.Context(), ref)
	require.Equal(t, commands.Down, wrong(t, err).Kind)
	require.Equal(t, commands.Down, wrong(t, d.Update(t.Context(), ref, draft)).Kind)
	for _, next := range []string{"https://example.zendesk.com/api/v2", "::"} {
		d.Next(comments, vendorfake.Fault{Status: http.StatusOK, Body: `{"comments":[],"next_page":"` + next + `"}`})
		_, err = d.Fetch(t.Context(), ref)
		require.Equal(t, commands.Down, wrong(t, err).Kind)
	}
	d.Next(comments, vendorfake.Fault{Times: 100, Status: http.StatusOK, Body: `{"comments":[{"id":1}],"next_page":"https://evil.example/steal?page=2"}`})
	remote, err := d.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.True(t, remote.Cut)
	_, _, err = d.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Ref: ref, Key: commands.NewID()})
	require.True(t, wrong(t, err).Unsure, "it may be among those that were not read")
	require.Len(t, remote.Comments, 50)
	d.Next("GET /api/v2/tickets", vendorfake.Fault{Status: http.StatusBadGateway})
	_, _, err = d.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: draft.Ticket})
	require.Equal(t, commands.Down, wrong(t, err).Kind)
}

func TestNoRequestComesOverTheLimit(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.Limit(3, time.Second)
	for range 2 {
		require.NoError(t, d.Check(t.Context()))
	}
	require.LessOrEqual(t, d.Refused(), 1)
}

func TestAFileThatIsKeptNowhereIsNotShown(t *testing.T) {
	t.Parallel()
	d := open(t)
	ref := d.made(t)
	d.Next("POST /api/v2/uploads", vendorfake.Fault{Status: http.StatusCreated, Body: `{}`})
	_, err := d.Attach(t.Context(), ref, file("x", new([]int64)))
	require.Equal(t, commands.Down, wrong(t, err).Kind)
	require.False(t, wrong(t, err).Unsure)
}
