package slack_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/slack"
	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
	"ticketd/internal/vendorfake"
)

const channel = "C0123456789"

// workspace is a Slack with a channel, and somebody who acts there.
type workspace struct {
	*vendorfake.Slack
	platform *slack.Platform
}

func start(t *testing.T) workspace {
	t.Helper()
	w := workspace{vendorfake.NewSlack(), slack.New(client(t, time.Minute))}
	t.Cleanup(func() {
		w.Close()
		require.Empty(t, w.Invalid(), "every request is valid by Slack's description")
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

func (w workspace) ticket(t *testing.T) vendorfake.Ticket {
	t.Helper()
	all := w.Tickets()
	require.Len(t, all, 1)
	return all[0]
}

func (w workspace) create(t *testing.T, d commands.Draft) commands.Ref {
	t.Helper()
	r, err := w.open().Create(t.Context(), d)
	require.NoError(t, err)
	return commands.Ref{ID: r.ID, Place: r.Place}
}

func draft() commands.Draft {
	return commands.Draft{
		Ticket: uuid.New(), Number: 12, Title: "Printer <!channel> is on fire", Description: "It *burns*.\n<!here> & smells.", Priority: "High", Category: "technical",
		Status: "eyes", StatusHere: "in_progress", Tags: []string{"printer", "fire"}, Creator: commands.Person{Name: "Ada", Email: "ada@example.com"},
		Link: "https://tickets.example.com/tickets/12",
	}
}

func attachment(text string) commands.Attachment {
	return commands.Attachment{
		File: uuid.New(), Name: "smoke.txt", Type: "text/plain", Size: int64(len(text)),
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
	require.NotContains(t, e.Message, "access-", "no credential")
	return e
}

func TestATicketLivesInAChannel(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.open()
	d := draft()

	made, err := c.Create(t.Context(), d)
	require.NoError(t, err)
	require.Empty(t, made.Note)
	require.Equal(t, channel, made.Place)
	require.Equal(t, "https://example.slack.com/archives/"+channel+"/p"+strings.ReplaceAll(made.ID, ".", ""), made.URL)
	there := w.ticket(t)
	require.Equal(t, made.ID, there.ID)
	require.Equal(t, "Printer <!channel> is on fire", there.Title)
	require.Equal(t, d.Description, there.Description, "as it was written: nothing in it calls anybody")
	require.Equal(t, "High", there.Priority)
	require.Equal(t, d.Tags, there.Labels)
	require.Equal(t, "eyes", there.Status)
	require.Contains(t, there.Own["blocks"], "https://tickets.example.com/tickets/12")
	require.Contains(t, there.Own["text"], "&lt;!channel&gt;", "what notifications show calls nobody either")

	ref := commands.Ref{ID: made.ID, Place: made.Place}
	d.Title, d.Priority, d.Status, d.StatusHere = "Printer is wet", "Low", "white_check_mark", "resolved"
	require.NoError(t, c.Update(t.Context(), ref, d))
	there = w.ticket(t)
	require.Equal(t, "Printer is wet", there.Title)
	require.Equal(t, "Low", there.Priority)
	require.Equal(t, "eyes", there.Status, "an update leaves the status alone")
	require.Contains(t, there.Own["blocks"], ":eyes: in progress")
	require.Contains(t, there.Own["text"], "Printer is wet\nStatus: in progress")

	require.NoError(t, c.SetStatus(t.Context(), ref, "white_check_mark"))
	require.NoError(t, c.SetStatus(t.Context(), ref, "white_check_mark"), "again does no harm")
	there = w.ticket(t)
	require.Equal(t, "white_check_mark", there.Status)
	require.Equal(t, "Printer is wet", there.Title, "a status leaves the rest alone")
	require.Contains(t, there.Own["blocks"], ":white_check_mark: closed or resolved")
	require.Equal(t, "Printer is wet\nStatus: closed or resolved", there.Own["text"])

	note := commands.Note{Comment: uuid.New(), Author: "Ada", Text: "Water & <sand>"}
	said, err := c.Comment(t.Context(), ref, note)
	require.NoError(t, err)
	require.Equal(t, []string{"Ada", "Water & <sand>", said.ID}, []string{w.ticket(t).Comments[0].Author, w.ticket(t).Comments[0].Text, w.ticket(t).Comments[0].ID})

	w.Say(made.ID, "Bob", "Thanks &amp; see <https://example.org|the page>, <@U1>, <#C1|support>, <!here>, <https://example.org/2>, <mailto:a@b.c|a@b.c>, <!subteam^S1|@staff>, <!date^1^x|now>")
	w.Hand(made.ID, "Bob", "photo.png", 12)
	w.Robot(made.ID, "Beep")
	w.System(made.ID, "joined")
	got, err := c.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, "white_check_mark", got.Status)
	require.False(t, got.Cut)
	require.Len(t, got.Comments, 3, "neither programs nor Slack itself comment")
	require.Equal(t, note.Comment, got.Comments[0].Ours)
	require.Equal(t, said.ID, got.Comments[0].ID)
	require.Equal(t, uuid.Nil, got.Comments[1].Ours)
	require.Equal(t, "Bob", got.Comments[1].Author)
	require.Equal(t, "Thanks & see the page (https://example.org), @U1, #support, @here, https://example.org/2, a@b.c, @staff, @now", got.Comments[1].Text)
	require.WithinDuration(t, time.Now(), got.Comments[1].At, 10*time.Second)
	require.Contains(t, got.Comments[2].Text, "photo.png https://example.slack.com/files/F")
}

func TestAFileIsSharedInTheThread(t *testing.T) {
	t.Parallel()
	w := start(t)
	ref := w.create(t, draft())
	text := strings.Repeat("smoke ", 100_000)
	var sent []int64
	u := attachment(text)
	u.Sent = func(n int64) { sent = append(sent, n) }

	r, err := w.open().Attach(t.Context(), ref, u)
	require.NoError(t, err)
	there := w.ticket(t)
	require.Len(t, there.Files, 1)
	require.Equal(t, r.ID, there.Files[0].ID)
	require.Equal(t, int64(len(text)), there.Files[0].Size)
	require.Equal(t, "smoke.txt", there.Files[0].Name)
	require.Greater(t, len(sent), 2, "told while it is sent")
	require.IsIncreasing(t, sent)
	require.Equal(t, int64(len(text)), sent[len(sent)-1])

	got, err := w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Empty(t, got.Comments, "our own file is no comment")
}

func TestAFileThatSlackDoesNotTakeIsLeftToALink(t *testing.T) {
	t.Parallel()
	w := start(t)
	ref := w.create(t, draft())
	c := w.open()
	empty, large := attachment(""), attachment("x")
	large.Size = 1<<30 + 1
	for _, u := range []commands.Attachment{empty, large} {
		_, err := c.Attach(t.Context(), ref, u)
		fails(t, err, commands.TooLarge)
	}
	w.Next("POST /files.getUploadURLExternal", vendorfake.Fault{Status: 200, Body: `{"ok":false,"error":"file_upload_size_restricted"}`})
	_, err := c.Attach(t.Context(), ref, attachment("x"))
	fails(t, err, commands.TooLarge)
	w.Next("POST /upload/*", vendorfake.Fault{Status: 413})
	_, err = c.Attach(t.Context(), ref, attachment("x"))
	fails(t, err, commands.TooLarge)
	require.Empty(t, w.ticket(t).Files)
}

func TestWhatIsTooLongIsCut(t *testing.T) {
	t.Parallel()
	w := start(t)
	d := draft()
	d.Title, d.Description = strings.Repeat("ä", 500), strings.Repeat("wörd ", 9_000)
	d.Tags = []string{strings.Repeat("t", 900)}
	r, err := w.open().Create(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, "The title was cut to 150 characters. The description was cut to 12000 characters.", r.Note)
	there := w.ticket(t)
	require.Len(t, []rune(there.Title), 150)
	require.LessOrEqual(t, len([]rune(there.Description)), 12_000)
	require.True(t, strings.HasSuffix(there.Description, "… "+d.Link), "the rest is behind the link")

	ref := commands.Ref{ID: r.ID, Place: r.Place}
	said, err := w.open().Comment(t.Context(), ref, commands.Note{Comment: uuid.New(), Author: strings.Repeat("A", 600), Text: strings.Repeat("x", 13_000), Link: d.Link})
	require.NoError(t, err)
	require.Equal(t, "The comment was cut to 12000 characters.", said.Note)
	require.True(t, strings.HasSuffix(w.ticket(t).Comments[0].Text, d.Link))
	require.LessOrEqual(t, len([]rune(w.ticket(t).Comments[0].Own["text"])), 3_900)
}

func TestATicketOfFewWordsIsShown(t *testing.T) {
	t.Parallel()
	w := start(t)
	ref := w.create(t, commands.Draft{Ticket: uuid.New(), Number: 1, Title: "T", Creator: commands.Person{Email: "ada@example.com"}, StatusHere: "new"})
	require.Contains(t, w.ticket(t).Own["blocks"], "By: ada@example.com")
	require.NotContains(t, w.ticket(t).Own["blocks"], "Open the ticket")
	got, err := w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Empty(t, got.Status, "there is no emoji for new")
	for _, r := range w.Requests() {
		require.NotEqual(t, "POST /reactions.add", r.Operation)
	}
	_, err = w.open().Comment(t.Context(), ref, commands.Note{Comment: uuid.New(), Text: "Nobody said this"})
	require.NoError(t, err)
}

func TestAPersonsReactionIsTheStatusUntilWeSetAnother(t *testing.T) {
	t.Parallel()
	w := start(t)
	ref := w.create(t, draft()) // eyes
	c := w.open()
	status := func() string {
		t.Helper()
		got, err := c.Fetch(t.Context(), ref)
		require.NoError(t, err)
		return got.Status
	}
	require.Equal(t, "eyes", status())

	w.MoveBy(ref.ID, "Bob", "tada")
	require.Equal(t, "eyes", status(), "an emoji that is in no mapping means nothing")
	w.MoveBy(ref.ID, "Bob", "white_check_mark")
	require.Equal(t, "white_check_mark", status())

	require.NoError(t, c.SetStatus(t.Context(), ref, "hourglass_flowing_sand"))
	require.Equal(t, "hourglass_flowing_sand", status(), "Bob's reaction is still there, and was seen")
	w.MoveBy(ref.ID, "Eve", "white_check_mark")
	require.Equal(t, "white_check_mark", status(), "another person's is news")

	require.NoError(t, c.SetStatus(t.Context(), ref, ""))
	require.Empty(t, status(), "ours may be none")
	w.MoveBy(ref.ID, "Eve", "")
	w.MoveBy(ref.ID, "Eve", "no_entry_sign::skin-tone-2")
	require.Equal(t, "no_entry_sign", status())
	w.MoveBy(ref.ID, "Eve", "")
	require.Empty(t, status(), "taken back")
}

func TestPeopleAreNamed(t *testing.T) {
	t.Parallel()
	w := start(t)
	ref := w.create(t, draft())
	for _, name := range []string{"Bob", "Eve", "Bob"} {
		w.Say(ref.ID, name, "Hello")
	}
	asked := func() (n int) {
		for _, r := range w.Requests() {
			if r.Operation == "GET /users.info" {
				n++
			}
		}
		return n
	}
	got, err := w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, []string{"Bob", "Eve", "Bob"}, []string{got.Comments[0].Author, got.Comments[1].Author, got.Comments[2].Author})
	require.Equal(t, 2, asked(), "each once")

	w.Next("GET /users.info", vendorfake.Fault{Status: 200, Body: `{"ok":false,"error":"missing_scope","needed":"users:read"}`})
	got, err = w.open().Fetch(t.Context(), ref)
	require.NoError(t, err, "a name is not worth failing for")
	require.Equal(t, []string{"U000000001", "U000000002"}, []string{got.Comments[0].Author, got.Comments[1].Author})
	require.Equal(t, 3, asked(), "and not worth asking again")
}

func TestALongThreadIsReadPageByPage(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.PerPage(2)
	ref := w.create(t, draft())
	for range 5 {
		w.Say(ref.ID, "Bob", "Word")
	}
	got, err := w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Len(t, got.Comments, 5)
	require.False(t, got.Cut)
	require.Equal(t, "eyes", got.Status)
}

func TestAThreadThatIsTooLongIsCut(t *testing.T) {
	t.Parallel()
	w := start(t)
	ref := w.create(t, draft())
	for range 2_201 {
		w.Say(ref.ID, "Bob", "Word")
	}
	got, err := w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Len(t, got.Comments, 2_000)
	require.True(t, got.Cut)
}

func TestAMessageThatWasDeletedIsMissing(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.open()
	ref := w.create(t, draft())
	w.Say(ref.ID, "Bob", "Hello") // so that a tombstone stays
	w.Delete(ref.ID)
	_, err := c.Fetch(t.Context(), ref)
	fails(t, err, commands.Missing)
	fails(t, c.SetStatus(t.Context(), ref, "eyes"), commands.Missing)
	fails(t, c.Update(t.Context(), ref, draft()), commands.Missing)
	_, err = c.Comment(t.Context(), ref, commands.Note{Comment: uuid.New(), Text: "?"})
	fails(t, err, commands.Missing)
	_, _, err = c.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: uuid.New(), Ref: ref})
	fails(t, err, commands.Missing)
	_, err = c.Attach(t.Context(), ref, attachment("x"))
	fails(t, err, commands.Missing)
}

