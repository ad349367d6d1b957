package teams_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/teams"
	"ticketd/commands"
	"ticketd/internal/outbound"
	"ticketd/internal/vendorfake"
)

var _ commands.Platform = (*teams.Platform)(nil)

// office is a Teams, and the way to it.
type office struct {
	*vendorfake.Teams

	platform *teams.Platform
	commands.Connection
}

func open(t *testing.T) office {
	t.Helper()
	return waiting(t, time.Minute)
}

// waiting is one that may be silent for so long.
func waiting(t *testing.T, silence time.Duration) office {
	t.Helper()
	fake := vendorfake.NewTeams()
	t.Cleanup(fake.Close)
	t.Cleanup(func() { require.Empty(t, fake.Invalid()) })
	c := outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Silence: silence})
	t.Cleanup(c.Close)
	p := teams.New(c)
	return office{fake, p, p.Open(fake.Account())}
}

var (
	draft = commands.Draft{
		Ticket: uuid.MustParse("0198c0de-0000-7000-8000-000000000001"), Number: 12, Title: "The printer\nburns", Description: "Flames & <smoke>.\nHelp!\nStatus: Resolved",
		Priority: "urgent", Category: "hardware", Status: "Open", Tags: []string{"second floor", "x"},
		Creator: commands.Person{Name: "Ada", Email: "ada@example.com"}, Link: "https://here.example/tickets/1?a=1&b=2",
	}
	note = commands.Note{Comment: uuid.MustParse("0198c0de-0000-7000-8000-000000000002"), Author: "Bob", Text: "Is it <out>?\nReally?", Link: "https://here.example/tickets/1"}
)

type upload struct {
	*bytes.Reader

	seek error
}

func (u upload) Close() error { return nil }

func (u upload) Seek(offset int64, whence int) (int64, error) {
	if u.seek != nil {
		return 0, u.seek
	}
	return u.Reader.Seek(offset, whence)
}

func file(content string, told *[]int64) commands.Attachment {
	return commands.Attachment{
		File: uuid.MustParse("0198c0de-0000-7000-8000-000000000003"), Name: `über & "out" #1.txt`, Type: "text/plain", Size: int64(len(content)),
		Open: func(context.Context) (io.ReadSeekCloser, error) {
			return upload{Reader: bytes.NewReader([]byte(content))}, nil
		},
		Sent: func(n int64) { *told = append(*told, n) },
	}
}

func (o office) made(t *testing.T) commands.Ref {
	t.Helper()
	r, err := o.Create(t.Context(), draft)
	require.NoError(t, err)
	return commands.Ref{ID: r.ID, Place: r.Place}
}

func (o office) fetched(t *testing.T, ref commands.Ref) commands.Remote {
	t.Helper()
	remote, err := o.Fetch(t.Context(), ref)
	require.NoError(t, err)
	return remote
}

func wrong(t *testing.T, err error) *commands.VendorError {
	t.Helper()
	var v *commands.VendorError
	require.ErrorAs(t, err, &v)
	return v
}

func TestATicketIsAMessage(t *testing.T) {
	t.Parallel()
	o := open(t)
	r, err := o.Create(t.Context(), draft)
	require.NoError(t, err)
	require.Empty(t, r.Note)
	require.Contains(t, r.URL, "https://teams.microsoft.com/l/message/")
	made := o.Tickets()[0]
	require.Equal(t, made.ID, r.ID)
	require.Equal(t, "The printer burns", made.Title)
	require.Equal(t, "urgent", made.Priority)
	require.Equal(t, `<p>Status: <b>Open</b></p><p>Category: hardware · Tags: second floor, x · From: Ada ada@example.com</p>`+
		`<p>Flames &amp; &lt;smoke&gt;.<br>Help!<br>Status: Resolved</p>`+
		`<p><a href="https://here.example/tickets/1?a=1&amp;b=2">https://here.example/tickets/1?a=1&amp;b=2</a></p>`+
		`<p>Reply “Status: …” and nothing else to change it: Cancelled, In progress, Open, Pending, Resolved.</p>`+
		`<p>Ref ticket/0198c0de-0000-7000-8000-000000000001</p>`, made.Own["content"])
	require.Equal(t, "Open", o.fetched(t, commands.Ref{ID: r.ID}).Status, "what stands in the description is no status")

	said := draft
	said.Priority, said.Link, said.Category, said.Tags, said.Creator = "sky-high", "", "", nil, commands.Person{}
	_, err = o.Create(t.Context(), said)
	require.NoError(t, err)
	require.Contains(t, o.Tickets()[1].Own["content"], "<p>Priority: sky-high</p>")
	require.Empty(t, o.Tickets()[1].Priority)
	said.Priority = ""
	_, err = o.Create(t.Context(), said)
	require.NoError(t, err)
	require.NotContains(t, o.Tickets()[2].Own["content"], "Priority")
}

