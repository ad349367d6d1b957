package intercom_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/intercom"
	"ticketd/commands"
	"ticketd/internal/outbound"
	"ticketd/internal/vendorfake"
)

// workspace is an Intercom, and somebody who acts there.
type workspace struct {
	*vendorfake.Intercom
	platform *intercom.Platform
}

func start(t *testing.T) workspace {
	t.Helper()
	w := workspace{vendorfake.NewIntercom(), intercom.New(client(t, time.Minute))}
	t.Cleanup(func() {
		w.Close()
		require.Empty(t, w.Invalid(), "every request is valid by Intercom's description")
	})
	return w
}

func client(t *testing.T, silence time.Duration) *outbound.Client {
	t.Helper()
	c := outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Silence: silence, UserAgent: "test"})
	t.Cleanup(c.Close)
	return c
}

func (w workspace) open() commands.Connection { return w.platform.Open(w.Account()) }

// with opens the account with other settings.
func (w workspace) with(settings ...string) commands.Connection {
	a := w.Account()
	for i := 0; i < len(settings); i += 2 {
		a.Settings[settings[i]] = settings[i+1]
	}
	return w.platform.Open(a)
}

func (w workspace) ticket(t *testing.T) vendorfake.Ticket {
	t.Helper()
	all := w.Tickets()
	require.Len(t, all, 1)
	return all[0]
}

func (w workspace) create(t *testing.T) commands.Ref {
	t.Helper()
	r, err := w.open().Create(t.Context(), draft())
	require.NoError(t, err)
	return commands.Ref{ID: r.ID, Place: r.Place}
}

func draft() commands.Draft {
	return commands.Draft{
		Ticket: uuid.New(), Number: 12, Title: "Printer is on fire", Description: "It burns.\n<b>Badly</b>.", Priority: "High", Category: "technical",
		Status: "submitted", StatusHere: "new", Tags: []string{"printer", "fire"}, Creator: commands.Person{Name: "Ada", Email: "ada@example.com"},
		Link: "https://tickets.example.com/tickets/12",
	}
}

func attachment(text string) commands.Attachment {
	return commands.Attachment{
		File: uuid.New(), Name: "the bytes of the file", Type: "text/plain", Size: int64(len(text)), Link: "https://tickets.example.com/files/1",
		Open: func(context.Context) (io.ReadSeekCloser, error) { return closer{bytes.NewReader([]byte(text))}, nil },
		Sent: func(int64) {},
	}
}

type closer struct{ *bytes.Reader }

func (closer) Close() error { return nil }

func fails(t *testing.T, err error, kind commands.VendorErrorKind) *commands.VendorError {
	t.Helper()
	var e *commands.VendorError
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind, e.Message)
	require.NotContains(t, e.Message, "intercom-access-token", "no credential")
	return e
}