func TestABlockThatSomebodyTookAwayIsNotMissed(t *testing.T) {
	t.Parallel()
	w := start(t)
	ref := w.create(t, draft())
	for _, blocks := range []string{`[{"type":"divider"}]`, `{"no":"list"}`} {
		w.Change(ref.ID, vendorfake.Happening{}, func(t *vendorfake.Ticket) { t.Own["blocks"], t.Own["text"] = blocks, "Bare" })
		require.NoError(t, w.open().SetStatus(t.Context(), ref, "white_check_mark"))
		require.Equal(t, "Bare\nStatus: closed or resolved", w.ticket(t).Own["text"])
		w.Change(ref.ID, vendorfake.Happening{}, func(t *vendorfake.Ticket) { t.Own["blocks"] = blocks })
		require.NoError(t, w.open().Update(t.Context(), ref, draft()))
		require.Contains(t, w.ticket(t).Own["blocks"], ":eyes: in progress")
	}
}

func TestALostAnswerIsSettledByLooking(t *testing.T) {
	t.Parallel()
	for _, lost := range []vendorfake.Fault{{DropAfter: true}, {Garbage: true}} {
		w := start(t)
		w.PerPage(1)
		c := w.open()
		began := time.Now()
		d := draft()

		w.Next("POST /chat.postMessage", lost)
		_, err := c.Create(t.Context(), d)
		require.True(t, fails(t, err, commands.Down).Unsure)
		_, err = c.Create(t.Context(), draft()) // another, which is younger
		require.NoError(t, err)
		found, ok, err := c.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: d.Ticket, Since: began})
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, w.Tickets()[0].ID, found.ID)
		require.Equal(t, channel, found.Place)
		require.NotEmpty(t, found.URL)
		ref := commands.Ref{ID: found.ID, Place: found.Place}

		note := commands.Note{Comment: uuid.New(), Author: "Ada", Text: "Hello"}
		w.Say(ref.ID, "Bob", "Hello")
		w.Next("POST /chat.postMessage", lost)
		_, err = c.Comment(t.Context(), ref, note)
		require.True(t, fails(t, err, commands.Down).Unsure)
		found, ok, err = c.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: note.Comment, Ref: ref, Since: began})
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, w.Tickets()[0].Comments[1].ID, found.ID)

		u := attachment("smoke")
		w.Hand(ref.ID, "Bob", u.Name, u.Size)
		mark := commands.Mark{Kind: commands.AttachmentMark, Key: u.File, Ref: ref, Name: u.Name, Size: u.Size, Since: began}
		_, ok, err = c.Find(t.Context(), mark)
		require.NoError(t, err)
		require.False(t, ok, "somebody else's is not ours")
		w.Next("POST /files.completeUploadExternal", lost)
		_, err = c.Attach(t.Context(), ref, u)
		require.True(t, fails(t, err, commands.Down).Unsure)
		found, ok, err = c.Find(t.Context(), mark)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, w.Tickets()[0].Files[1].ID, found.ID)

		other := mark
		other.Twins = 1
		_, ok, err = c.Find(t.Context(), other)
		require.NoError(t, err)
		require.False(t, ok, "it is the twin that was shared before")
		_, err = c.Attach(t.Context(), ref, u)
		require.NoError(t, err)
		found, ok, err = c.Find(t.Context(), other)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, w.Tickets()[0].Files[2].ID, found.ID)

		other = mark
		other.Size++
		_, ok, err = c.Find(t.Context(), other)
		require.NoError(t, err)
		require.False(t, ok, "of the same name, and another size")
		mark.Since = time.Now().Add(time.Hour)
		_, ok, err = c.Find(t.Context(), mark)
		require.NoError(t, err)
		require.False(t, ok, "from an earlier time")
	}
}