func TestWhatIsTooLongIsCutWithALink(t *testing.T) {
	t.Parallel()
	o, said := open(t), draft
	said.Title, said.Description = strings.Repeat("ü", 500), strings.Repeat("<&ü\n", 15_000)
	for range 1000 {
		said.Tags = append(said.Tags, "a long tag of many words")
	}
	r, err := o.Create(t.Context(), said)
	require.NoError(t, err)
	require.Equal(t, "The title was cut to 255 characters. The description was cut to what Teams takes.", r.Note)
	made := o.Tickets()[0]
	require.LessOrEqual(t, len([]rune(made.Title)), 255)
	require.Contains(t, made.Title, "… "+said.Link)
	require.LessOrEqual(t, len(made.Own["content"]), 24_000)
	require.Greater(t, len(made.Own["content"]), 23_000)
	require.Contains(t, made.Description, "… "+said.Link)

	long := note
	long.Text = strings.Repeat("€", 30_000)
	n, err := o.Comment(t.Context(), commands.Ref{ID: r.ID}, long)
	require.NoError(t, err)
	require.Equal(t, "The comment was cut to what Teams takes.", n.Note)
	require.Equal(t, long.Comment, o.fetched(t, commands.Ref{ID: r.ID}).Comments[0].Ours)
}

func TestAnUpdateLeavesTheStatus(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	require.NoError(t, o.SetStatus(t.Context(), ref, "Pending"))
	said := draft
	said.Title, said.Priority, said.Description = "It is out", "normal", "Only smoke."
	require.NoError(t, o.Update(t.Context(), ref, said))
	now := o.Tickets()[0]
	require.Equal(t, "It is out", now.Title)
	require.Equal(t, "normal", now.Priority)
	require.Contains(t, now.Description, "Only smoke.")
	require.Equal(t, "Pending", now.Status)
	require.Equal(t, "Pending", o.fetched(t, ref).Status)
}

func TestAStatusIsToldOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	for range 2 {
		require.NoError(t, o.SetStatus(t.Context(), ref, "In progress"))
	}
	require.NoError(t, o.SetStatus(t.Context(), ref, ""))
	now := o.Tickets()[0]
	require.Equal(t, "In progress", now.Status)
	require.Len(t, now.Comments, 1)
	require.Equal(t, "Status: In progress\nRef status/"+draft.Ticket.String(), now.Comments[0].Text)
	require.Equal(t, "In progress", o.fetched(t, ref).Status)
	require.Empty(t, o.fetched(t, ref).Comments)
	require.NoError(t, o.SetStatus(t.Context(), ref, "Open"))
	require.Len(t, o.Tickets()[0].Comments, 2)

	o.Next("POST /teams/{team-id}/channels/{channel-id}/messages/{chatMessage-id}/replies", vendorfake.Fault{DropAfter: true})
	require.False(t, wrong(t, o.SetStatus(t.Context(), ref, "Resolved")).Unsure)
	require.NoError(t, o.SetStatus(t.Context(), ref, "Resolved"), "the next try sees it itself")
	require.Len(t, o.Tickets()[0].Comments, 3)
}