func TestATicketLivesInAWorkspace(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.open()
	d := draft()
	d.Status = "in_progress"

	made, err := c.Create(t.Context(), d)
	require.NoError(t, err)
	require.Empty(t, made.Note)
	there := w.ticket(t)
	require.Equal(t, made.ID, there.ID)
	require.Equal(t, d.Title, there.Title)
	require.Equal(t, "It burns.\n<b>Badly</b>.\n\nTicket 12 · Priority: High · Category: technical · Tags: printer, fire · By: Ada\nhttps://tickets.example.com/tickets/12\nReference: ticketdticket"+
		strings.ReplaceAll(d.Ticket.String(), "-", ""), there.Description)
	require.Equal(t, "in_progress", there.Status, "the state of our ticket type, that is not archived")
	require.Empty(t, there.Own["email"], "the contact of the settings")

	ref := commands.Ref{ID: made.ID}
	d.Title, d.Status = "Printer is wet", "resolved"
	require.NoError(t, c.Update(t.Context(), ref, d))
	require.Equal(t, "Printer is wet", w.ticket(t).Title)
	require.Equal(t, "in_progress", w.ticket(t).Status, "an update leaves the status alone")
	require.NoError(t, c.SetStatus(t.Context(), ref, "resolved"))
	require.NoError(t, c.SetStatus(t.Context(), ref, "resolved"), "again does no harm")
	require.Equal(t, "resolved", w.ticket(t).Status)
	require.Equal(t, "false", w.ticket(t).Own["open"])

	note := commands.Note{Comment: uuid.New(), Author: "Ada <3", Text: "Water & <sand>\nhelp", Link: d.Link + "#there"}
	said, err := c.Comment(t.Context(), ref, note)
	require.NoError(t, err)
	require.Equal(t, []string{"Ada <3", note.Text, said.ID}, []string{w.ticket(t).Comments[0].Author, w.ticket(t).Comments[0].Text, w.ticket(t).Comments[0].ID})
	require.NotContains(t, w.ticket(t).Comments[0].Own["body"], ">ticketd", "the mark is hidden in the address")
	bare := commands.Note{Comment: uuid.New(), Text: "Nobody"}
	_, err = c.Comment(t.Context(), ref, bare)
	require.NoError(t, err)

	w.Say(made.ID, "Bob", "Thanks <b>a lot</b>\nBob")
	w.Tell(made.ID, "Eve", `<p>See <a href="https://example.org">the <b>page</b></a> and <a href="https://example.org/2">https://example.org/2</a></p><ul><li>one</li><li>t&amp;o</li></ul><img class="x" src="https://example.org/i.png"><p></p><p></p><p></p><div>end</div>`, "admin", "note")
	w.Tell(made.ID, "Fin", "<p>I am a bot</p>", "bot", "comment")
	w.Move(made.ID, "waiting_on_customer")
	got, err := c.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, "waiting_on_customer", got.Status)
	require.False(t, got.Cut)
	require.Len(t, got.Comments, 5, "a change of the state is no comment")
	require.Equal(t, note.Comment, got.Comments[0].Ours)
	require.Equal(t, bare.Comment, got.Comments[1].Ours)
	require.Equal(t, uuid.Nil, got.Comments[2].Ours)
	require.Equal(t, "Bob", got.Comments[2].Author)
	require.Equal(t, "Thanks <b>a lot</b>\nBob", got.Comments[2].Text)
	require.False(t, got.Comments[2].Internal)
	require.WithinDuration(t, time.Now(), got.Comments[2].At, 10*time.Second)
	require.True(t, got.Comments[3].Internal)
	require.Equal(t, "See the page (https://example.org) and https://example.org/2\none\nt&o\nhttps://example.org/i.png\n\nend", got.Comments[3].Text)
}

func TestAFileComesWithAReply(t *testing.T) {
	t.Parallel()
	w := start(t)
	ref := w.create(t)
	for _, size := range []int{0, 1, 3, 24_575, 24_576, 24_577, 300_001} {
		text := strings.Repeat("s", size)
		var sent []int64
		u := attachment(text)
		u.Sent = func(n int64) { sent = append(sent, n) }
		r, err := w.open().Attach(t.Context(), ref, u)
		require.NoError(t, err)
		require.NotEmpty(t, r.ID)
		files := w.ticket(t).Files
		last := files[len(files)-1]
		sum := sha256.Sum256([]byte(text))
		require.Equal(t, []any{u.Name, int64(size), hex.EncodeToString(sum[:])}, []any{last.Name, last.Size, last.SHA256})
		if size > 0 {
			require.IsIncreasing(t, append([]int64{0}, sent...))
			require.Equal(t, int64(size), sent[len(sent)-1])
		}
	}
	bare := attachment("x")
	bare.Link, bare.Type = "", ""
	_, err := w.open().Attach(t.Context(), ref, bare)
	require.NoError(t, err)
	got, err := w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Empty(t, got.Comments, "our own files are no comments")
}

func TestAFileThatIsTooLargeIsLeftToALink(t *testing.T) {
	t.Parallel()
	w := start(t)
	ref := w.create(t)
	u := attachment("x")
	for _, size := range []int64{15_000_000, 20_000_001, 1 << 40} {
		u.Size = size
		_, err := w.open().Attach(t.Context(), ref, u)
		fails(t, err, commands.TooLarge)
	}
	w.Next("POST /tickets/{ticket_id}/reply", vendorfake.Fault{Status: 413})
	_, err := w.open().Attach(t.Context(), ref, attachment("x"))
	fails(t, err, commands.TooLarge)
	require.Empty(t, w.ticket(t).Files)

	unread := attachment("x")
	unread.Open = func(context.Context) (io.ReadSeekCloser, error) { return nil, errors.New("the disk is gone") }
	_, err = w.open().Attach(t.Context(), ref, unread)
	require.False(t, fails(t, err, commands.Down).Unsure, "nothing was sent")
}