// Slack shows a file in its thread a while after it has taken it.
func TestAFileThatTheThreadMayNotShowYetIsInDoubt(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.open()
	ref := w.create(t, draft())
	u := attachment("smoke")
	mark := commands.Mark{Kind: commands.AttachmentMark, Key: u.File, Ref: ref, Name: u.Name, Size: u.Size, Since: time.Now(), Last: time.Now()}
	_, ok, err := c.Find(t.Context(), mark)
	require.False(t, ok)
	require.True(t, fails(t, err, commands.Busy).Unsure)

	of := mark
	of.Kind = commands.CommentMark
	_, ok, err = c.Find(t.Context(), of)
	require.NoError(t, err, "words are there at once")
	require.False(t, ok)
	for _, last := range []time.Time{{}, time.Now().Add(-4 * time.Second)} {
		of = mark
		of.Last = last
		_, ok, err = c.Find(t.Context(), of)
		require.NoError(t, err)
		require.False(t, ok)
	}

	_, err = c.Attach(t.Context(), ref, u)
	require.NoError(t, err)
	_, ok, err = c.Find(t.Context(), mark)
	require.NoError(t, err)
	require.True(t, ok, "what is shown is no doubt")
}

func TestWhatWasNeverMadeIsNotFound(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.open()
	ref := w.create(t, draft())
	for _, kind := range []commands.MarkKind{commands.TicketMark, commands.CommentMark, commands.AttachmentMark} {
		_, ok, err := c.Find(t.Context(), commands.Mark{Kind: kind, Key: uuid.New(), Ref: ref})
		require.NoError(t, err)
		require.False(t, ok)
	}
	w.Next("GET /conversations.history", vendorfake.Fault{Status: 500})
	_, _, err := c.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: uuid.New()})
	fails(t, err, commands.Down)
}