func TestAMessageThatLostItsStatusGetsOne(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	for _, c := range []struct{ content, want string }{
		{"<div>\n<p>Status:&nbsp;<strong>A &amp; B</strong></p><p>x</p></div>", "A & B"},
		{"<p>Nothing</p>", ""},
	} {
		o.Change(ref.ID, vendorfake.Happening{}, func(t *vendorfake.Ticket) { t.Own["content"] = c.content })
		require.Equal(t, c.want, o.fetched(t, ref).Status)
	}
	require.NoError(t, o.SetStatus(t.Context(), ref, "Open"))
	require.Equal(t, "<p>Status: <b>Open</b></p><p>Nothing</p>", o.Tickets()[0].Own["content"])
}

func TestAPersonChangesTheStatusByAReplyThatSaysNothingElse(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	o.Move(ref.ID, "Resolved")
	require.Equal(t, "Resolved", o.fetched(t, ref).Status)
	require.Empty(t, o.fetched(t, ref).Comments)
	for _, talk := range []string{"Status: Pending, I think", "Is the status: Open?", "Pending", "Status: burnt down", "Status:"} {
		o.Say(ref.ID, "Eve", talk)
	}
	require.Equal(t, "Resolved", o.fetched(t, ref).Status)
	require.Len(t, o.fetched(t, ref).Comments, 5)
	require.NoError(t, o.SetStatus(t.Context(), ref, "Open"))
	require.Equal(t, "Open", o.fetched(t, ref).Status, "the last word holds")
	id := o.SayHTML(ref.ID, "Eve", "<div>STATUS:&nbsp;<b>in progress</b></div>")
	require.Equal(t, "In progress", o.fetched(t, ref).Status)
	o.Unsay(ref.ID, id)
	require.Equal(t, "Open", o.fetched(t, ref).Status)
}

func TestCommentsTravelBothWays(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.PerPage(2)
	ref := o.made(t)
	r, err := o.Comment(t.Context(), ref, note)
	require.NoError(t, err)
	eve := o.SayHTML(ref.ID, "Eve", `<p>It <b>is</b> <emoji alt="🔥"></emoji>.</p><p>&nbsp;</p><p>Ask <at id="0">Bob</at><br>now</p><attachment id="q"></attachment>`)
	bot := o.Say(ref.ID, "Robot", "Beep\nRef comment/"+note.Comment.String()+" is mine")
	o.Change(ref.ID, vendorfake.Happening{}, func(t *vendorfake.Ticket) {
		t.Comments[len(t.Comments)-1].Own["app"] = "yes"
		t.Files = append(t.Files,
			vendorfake.File{Name: "a.png", Own: map[string]string{"comment": eve, "address": "https://example.sharepoint.com/a.png"}},
			vendorfake.File{Own: map[string]string{"comment": eve}})
	})
	gone := o.Say(ref.ID, "Eve", "I take it back.")
	o.Unsay(ref.ID, gone)
	event := o.Say(ref.ID, "Eve", "joined")
	o.Change(ref.ID, vendorfake.Happening{}, func(t *vendorfake.Ticket) { t.Comments[len(t.Comments)-1].Own["type"] = "systemEventMessage" })
	remote := o.fetched(t, ref)
	require.False(t, remote.Cut)
	require.Len(t, remote.Comments, 3, event)
	require.Equal(t, r.ID, remote.Comments[0].ID)
	require.Equal(t, note.Comment, remote.Comments[0].Ours)
	require.Equal(t, "Bob:\nIs it <out>?\nReally?", remote.Comments[0].Text)
	require.Equal(t, commands.RemoteComment{
		ID: eve, Author: "Eve", Text: "It is 🔥.\n\nAsk Bob\nnow\na.png: https://example.sharepoint.com/a.png", At: remote.Comments[1].At,
	}, remote.Comments[1])
	require.WithinDuration(t, time.Now(), remote.Comments[1].At, time.Minute)
	require.Equal(t, bot, remote.Comments[2].ID)
	require.Equal(t, "Robot", remote.Comments[2].Author)
	require.Zero(t, remote.Comments[2].Ours)

	found, ok, err := o.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: note.Comment, Ref: ref})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, r, found)
	_, ok, err = o.Find(t.Context(), commands.Mark{Kind: commands.AttachmentMark, Key: note.Comment, Ref: ref})
	require.NoError(t, err)
	require.False(t, ok)
}

