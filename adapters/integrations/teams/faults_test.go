package teams_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

const (
	posts   = "POST /teams/{team-id}/channels/{channel-id}/messages"
	replies = "/teams/{team-id}/channels/{channel-id}/messages/{chatMessage-id}/replies"
	message = "/teams/{team-id}/channels/{channel-id}/messages/{chatMessage-id}"
)

func TestFaultsAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  vendorfake.Fault
		kind   commands.VendorErrorKind
		says   string
		unsure bool
	}{
		"401":                    {vendorfake.Fault{Status: 401, Body: `{"error":{"code":"InvalidAuthenticationToken","message":"Lifetime validation failed."}}`}, commands.Unauthorized, "Microsoft says: InvalidAuthenticationToken: Lifetime validation failed.", false},
		"401 for an application": {vendorfake.Fault{Status: 401, Body: `{"error":{"code":"Unauthorized","message":"Message POST is allowed in application-only context only for import purposes."}}`}, commands.Denied, "Microsoft says: Unauthorized: Message POST is allowed in application-only context only for import purposes.", false},
		"403":                    {vendorfake.Fault{Status: 403, Body: `{"error":{"code":"Forbidden","message":"Missing scope permissions on the request."}}`}, commands.Denied, "Microsoft says: Forbidden: Missing scope permissions on the request.", false},
		"404":                    {vendorfake.Fault{Status: 404, Body: `{"error":{"code":"NotFound","message":""}}`}, commands.Missing, "Microsoft says: NotFound", false},
		"409":                    {vendorfake.Fault{Status: 409, Body: `{"error":{"code":"Conflict","message":"Again."}}`}, commands.Busy, "Microsoft says: Conflict: Again.", false},
		"413":                    {vendorfake.Fault{Status: 413, Body: `{"error":{"message":"Request Entity too large."}}`}, commands.TooLarge, "Microsoft says: Request Entity too large.", false},
		"422":                    {vendorfake.Fault{Status: 422, Body: `{"error":[]}`}, commands.Rejected, "The vendor answered 422 Unprocessable Entity.", false},
		"400 of nothing":         {vendorfake.Fault{Status: 400, Body: `{"error":{}}`}, commands.Rejected, "The vendor answered 400 Bad Request.", false},
		"400 of a page":          {vendorfake.Fault{Status: 400, Body: `<html>`}, commands.Rejected, "The vendor answered 400 Bad Request.", false},
		"429":                    {vendorfake.Fault{Status: 429, Header: map[string]string{"Retry-After": "93"}}, commands.Limited, "The vendor answered 429 Too Many Requests.", false},
		"503 for a while":        {vendorfake.Fault{Status: 503, Header: map[string]string{"Retry-After": "93"}}, commands.Limited, "The vendor answered 503 Service Unavailable.", false},
		"500":                    {vendorfake.Fault{Status: 500}, commands.Down, "The vendor answered 500 Internal Server Error.", true},
		"silence":                {vendorfake.Fault{Silence: true}, commands.Down, "The vendor said nothing for too long.", true},
		"garbage":                {vendorfake.Fault{Garbage: true}, commands.Down, "The vendor's answer makes no sense.", true},
		"dropped":                {vendorfake.Fault{DropAfter: true}, commands.Down, "The vendor's answer was lost.", true},
		"no id":                  {vendorfake.Fault{Status: 201, Body: `{}`}, commands.Down, "Microsoft did not say which message it made.", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			silence := time.Minute
			if c.fault.Silence {
				silence = 100 * time.Millisecond
			}
			o := waiting(t, silence)
			o.Next(posts, c.fault)
			_, err := o.Create(t.Context(), draft)
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
	for name, fault := range map[string]vendorfake.Fault{"dropped": {DropAfter: true}, "garbage": {Garbage: true}, "no id": {Status: 201, Body: `{}`}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			done := name != "no id" // where nothing was done, nothing is found
			o.Next(posts, fault)
			_, err := o.Create(t.Context(), draft)
			require.True(t, wrong(t, err).Unsure)
			_, ok, err := o.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: draft.Ticket, Since: time.Now()})
			require.NoError(t, err)
			require.Equal(t, done, ok)

			ref, u := o.made(t), file("bytes", new([]int64))
			o.Next("POST "+replies, fault)
			_, err = o.Comment(t.Context(), ref, note)
			require.True(t, wrong(t, err).Unsure)
			_, ok, err = o.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: note.Comment, Ref: ref})
			require.NoError(t, err)
			require.Equal(t, done, ok)

			o.Next("POST "+replies, fault)
			_, err = o.Attach(t.Context(), ref, u)
			require.True(t, wrong(t, err).Unsure)
			_, ok, err = o.Find(t.Context(), commands.Mark{Kind: commands.AttachmentMark, Key: u.File, Ref: ref})
			require.NoError(t, err)
			require.Equal(t, done, ok)
		})
	}
}