func TestACopiedMarkIsNotOurs(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.open()
	ref := w.create(t, draft())
	note := commands.Note{Comment: uuid.New(), Author: "Ada", Text: "Hello"}
	w.Say(ref.ID, "Bob", "A person's program wrote our mark")
	w.Change(ref.ID, vendorfake.Happening{}, func(t *vendorfake.Ticket) {
		t.Comments[0].Own["metadata"] = `{"event_type":"ticketd_comment","event_payload":{"id":"` + note.Comment.String() + `","n":1}}`
	})
	got, err := c.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, uuid.Nil, got.Comments[0].Ours)
	_, ok, err := c.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: note.Comment, Ref: ref})
	require.NoError(t, err)
	require.False(t, ok)
}

func TestCheckTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := start(t)
	require.NoError(t, w.open().Check(t.Context()))
	require.NoError(t, w.platform.Open(w.Opened(w.ConnectByToken())).Check(t.Context()))

	elsewhere := w.Account()
	elsewhere.Settings["channel"] = "C0000000000"
	require.Contains(t, fails(t, w.platform.Open(elsewhere).Check(t.Context()), commands.Missing).Message, "channel")

	nobody := w.Account()
	delete(nobody.Credentials, commands.AccessToken)
	fails(t, w.platform.Open(nobody).Check(t.Context()), commands.Unauthorized)

	w.Next("GET /conversations.info", vendorfake.Fault{Status: 200, Body: `{"ok":true,"channel":{"is_member":true,"is_archived":true}}`})
	require.Contains(t, fails(t, w.open().Check(t.Context()), commands.Denied).Message, "archived")

	w.Scopes("chat:write, files:write,files:read,channels:read")
	require.Equal(t, "The Slack app lacks the scopes reactions:write, reactions:read, channels:history, groups:history: add them and install it anew.",
		fails(t, w.open().Check(t.Context()), commands.Denied).Message)
	w.Scopes("")
	require.NoError(t, w.open().Check(t.Context()), "Slack did not say")

	w.Leave()
	require.Contains(t, fails(t, w.open().Check(t.Context()), commands.Denied).Message, "invite it")
	_, err := w.open().Create(t.Context(), draft())
	fails(t, err, commands.Denied)

	w.ExpireTokens()
	require.Contains(t, fails(t, w.open().Check(t.Context()), commands.Unauthorized).Message, "expired")
	w.RevokeTokens()
	fails(t, w.platform.Open(w.Opened(w.ConnectByToken())).Check(t.Context()), commands.Unauthorized)
}