func TestAPlainMessageIsReadAsItIs(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	o.Next("GET /teams/{team-id}/channels/{channel-id}/messages/{chatMessage-id}/replies", vendorfake.Fault{
		Status: 200, Body: `{"value":[{"id":"1","body":{"contentType":"text","content":"a < b\n"},"from":null}]}`,
	})
	require.Equal(t, "a < b", o.fetched(t, ref).Comments[0].Text)
}

func TestATicketIsFoundInItsChannel(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.PerPage(2)
	r, err := o.Create(t.Context(), draft)
	require.NoError(t, err)
	for range 4 {
		other := draft
		other.Ticket = uuid.New()
		_, err := o.Create(t.Context(), other)
		require.NoError(t, err)
	}
	found, ok, err := o.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: draft.Ticket, Since: time.Now()})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, r, found)
	before := len(o.Requests())
	_, ok, err = o.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: draft.Ticket, Since: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.False(t, ok)
	require.Len(t, o.Requests(), before+1, "what is older than the try is not looked through")
	_, ok, err = o.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: uuid.New()})
	require.NoError(t, err)
	require.False(t, ok)
}

func TestFilesGoToTheChannelsFolderAndHangOnAReply(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	for name, content := range map[string]string{
		"one request": strings.Repeat("bytes and more ", 10_000), "pieces": strings.Repeat("x", 5<<20+4321), "nothing": "",
	} {
		var told []int64
		u := file(content, &told)
		u.File = uuid.New()
		if name == "nothing" {
			u.Type = ""
		}
		r, err := o.Attach(t.Context(), ref, u)
		require.NoError(t, err, name)
		require.IsNonDecreasing(t, told)
		if content != "" {
			require.Equal(t, int64(len(content)), told[len(told)-1])
		}
		files := o.Tickets()[0].Files
		there := files[len(files)-1]
		sum := sha256.Sum256([]byte(content))
		require.Equal(t, hex.EncodeToString(sum[:]), there.SHA256)
		require.Equal(t, u.Name, there.Name)
		require.Contains(t, r.URL, strings.ReplaceAll(u.File.String(), "-", "")+".txt", "no other file has its name")
		found, ok, err := o.Find(t.Context(), commands.Mark{Kind: commands.AttachmentMark, Key: u.File, Ref: ref})
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, r, found)
	}
	require.Empty(t, o.fetched(t, ref).Comments)
}

func TestStrangeNamesAreKept(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	for _, name := range []string{"", "..", "a/b\\c:d.tar.gz", strings.Repeat("ü", 300) + ".pdf", "noending", "x.averylongending", "100%.txt", " ~a. "} {
		u := file("x", new([]int64))
		u.Name, u.File = name, uuid.New()
		_, err := o.Attach(t.Context(), ref, u)
		require.NoError(t, err, name)
	}
	require.Len(t, o.Tickets()[0].Files, 8)
}