func TestAFileThatEndsEarlyIsNotAttached(t *testing.T) {
	t.Parallel()
	w := start(t)
	ref := w.create(t)
	u := attachment("short")
	u.Size = 300_000
	_, err := w.open().Attach(t.Context(), ref, u)
	fails(t, err, commands.Down)
	require.Empty(t, w.ticket(t).Files)
}

func TestATicketIsForTheContactWhoWroteIt(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.with("contact_id", "")
	_, err := c.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Equal(t, "ada@example.com", w.ticket(t).Own["email"])
	d := draft()
	d.Creator.Email = ""
	_, err = c.Create(t.Context(), d)
	require.Contains(t, fails(t, err, commands.Rejected).Message, "contact_id")
	_, err = w.with("contact_id", "nobody").Create(t.Context(), d)
	require.Equal(t, "Intercom says: Contact not found.", fails(t, err, commands.Rejected).Message)
}

func TestThePriorityIsAnEntryOfAList(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.with("priority_attribute", "priority")
	ref := w.create(t)
	d := draft()
	require.NoError(t, c.Update(t.Context(), ref, d))
	require.Equal(t, "de1825a0-0164-4070-8ca6-13e22462fa7f", w.ticket(t).Priority, "by its label")
	require.NotContains(t, w.ticket(t).Description, "Priority:")
	d.Priority = "de1825a0-0164-4070-8ca6-13e22462fa7e"
	require.NoError(t, c.Update(t.Context(), ref, d))
	require.Equal(t, d.Priority, w.ticket(t).Priority, "by its id")

	d.Priority = "Boring"
	r, err := c.Create(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, "The priority was left out: the ticket type has no attribute priority with an entry Boring.", r.Note)
	r, err = w.with("priority_attribute", "urgency").Create(t.Context(), d)
	require.NoError(t, err)
	require.Contains(t, r.Note, "no attribute urgency")
	for _, options := range []string{`{"a":{"id":"1","name":"Low"},"b":{"id":"2","name":"high"}}`, `"none"`, `{`} {
		w.Next("GET /ticket_types", vendorfake.Fault{Status: 200, Body: `{"data":[{"id":"1234","ticket_type_attributes":{"ticket_type_attributes":[{"name":"priority","input_options":` + options + `}]}}]}`})
		r, err := c.Create(t.Context(), draft())
		if options == `{` {
			fails(t, err, commands.Down)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, options[:2] != `{"`, r.Note != "")
	}
	w.Next("GET /ticket_types", vendorfake.Fault{Status: 403})
	fails(t, c.Update(t.Context(), ref, draft()), commands.Denied)
}

func TestATitleThatIsTooLongIsCut(t *testing.T) {
	t.Parallel()
	w := start(t)
	d := draft()
	d.Title = strings.Repeat("ä", 500)
	d.Description = strings.Repeat("x", 50_000)
	r, err := w.open().Create(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, "The title was cut to 255 characters.", r.Note)
	require.Len(t, []rune(w.ticket(t).Title), 255)
	require.Contains(t, w.ticket(t).Description, d.Description)
}

func TestAStatusThatWasNotSetIsNoReasonToMakeTheTicketAgain(t *testing.T) {
	t.Parallel()
	w := start(t)
	d := draft()
	d.Status = "sleeping"
	r, err := w.open().Create(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, "The status was not set: Tickets of this type have no state of the category sleeping.", r.Note)
	fails(t, w.open().SetStatus(t.Context(), commands.Ref{ID: r.ID}, "sleeping"), commands.Rejected)
	w.Next("GET /ticket_states", vendorfake.Fault{Status: 500})
	d.Status = "resolved"
	r, err = w.open().Create(t.Context(), d)
	require.NoError(t, err)
	require.Contains(t, r.Note, "The status was not set")
	require.Len(t, w.Tickets(), 2)
}