func TestTroubleAfterTheMessageIsNoReasonToPostItAgain(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.Next("POST /reactions.add", vendorfake.Fault{Status: 200, Body: `{"ok":false,"error":"missing_scope","needed":"reactions:write"}`})
	w.Next("GET /chat.getPermalink", vendorfake.Fault{Status: 500})
	r, err := w.open().Create(t.Context(), draft())
	require.NoError(t, err)
	require.Empty(t, r.URL)
	require.Equal(t, "The status is not shown as a reaction: The Slack app lacks the scope reactions:write: add it and install the app anew.", r.Note)
	require.Len(t, w.Tickets(), 1)
}

func TestEachComplaintOfSlackIsUnderstood(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.open()
	for code, want := range map[string]commands.VendorErrorKind{
		"invalid_auth": commands.Unauthorized, "token_revoked": commands.Unauthorized, "missing_scope": commands.Denied, "is_archived": commands.Denied,
		"channel_not_found": commands.Missing, "storage_limit_reached": commands.TooLarge, "invalid_blocks": commands.Rejected, "": commands.Down,
	} {
		w.Next("POST /chat.postMessage", vendorfake.Fault{Status: 200, Body: `{"ok":false,"error":"` + code + `"}`})
		_, err := c.Create(t.Context(), draft())
		e := fails(t, err, want)
		require.Equal(t, want == commands.Down, e.Unsure)
		require.True(t, strings.HasSuffix(e.Message, "."), e.Message)
	}
	for _, code := range []string{"fatal_error", "service_unavailable"} {
		w.Next("POST /chat.postMessage", vendorfake.Fault{Status: 200, Body: `{"ok":false,"error":"` + code + `"}`})
		_, err := c.Create(t.Context(), draft())
		require.True(t, fails(t, err, commands.Down).Unsure, "it may have been posted")
	}
	require.Empty(t, w.Tickets())
	ref := w.create(t, draft())
	w.Next("POST /chat.update", vendorfake.Fault{Status: 200, Body: `{"ok":false,"error":"internal_error"}`})
	require.False(t, fails(t, c.SetStatus(t.Context(), ref, "eyes"), commands.Down).Unsure, "doing it twice is doing it once")
}