func TestAFileThatCannotBeReadOrPlacedIsNot(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	u := file("bytes", new([]int64))
	u.Open = func(context.Context) (io.ReadSeekCloser, error) { return nil, errors.New("gone") }
	_, err := o.Attach(t.Context(), ref, u)
	require.Equal(t, commands.Down, wrong(t, err).Kind)
	u.Open = func(context.Context) (io.ReadSeekCloser, error) {
		return upload{bytes.NewReader([]byte("bytes")), errors.New("no way back")}, nil
	}
	_, err = o.Attach(t.Context(), ref, u)
	require.Equal(t, commands.Down, wrong(t, err).Kind)

	const name = "/drives/{drive-id}/items/{driveItem-id}:/{file-name}:"
	large := file(strings.Repeat("x", 5<<20), new([]int64))
	for match, c := range map[string]struct {
		upload commands.Attachment
		fault  vendorfake.Fault
		kind   commands.VendorErrorKind
	}{
		"GET /teams/{team-id}/channels/{channel-id}/filesFolder": {large, vendorfake.Fault{Status: 403}, commands.Denied},
		"PUT " + name + "/content":                               {file("bytes", new([]int64)), vendorfake.Fault{Status: 413}, commands.TooLarge},
		"POST " + name + "/createUploadSession":                  {large, vendorfake.Fault{Status: 507}, commands.TooLarge},
		"PUT /upload-session/{session-id}":                       {large, vendorfake.Fault{Status: 500}, commands.Down},
		"GET /drives/{drive-id}/items/{driveItem-id}":            {large, vendorfake.Fault{Status: 404}, commands.Missing},
	} {
		o.Next(match, c.fault)
		_, err := o.Attach(t.Context(), ref, c.upload)
		require.Equal(t, c.kind, wrong(t, err).Kind, match)
		require.False(t, wrong(t, err).Unsure)
	}
	o.Next("GET /drives/{drive-id}/items/{driveItem-id}", vendorfake.Fault{Status: 200, Body: `{"eTag":"1","webDavUrl":"https://x"}`})
	_, err = o.Attach(t.Context(), ref, large)
	require.Equal(t, "Microsoft did not say where the file is.", wrong(t, err).Message)
	require.Empty(t, o.Tickets()[0].Files)
}

func TestACheckSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	o := open(t)
	require.NoError(t, o.Check(t.Context()))
	for scopes, lacks := range map[string]string{
		"ChannelMessage.Read.All Files.ReadWrite.All":     "ChannelMessage.Send",
		"https://graph.microsoft.com/ChannelMessage.Send": "ChannelMessage.ReadWrite",
		"channelmessage.send ChannelMessage.ReadWrite":    "",
		"Group.ReadWrite.All":                             "",
	} {
		o.Scopes(scopes)
		a := o.Account()
		r, err := o.platform.Renew(t.Context(), a)
		require.NoError(t, err)
		maps.Copy(a.Credentials, r.Fields)
		err = o.platform.Open(a).Check(t.Context())
		if lacks == "" {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, commands.Denied, wrong(t, err).Kind)
		require.Equal(t, "The token lacks the permission "+lacks+": a person must consent to it.", wrong(t, err).Message)
	}
	a := o.Account()
	a.Settings["channel_id"] = "19:other@thread.tacv2"
	require.Equal(t, commands.Missing, wrong(t, o.platform.Open(a).Check(t.Context())).Kind)
	delete(a.Credentials, commands.AccessToken)
	require.Equal(t, commands.Unauthorized, wrong(t, o.platform.Open(a).Check(t.Context())).Kind)
}

func TestATicketStaysWhereItWasMade(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	a := o.Account()
	a.Settings["channel_id"] = "19:other@thread.tacv2"
	moved := o.platform.Open(a)
	_, err := moved.Comment(t.Context(), ref, note)
	require.NoError(t, err)
	_, err = moved.Create(t.Context(), draft)
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
}

func TestWhoCopiesUsSaysItThemselves(t *testing.T) {
	t.Parallel()
	o := open(t)
	ref := o.made(t)
	_, err := o.Comment(t.Context(), ref, note)
	require.NoError(t, err)
	o.Say(ref.ID, "Eve", "It is out.\nRef comment/"+note.Comment.String())
	o.Say(ref.ID, "Robot", "It is out.\nRef comment/"+note.Comment.String())
	o.Change(ref.ID, vendorfake.Happening{}, func(t *vendorfake.Ticket) { t.Comments[2].Own["app"] = "yes" })
	all := o.fetched(t, ref).Comments
	require.Len(t, all, 3)
	require.Equal(t, []uuid.UUID{note.Comment, uuid.Nil, uuid.Nil}, []uuid.UUID{all[0].Ours, all[1].Ours, all[2].Ours})
	require.Equal(t, "It is out.", all[1].Text)
}