func TestALostAnswerIsSettledByLooking(t *testing.T) {
	t.Parallel()
	for _, lost := range []vendorfake.Fault{{DropAfter: true}, {Garbage: true}} {
		w := start(t)
		w.PerPage(1)
		c := w.open()
		began := time.Now()
		w.create(t) // another
		d := draft()
		w.Next("POST /tickets", lost)
		_, err := c.Create(t.Context(), d)
		require.True(t, fails(t, err, commands.Down).Unsure)
		found, ok, err := c.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: d.Ticket, Since: began})
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, w.Tickets()[1].ID, found.ID)
		ref := commands.Ref{ID: found.ID}

		note := commands.Note{Comment: uuid.New(), Author: "Ada", Text: "Hello"}
		w.Next("POST /tickets/{ticket_id}/reply", lost)
		_, err = c.Comment(t.Context(), ref, note)
		require.True(t, fails(t, err, commands.Down).Unsure)
		found, ok, err = c.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: note.Comment, Ref: ref, Since: began})
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, w.Tickets()[1].Comments[0].ID, found.ID)

		u := attachment("smoke")
		mark := commands.Mark{Kind: commands.AttachmentMark, Key: u.File, Ref: ref, Name: u.Name, Size: u.Size, Since: began}
		_, ok, err = c.Find(t.Context(), mark)
		require.NoError(t, err)
		require.False(t, ok)
		w.Next("POST /tickets/{ticket_id}/reply", lost)
		_, err = c.Attach(t.Context(), ref, u)
		require.True(t, fails(t, err, commands.Down).Unsure)
		_, ok, err = c.Find(t.Context(), mark)
		require.NoError(t, err)
		require.True(t, ok)
		mark.Kind = commands.CommentMark
		_, ok, err = c.Find(t.Context(), mark)
		require.NoError(t, err)
		require.False(t, ok, "a file is no comment")
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.open()
	_, ok, err := c.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: uuid.New()})
	require.NoError(t, err)
	require.False(t, ok)
	w.Next("POST /tickets/search", vendorfake.Fault{DropBefore: true})
	_, _, err = c.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: uuid.New()})
	require.False(t, fails(t, err, commands.Down).Unsure, "it was only asked")

	ref := w.create(t)
	w.Delete(ref.ID)
	_, err = c.Fetch(t.Context(), ref)
	require.Equal(t, "Intercom says: Ticket not found.", fails(t, err, commands.Missing).Message)
	_, _, err = c.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Ref: ref})
	fails(t, err, commands.Missing)
	fails(t, c.Update(t.Context(), ref, draft()), commands.Missing)
	fails(t, c.SetStatus(t.Context(), ref, "resolved"), commands.Missing)
	_, err = c.Comment(t.Context(), ref, commands.Note{Comment: uuid.New(), Text: "?"})
	fails(t, err, commands.Missing)
}

func TestWhoQuotesUsSaysItThemselves(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.open()
	ref := w.create(t)
	note := commands.Note{Comment: uuid.New(), Author: "Ada", Text: "Hello"}
	_, err := c.Comment(t.Context(), ref, note)
	require.NoError(t, err)
	body := w.ticket(t).Comments[0].Own["body"]
	w.Tell(ref.ID, "Bob", body, "user", "comment")
	w.Tell(ref.ID, "Eve", body, "admin", "comment")
	w.Change(ref.ID, vendorfake.Happening{}, func(t *vendorfake.Ticket) {
		t.Comments = append(t.Comments, vendorfake.Comment{ID: "99999", Own: map[string]string{"body": "<p>gone</p>", "author": "user", "kind": "comment", "redacted": "yes"}})
	})
	got, err := c.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Len(t, got.Comments, 3)
	require.Equal(t, []uuid.UUID{note.Comment, uuid.Nil, uuid.Nil}, []uuid.UUID{got.Comments[0].Ours, got.Comments[1].Ours, got.Comments[2].Ours})
}

func TestATicketOfManyPartsIsCut(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.Parts(2)
	ref := w.create(t)
	for range 3 {
		w.Say(ref.ID, "Bob", "Word")
	}
	got, err := w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Len(t, got.Comments, 2)
	require.True(t, got.Cut)
	_, _, err = w.open().Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Ref: ref, Key: uuid.New()})
	require.True(t, fails(t, err, commands.Rejected).Unsure, "it may be one of those that are not shown")
}

func TestCheckTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := start(t)
	require.NoError(t, w.with("admin_id", "991267", "priority_attribute", "priority", "region", "eu").Check(t.Context()))
	require.NoError(t, w.with("contact_id", "", "app_id", "").Check(t.Context()))
	for _, v := range []struct {
		setting, value string
		kind           commands.VendorErrorKind
		words          string
	}{
		{"region", "mars", commands.Rejected, "us, eu or au"},
		{"app_id", "other", commands.Rejected, "this_is_an_id"},
		{"admin_id", "1", commands.Missing, "admin_id 1"},
		{"ticket_type_id", "1233", commands.Missing, "archived"},
		{"priority_attribute", "urgency", commands.Missing, "urgency"},
		{"contact_id", "nobody", commands.Missing, "nobody"},
	} {
		require.Contains(t, fails(t, w.with(v.setting, v.value).Check(t.Context()), v.kind).Message, v.words)
	}
	_, err := w.with("region", "mars").Attach(t.Context(), commands.Ref{ID: "1"}, attachment("x"))
	fails(t, err, commands.Rejected)
	_, err = w.with("region", "mars", "admin_id", "991267").Attach(t.Context(), commands.Ref{ID: "1"}, attachment("x"))
	fails(t, err, commands.Rejected)
	for _, operation := range []string{"GET /admins", "POST /contacts/search"} {
		w.Next(operation, vendorfake.Fault{Status: 403, Body: `{"type":"error.list","errors":[{"code":"forbidden"},{"code":"x","message":"No.","field":"token"}]}`})
		require.Equal(t, "Intercom says: forbidden; token: No.", fails(t, w.with("admin_id", "991267").Check(t.Context()), commands.Denied).Message)
	}
	w.Next("GET /me", vendorfake.Fault{Status: 200, Body: `null`})
	fails(t, w.open().Check(t.Context()), commands.Denied)
	w.RevokeTokens()
	require.Equal(t, "Intercom says: Access Token Invalid.", fails(t, w.open().Check(t.Context()), commands.Unauthorized).Message)
	_, err = w.open().Comment(t.Context(), commands.Ref{ID: "1"}, commands.Note{})
	fails(t, err, commands.Unauthorized)
}

func TestEachStatusIsUnderstood(t *testing.T) {
	t.Parallel()
	body := `{"type":"error.list","request_id":"r","errors":[{"code":"parameter_invalid","message":"Title is odd"}]}`
	for status, want := range map[int]commands.VendorErrorKind{
		400: commands.Rejected, 401: commands.Unauthorized, 403: commands.Denied, 404: commands.Missing, 409: commands.Busy, 413: commands.TooLarge, 422: commands.Rejected,
		429: commands.Limited, 500: commands.Down, 503: commands.Down,
	} {
		w := start(t)
		w.Next("POST /tickets", vendorfake.Fault{Status: status, Body: body})
		_, err := w.open().Create(t.Context(), draft())
		e := fails(t, err, want)
		require.Equal(t, "Intercom says: Title is odd.", e.Message)
		require.Equal(t, want == commands.Down, e.Unsure)
		require.Equal(t, want == commands.Limited, !e.RetryAt.IsZero())
		require.Empty(t, w.Tickets())
	}
}

func TestALimitIsOverWhenItsWindowIs(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.Next("GET /me", vendorfake.Fault{Status: 429, Header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999"}})
	e := fails(t, w.open().Check(t.Context()), commands.Limited)
	require.Greater(t, time.Until(e.RetryAt), time.Minute, "as the header says, for there is no Retry-After")

	w = start(t)
	w.Limit(3, 300*time.Millisecond)
	for range 3 {
		_, _, err := w.open().Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: uuid.New()})
		require.NoError(t, err)
	}
	require.Zero(t, w.Refused())
}

func TestAnIntercomThatSaysNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := intercom.New(client(t, 100*time.Millisecond)).Open(w.Account())
	w.Next("POST /tickets", vendorfake.Fault{Silence: true})
	_, err := c.Create(t.Context(), draft())
	require.True(t, fails(t, err, commands.Down).Unsure)
	w.Next("POST /tickets", vendorfake.Fault{Status: 200, Body: `{}`})
	_, err = c.Create(t.Context(), draft())
	require.True(t, fails(t, err, commands.Down).Unsure, "without an id")
	w.Next("POST /tickets/*", vendorfake.Fault{Status: 200, Body: `{}`})
	_, err = c.Comment(t.Context(), commands.Ref{ID: "1"}, commands.Note{Comment: uuid.New(), Text: "x"})
	require.True(t, fails(t, err, commands.Down).Unsure)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Create(ended, draft())
	require.ErrorIs(t, err, context.Canceled)
}