func TestEachStatusIsUnderstood(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]commands.VendorErrorKind{
		401: commands.Unauthorized, 403: commands.Denied, 404: commands.Missing, 409: commands.Busy, 413: commands.TooLarge, 422: commands.Rejected,
		429: commands.Limited, 500: commands.Down, 503: commands.Down,
	} {
		w := start(t)
		w.Next("POST /chat.postMessage", vendorfake.Fault{Status: status, Header: map[string]string{"Content-Type": "text/html"}, Body: "<html>"})
		_, err := w.open().Create(t.Context(), draft())
		e := fails(t, err, want)
		require.Equal(t, want == commands.Down, e.Unsure)
		require.Equal(t, want == commands.Limited, !e.RetryAt.IsZero())
	}
}

func TestALimitSaysHowLongToWait(t *testing.T) {
	t.Parallel()
	for _, fault := range []vendorfake.Fault{
		{Status: 429, Header: map[string]string{"Retry-After": "30"}, Body: `{"ok":false,"error":"ratelimited"}`},
		{Status: 200, Header: map[string]string{"Retry-After": "30"}, Body: `{"ok":false,"error":"ratelimited"}`},
	} {
		w := start(t)
		w.Next("POST /chat.postMessage", fault)
		_, err := w.open().Create(t.Context(), draft())
		require.WithinDuration(t, time.Now().Add(30*time.Second), fails(t, err, commands.Limited).RetryAt, 5*time.Second)
	}
	w := start(t)
	w.Limit(1, time.Hour)
	fails(t, w.open().Check(t.Context()), commands.Limited)
	require.Equal(t, 1, w.Refused())
}

func TestAMethodOverItsLimitHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.Next("POST /chat.postMessage", vendorfake.Fault{Status: 429, Header: map[string]string{"Retry-After": "3600"}, Body: `{"ok":false,"error":"ratelimited"}`})
	_, err := w.open().Create(t.Context(), draft())
	fails(t, err, commands.Limited)
	asked := len(w.Requests())
	_, err = w.open().Create(t.Context(), draft())
	fails(t, err, commands.Limited)
	require.Len(t, w.Requests(), asked, "nothing was sent")
	require.NoError(t, w.open().Check(t.Context()))
}

func TestASlackThatSaysNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := slack.New(client(t, 100*time.Millisecond)).Open(w.Account())
	w.Next("POST /chat.postMessage", vendorfake.Fault{Silence: true})
	_, err := c.Create(t.Context(), draft())
	require.True(t, fails(t, err, commands.Down).Unsure)
	w.Next("", vendorfake.Fault{DropBefore: true})
	_, _, err = c.Find(t.Context(), commands.Mark{Kind: commands.TicketMark})
	require.False(t, fails(t, err, commands.Down).Unsure)
	w.Next("POST /files.getUploadURLExternal", vendorfake.Fault{Status: 200, Body: `{"ok":true}`})
	_, err = c.Attach(t.Context(), commands.Ref{ID: "1700000000.000001", Place: channel}, attachment("x"))
	require.False(t, fails(t, err, commands.Down).Unsure)
	for _, body := range []string{`{"ok":true}`, `{}`} {
		w.Next("POST /chat.postMessage", vendorfake.Fault{Times: 2, Status: 200, Body: body})
		_, err = c.Create(t.Context(), draft())
		require.True(t, fails(t, err, commands.Down).Unsure, "without an id")
		_, err = c.Comment(t.Context(), commands.Ref{ID: "1700000000.000001", Place: channel}, commands.Note{Comment: uuid.New(), Text: "x"})
		require.True(t, fails(t, err, commands.Down).Unsure)
	}
	w.Next("POST /files.completeUploadExternal", vendorfake.Fault{Status: 200, Body: `{"ok":true}`})
	_, err = c.Attach(t.Context(), commands.Ref{ID: "1700000000.000001", Place: channel}, attachment("x"))
	require.True(t, fails(t, err, commands.Down).Unsure)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Create(ended, draft())
	require.ErrorIs(t, err, context.Canceled)
}