func TestWhatIsGoneIsMissing(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	o.Delete(ref.ID)
	_, err := o.Fetch(t.Context(), ref)
	require.Equal(t, "The message was deleted in Teams.", wrong(t, err).Message)
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
	require.Equal(t, commands.Missing, wrong(t, o.Update(t.Context(), ref, draft)).Kind)
	require.Equal(t, commands.Missing, wrong(t, o.SetStatus(t.Context(), ref, "Open")).Kind)
	_, err = o.Comment(t.Context(), ref, note)
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
	ref.ID = "1"
	_, err = o.Fetch(t.Context(), ref)
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
	_, ok, err := o.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: draft.Ticket})
	require.NoError(t, err)
	require.False(t, ok)
}

func TestWhatIsReadHalfIsNotRead(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	o.Next("GET "+replies, vendorfake.Fault{Times: 3, Status: 502})
	_, err := o.Fetch(t.Context(), ref)
	require.Equal(t, commands.Down, wrong(t, err).Kind)
	require.Equal(t, commands.Down, wrong(t, o.SetStatus(t.Context(), ref, "Pending")).Kind)
	_, _, err = o.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Ref: ref})
	require.Equal(t, commands.Down, wrong(t, err).Kind)
	o.Next("PATCH "+message, vendorfake.Fault{Status: 403})
	require.Equal(t, commands.Denied, wrong(t, o.SetStatus(t.Context(), ref, "Open")).Kind)
	for _, link := range []string{"https://graph.microsoft.com/v1.0/x", "::"} {
		senseless := vendorfake.Fault{Status: 200, Body: `{"value":[{"id":"1","lastModifiedDateTime":"2999-01-01T00:00:00Z"}],"@odata.nextLink":"` + link + `"}`}
		o.Next("GET "+replies, senseless)
		_, err = o.Fetch(t.Context(), ref)
		require.Equal(t, commands.Down, wrong(t, err).Kind)
		o.Next("GET /teams/{team-id}/channels/{channel-id}/messages", senseless)
		_, _, err = o.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Since: time.Now()})
		require.Equal(t, commands.Down, wrong(t, err).Kind)
	}
	endless := vendorfake.Fault{Times: 80, Status: 200, Body: `{"value":[{"id":"1"}],"@odata.nextLink":"https://evil.example/steal?$skiptoken=2"}`}
	o.Next("GET "+replies, endless)
	remote := o.fetched(t, ref)
	require.True(t, remote.Cut)
	_, _, err = o.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Ref: ref, Key: commands.NewID()})
	require.True(t, wrong(t, err).Unsure, "it may be among those that were not read")
	require.Len(t, remote.Comments, 40)
	o.Next("GET /teams/{team-id}/channels/{channel-id}/messages", endless)
	_, _, err = o.Find(t.Context(), commands.Mark{Kind: commands.TicketMark})
	require.True(t, wrong(t, err).Unsure, "it may be older than what was read")
	o.Heal()
	o.Next("GET /teams/{team-id}/channels/{channel-id}/messages", vendorfake.Fault{Status: 502})
	_, _, err = o.Find(t.Context(), commands.Mark{Kind: commands.TicketMark})
	require.Equal(t, commands.Down, wrong(t, err).Kind)
}

func TestALimitIsWaitedOut(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.Limit(2, time.Second)
	require.Equal(t, commands.Limited, wrong(t, o.Check(t.Context())).Kind)
	o.Limit(0, 0)
	require.NoError(t, o.Check(t.Context()))
	require.Equal(t, 1, o.Refused())
}