func TestAPersonConsents(t *testing.T) {
	t.Parallel()
	w := start(t)
	a := w.Opened(w.ConnectByConsent())
	consent := commands.Consent{State: "st te", Verifier: "v", Redirect: "https://tickets.example.com/back"}
	address, err := w.platform.Consent(a, consent)
	require.NoError(t, err)
	require.Equal(t, w.URL()+"/oauth?client_id=intercom-client&redirect_uri=https%3A%2F%2Ftickets.example.com%2Fback&state=st+te", address)
	_, err = w.platform.Consent(w.Account(), consent)
	require.ErrorIs(t, err, commands.ErrNoConsent)

	fails(t, w.platform.Open(a).Check(t.Context()), commands.Unauthorized)
	got, err := w.platform.Exchange(t.Context(), a, w.Consent(""), consent)
	require.NoError(t, err)
	require.True(t, got.Ends.IsZero())
	a.Credentials[commands.AccessToken] = got.Fields[commands.AccessToken]
	a.Settings = w.Account().Settings
	require.NoError(t, w.platform.Open(a).Check(t.Context()))

	_, err = w.platform.Exchange(t.Context(), a, "never given", consent)
	require.Equal(t, "Intercom says: The code is not valid.", fails(t, err, commands.Rejected).Message)
	for body, words := range map[string]string{
		`{"error":"access_denied"}`: "Intercom says: access_denied.", `{"errors":[{"code":"server_error"}]}`: "Intercom says: server_error.", `<html>`: "The vendor answered 400 Bad Request.",
	} {
		w.Next("POST /auth/eagle/token", vendorfake.Fault{Status: http.StatusBadRequest, Body: body})
		_, err = w.platform.Exchange(t.Context(), a, "code", consent)
		require.Equal(t, words, fails(t, err, commands.Rejected).Message)
	}
	w.Next("POST /auth/eagle/token", vendorfake.Fault{Status: 200, Body: `{"token":"older"}`})
	got, err = w.platform.Exchange(t.Context(), a, "code", consent)
	require.NoError(t, err)
	require.Equal(t, "older", got.Fields[commands.AccessToken])
	w.Next("POST /auth/eagle/token", vendorfake.Fault{Status: 200, Body: `{}`})
	_, err = w.platform.Exchange(t.Context(), a, "code", consent)
	fails(t, err, commands.Down)
	_, err = w.platform.Renew(t.Context(), a)
	fails(t, err, commands.Revoked)
}

func TestTheSearchIsNotTrustedSoSoon(t *testing.T) {
	t.Parallel()
	w := start(t)
	mark := commands.Mark{Kind: commands.TicketMark, Key: uuid.New(), Since: time.Now().Add(-time.Hour), Last: time.Now()}
	_, ok, err := w.open().Find(t.Context(), mark)
	require.False(t, ok)
	require.True(t, fails(t, err, commands.Busy).Unsure)
	mark.Last = time.Now().Add(-4 * time.Second)
	_, ok, err = w.open().Find(t.Context(), mark)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestAMarkCountsWhereWeWriteItAlone(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	name := hex.EncodeToString(id[:])
	for body, ours := range map[string]bool{
		"<p>Hello</p><p>Reference: ticketdcomment" + name + "</p>":                                                               true,
		"<div><p>Hello</p>\n<p><a href=\"https://a.example/1#ticketdcomment" + name + "\" rel=\"nofollow\">Open</a></p></div>\n": true,
		"<p>Reference: ticketdcomment" + name + "</p><p>That is how we write it.</p>":                                            false,
		"<p>We know it as ticketdcomment" + name + "</p>":                                                                        false,
		"<p><a href=\"https://a.example/1#ticketdcomment" + name + "\">Open</a> it, please.</p>":                                 false,
		"<p><a href=\"https://a.example/ticketdcomment" + name + "\">Open</a></p>":                                               false,
		"<p>It is of the ticket.</p><p>Reference: ticketdticket" + name + "</p>":                                                 false,
		"<p>It is of a file.</p><p>Reference: ticketdfile" + name + "</p><p>No, it is not.</p>":                                  false,
	} {
		w := start(t)
		ref := w.create(t)
		w.Tell(ref.ID, "Eve", body, "admin", "comment")
		got, err := w.open().Fetch(t.Context(), ref)
		require.NoError(t, err)
		require.Len(t, got.Comments, 1, body)
		require.Equal(t, ours, got.Comments[0].Ours == id, body)
	}
}