func TestAPersonConsents(t *testing.T) {
	t.Parallel()
	w := start(t)
	a := w.Account()
	consent := commands.Consent{State: "st te", Verifier: "v", Redirect: "https://tickets.example.com/back"}
	address, err := w.platform.Consent(a, consent)
	require.NoError(t, err)
	require.Contains(t, address, w.URL()+"/oauth/v2/authorize?client_id=1234.5678")
	require.Contains(t, address, "state=st+te")
	a.BaseURL = ""
	address, err = w.platform.Consent(a, consent)
	require.NoError(t, err)
	require.Contains(t, address, "https://slack.com/oauth/v2/authorize?")
	_, err = w.platform.Consent(w.Opened(w.ConnectByToken()), consent)
	require.ErrorIs(t, err, commands.ErrNoConsent)

	a = w.Account()
	got, err := w.platform.Exchange(t.Context(), a, w.Consent(""), consent)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(12*time.Hour), got.Ends, time.Minute)
	maps.Copy(a.Credentials, got.Fields)
	require.NoError(t, w.platform.Open(a).Check(t.Context()))
	_, err = w.platform.Exchange(t.Context(), a, "never given", consent)
	fails(t, err, commands.Rejected)
}

func TestTokensAreRotated(t *testing.T) {
	t.Parallel()
	w := start(t)
	a := w.Account()
	w.ExpireTokens()
	fails(t, w.platform.Open(a).Check(t.Context()), commands.Unauthorized)
	spent := a.Credentials[commands.RefreshToken]
	got, err := w.platform.Renew(t.Context(), a)
	require.NoError(t, err)
	require.NotEqual(t, spent, got.Fields[commands.RefreshToken])
	maps.Copy(a.Credentials, got.Fields)
	require.NoError(t, w.platform.Open(a).Check(t.Context()))
	require.Zero(t, w.SpentTwice())

	w.Next("POST /oauth.v2.access", vendorfake.Fault{Status: 200, Body: `{"ok":true}`})
	_, err = w.platform.Renew(t.Context(), a)
	require.True(t, fails(t, err, commands.Down).Unsure)
	w.Next("POST /oauth.v2.access", vendorfake.Fault{Status: 200, Body: `{"ok":true,"access_token":"x"}`})
	got, err = w.platform.Renew(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, commands.Renewal{Fields: map[string]string{commands.AccessToken: "x"}}, got, "an app that does not rotate")

	w.RevokeTokens()
	_, err = w.platform.Renew(t.Context(), a)
	fails(t, err, commands.Revoked)
	_, err = w.platform.Renew(t.Context(), w.Opened(w.ConnectByToken()))
	fails(t, err, commands.Revoked)
	require.Equal(t, integration.Bearer, w.Opened(w.ConnectByToken()).AuthType)
	for _, passing := range []vendorfake.Fault{
		{Status: http.StatusInternalServerError}, {Status: http.StatusForbidden, Body: `<html>`}, {Status: 200, Body: `{"ok":false,"error":"never_heard_of"}`},
	} {
		w.Next("POST /oauth.v2.access", passing)
		_, err = w.platform.Renew(t.Context(), a)
		fails(t, err, commands.Down)
	}
}
