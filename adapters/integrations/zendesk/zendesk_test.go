package zendesk_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/zendesk"
	"ticketd/commands"
	"ticketd/internal/outbound"
	"ticketd/internal/vendorfake"
)

var _ commands.Platform = (*zendesk.Platform)(nil)

// desk is a Zendesk, and the way to it.
type desk struct {
	*vendorfake.Zendesk

	platform *zendesk.Platform
	commands.Connection
}

func open(t *testing.T) desk {
	t.Helper()
	return waiting(t, time.Minute)
}

// waiting is one that may be silent for so long.
func waiting(t *testing.T, silence time.Duration) desk {
	t.Helper()
	fake := vendorfake.NewZendesk()
	t.Cleanup(fake.Close)
	t.Cleanup(func() { require.Empty(t, fake.Invalid()) })
	c := outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Silence: silence})
	t.Cleanup(c.Close)
	p := zendesk.New(c)
	return desk{fake, p, p.Open(fake.Account())}
}

var (
	draft = commands.Draft{
		Ticket: uuid.MustParse("0198c0de-0000-7000-8000-000000000001"), Number: 12, Title: "The printer\nburns", Description: "Flames & smoke.\nHelp!",
		Priority: "urgent", Category: "problem", Status: "open", Tags: []string{"Second Floor", "x:y"},
		Creator: commands.Person{Name: "Ada", Email: "ada@example.com"}, Link: "https://here.example/tickets/1",
	}
	note = commands.Note{Comment: uuid.MustParse("0198c0de-0000-7000-8000-000000000002"), Author: "Bob", Text: "Is it out?", Link: "https://here.example/tickets/1"}
)

type upload struct{ *bytes.Reader }

func (upload) Close() error { return nil }

func file(content string, told *[]int64) commands.Attachment {
	return commands.Attachment{
		File: uuid.MustParse("0198c0de-0000-7000-8000-000000000003"), Name: "über & out.txt", Type: "text/plain", Size: int64(len(content)),
		Open: func(context.Context) (io.ReadSeekCloser, error) { return upload{bytes.NewReader([]byte(content))}, nil },
		Sent: func(n int64) { *told = append(*told, n) },
	}
}

func (d desk) made(t *testing.T) commands.Ref {
	t.Helper()
	r, err := d.Create(t.Context(), draft)
	require.NoError(t, err)
	return commands.Ref{ID: r.ID, Place: r.Place}
}

// wrong answers the error of a vendor that an error is.
func wrong(t *testing.T, err error) *commands.VendorError {
	t.Helper()
	var v *commands.VendorError
	require.ErrorAs(t, err, &v)
	return v
}

func TestATicketIsMadeWithEverythingThatIsSaidOfIt(t *testing.T) {
	t.Parallel()
	d := open(t)
	r, err := d.Create(t.Context(), draft)
	require.NoError(t, err)
	require.Equal(t, commands.Receipt{ID: "35000", URL: d.URL() + "/agent/tickets/35000"}, r)
	made := d.Tickets()[0]
	require.Equal(t, "The printer burns", made.Title)
	require.Equal(t, "urgent", made.Priority)
	require.Equal(t, "open", made.Status)
	require.Equal(t, []string{"second_floor", "x:y"}, made.Labels)
	require.Regexp(t, `^Flames & smoke\.\nHelp!\n\nhttps://here\.example/tickets/1\n\nRef ticket/0198c0de-0000-7000-8000-000000000001/[0-9a-f]{12}$`, made.Description)
	require.Equal(t, "problem", made.Own["type"])
	require.Equal(t, "77", made.Own["group_id"])
	require.Equal(t, "ada@example.com", made.Own["requester"])
}

func TestATicketOfSomebodyWithoutAnAddressNamesThem(t *testing.T) {
	t.Parallel()
	d, said := open(t), draft
	said.Creator, said.Category, said.Link = commands.Person{Name: "Ada"}, "billing matter", ""
	_, err := d.Create(t.Context(), said)
	require.NoError(t, err)
	made := d.Tickets()[0]
	require.True(t, strings.HasPrefix(made.Description, "From Ada:\n\nFlames & smoke."))
	require.Contains(t, made.Labels, "billing_matter", "a category that is no type is a tag")
	require.Empty(t, made.Own["requester"])
	said.Ticket, said.Creator = uuid.New(), commands.Person{Email: "eve@example.com"}
	_, err = d.Create(t.Context(), said)
	require.NoError(t, err)
	require.Equal(t, "eve@example.com", d.Tickets()[1].Own["requester"])
}

func TestWhatIsTooLongIsCutWithALink(t *testing.T) {
	t.Parallel()
	d, said := open(t), draft
	said.Title, said.Description = strings.Repeat("ü", 500), strings.Repeat("ü€", 30_000)
	r, err := d.Create(t.Context(), said)
	require.NoError(t, err)
	require.Equal(t, "The title was cut to 255 characters. The description was cut to what Zendesk takes.", r.Note)
	made := d.Tickets()[0]
	require.LessOrEqual(t, len([]rune(made.Title)), 255)
	require.Contains(t, made.Title, said.Link)
	require.LessOrEqual(t, len(made.Description), 64<<10)
	require.Greater(t, len(made.Description), 63<<10)
	require.Contains(t, made.Description, "… "+said.Link)

	long := note
	long.Text = strings.Repeat("€", 30_000)
	n, err := d.Comment(t.Context(), commands.Ref{ID: r.ID}, long)
	require.NoError(t, err)
	require.Equal(t, "The comment was cut to what Zendesk takes.", n.Note)
	remote, err := d.Fetch(t.Context(), commands.Ref{ID: r.ID})
	require.NoError(t, err)
	require.Equal(t, long.Comment, remote.Comments[0].Ours)
}

func TestAskingTwiceMakesOneTicket(t *testing.T) {
	t.Parallel()
	d := open(t)
	first, err := d.Create(t.Context(), draft)
	require.NoError(t, err)
	again, err := d.Create(t.Context(), draft)
	require.NoError(t, err)
	require.Equal(t, first, again)
	other := draft
	other.Title = "Another"
	_, err = d.Create(t.Context(), other)
	require.Equal(t, commands.Busy, wrong(t, err).Kind)
	require.True(t, wrong(t, err).Unsure)
	require.Len(t, d.Tickets(), 1)
	found, ok, err := d.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: draft.Ticket})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, first, found)
	_, ok, err = d.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: uuid.New()})
	require.NoError(t, err)
	require.False(t, ok)
}

func TestAnUpdateTellsANewDescriptionOnceAndKeepsTagsOfOthers(t *testing.T) {
	t.Parallel()
	d := open(t)
	ref := d.made(t)
	d.Change(ref.ID, vendorfake.Happening{}, func(t *vendorfake.Ticket) { t.Labels = append(t.Labels, "theirs") })
	said := draft
	said.Title, said.Priority, said.Tags = "It is out", "low", []string{"new"}
	require.NoError(t, d.Update(t.Context(), ref, said))
	now := d.Tickets()[0]
	require.Equal(t, "It is out", now.Title)
	require.Equal(t, "low", now.Priority)
	require.Equal(t, []string{"new", "second_floor", "x:y", "theirs"}, now.Labels)
	require.Empty(t, now.Comments)

	said.Description = "Only smoke."
	require.NoError(t, d.Update(t.Context(), ref, said))
	require.NoError(t, d.Update(t.Context(), ref, said))
	require.Len(t, d.Tickets()[0].Comments, 1)
	require.True(t, d.Tickets()[0].Comments[0].Internal)
	require.Contains(t, d.Tickets()[0].Comments[0].Text, "Only smoke.")
	said.Description = draft.Description
	require.NoError(t, d.Update(t.Context(), ref, said))
	require.Len(t, d.Tickets()[0].Comments, 2, "back to the first is a change, too")
	remote, err := d.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Empty(t, remote.Comments, "none of it is anybody's comment")
}

func TestTheStatusIsSetAndFetched(t *testing.T) {
	t.Parallel()
	d := open(t)
	ref := d.made(t)
	require.NoError(t, d.SetStatus(t.Context(), ref, "solved"))
	require.NoError(t, d.SetStatus(t.Context(), ref, ""))
	require.Equal(t, "solved", d.Tickets()[0].Status)
	for _, c := range []struct{ there, here string }{{"pending", "pending"}, {"hold", "hold"}, {"closed", "solved"}} {
		d.Move(ref.ID, c.there)
		remote, err := d.Fetch(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, c.here, remote.Status)
	}
	a := d.Account()
	a.Mapping.Status["closed"] = "closed"
	remote, err := d.platform.Open(a).Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, "closed", remote.Status)
	err = d.SetStatus(t.Context(), ref, "open")
	require.Equal(t, commands.Rejected, wrong(t, err).Kind)
	require.Equal(t, "Zendesk says: RecordInvalid: Record validation errors: status: Status: closed prevents ticket update", wrong(t, err).Message)
}

func TestCommentsTravelBothWays(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.PerPage(2)
	ref := d.made(t)
	r, err := d.Comment(t.Context(), ref, note)
	require.NoError(t, err)
	require.Equal(t, "Bob:\n\nIs it out?\n\nRef comment/"+note.Comment.String(), d.Tickets()[0].Comments[0].Text)
	eve := d.Say(ref.ID, "Eve", "It is.\n> Ref comment/"+note.Comment.String())
	quoted := d.Say(ref.ID, "Eve", "Yes\n\nRef comment/"+note.Comment.String())
	secret := d.Note(ref.ID, "Mallory", "They lie.")
	remote, err := d.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.False(t, remote.Cut)
	require.Len(t, remote.Comments, 4)
	ours := remote.Comments[0]
	require.Equal(t, r.ID, ours.ID)
	require.Equal(t, note.Comment, ours.Ours)
	require.Equal(t, "Bob:\n\nIs it out?", ours.Text)
	require.WithinDuration(t, time.Now(), ours.At, time.Minute)
	require.Equal(t, eve, remote.Comments[1].ID)
	require.Equal(t, "Eve", remote.Comments[1].Author)
	require.Zero(t, remote.Comments[1].Ours)
	require.False(t, remote.Comments[1].Internal)
	require.Equal(t, quoted, remote.Comments[2].ID)
	require.Zero(t, remote.Comments[2].Ours, "a mail that quotes it at its end is theirs")
	require.Equal(t, secret, remote.Comments[3].ID)
	require.True(t, remote.Comments[3].Internal)

	found, ok, err := d.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: note.Comment, Ref: ref})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, r.ID, found.ID)
	_, ok, err = d.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: uuid.New(), Ref: ref})
	require.NoError(t, err)
	require.False(t, ok)
}

func TestFilesAreUploadedAndHungOnAComment(t *testing.T) {
	t.Parallel()
	d := open(t)
	ref := d.made(t)
	content := strings.Repeat("bytes and more ", 20_000)
	var told []int64
	r, err := d.Attach(t.Context(), ref, file(content, &told))
	require.NoError(t, err)
	require.Equal(t, int64(len(content)), told[len(told)-1])
	require.IsIncreasing(t, told)
	sum := sha256.Sum256([]byte(content))
	there := d.Tickets()[0].Files[0]
	require.Equal(t, r.ID, there.ID)
	require.Equal(t, "über & out.txt", there.Name)
	require.Equal(t, hex.EncodeToString(sum[:]), there.SHA256)
	require.NotEmpty(t, r.URL)
	found, ok, err := d.Find(t.Context(), commands.Mark{Kind: commands.AttachmentMark, Key: file("", &told).File, Ref: ref})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, r, found)
	remote, err := d.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Empty(t, remote.Comments)

	empty := file("", &told)
	empty.Type, empty.File = "", uuid.New()
	_, err = d.Attach(t.Context(), ref, empty)
	require.NoError(t, err)
	large := file("", &told)
	large.Size = 51 << 20
	_, err = d.Attach(t.Context(), ref, large)
	require.Equal(t, commands.TooLarge, wrong(t, err).Kind)
}

func TestFilesOfOthersAreNamed(t *testing.T) {
	t.Parallel()
	d := open(t)
	ref := d.made(t)
	id := d.Say(ref.ID, "Eve", "Look:")
	d.Change(ref.ID, vendorfake.Happening{}, func(t *vendorfake.Ticket) {
		t.Files = append(t.Files, vendorfake.File{ID: "5", Name: "a.png", Own: map[string]string{"comment": id}})
	})
	remote, err := d.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, "Look:\na.png: https://example.zendesk.com/attachments/token/5/?name=a.png", remote.Comments[0].Text)
}

func TestACheckSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	d := open(t)
	require.NoError(t, d.Check(t.Context()))
	d.Role("end-user")
	require.Equal(t, commands.Denied, wrong(t, d.Check(t.Context())).Kind)
	d.Role("suspended")
	require.Equal(t, "Zendesk has suspended the user of the token.", wrong(t, d.Check(t.Context())).Message)

	a := d.Opened(d.ConnectByToken())
	d.Role("admin")
	require.NoError(t, d.platform.Open(a).Check(t.Context()))
	a.Credentials["api_token"] = "another"
	err := d.platform.Open(a).Check(t.Context())
	require.Equal(t, commands.Unauthorized, wrong(t, err).Kind, "a visitor is answered, and is nobody")
	_, err = d.platform.Open(a).Create(t.Context(), draft)
	require.Equal(t, commands.Unauthorized, wrong(t, err).Kind)
	d.ExpireTokens()
	require.Equal(t, commands.Unauthorized, wrong(t, d.Check(t.Context())).Kind)
}

func TestWithoutAnAddressOrATokenNothingIsSent(t *testing.T) {
	t.Parallel()
	d := open(t)
	a := d.Account()
	delete(a.Credentials, commands.AccessToken)
	require.Equal(t, commands.Unauthorized, wrong(t, d.platform.Open(a).Check(t.Context())).Kind)
	a.BaseURL = ""
	for _, subdomain := range []string{"", "evil.example/", "a.b", "-a", "a@b"} {
		a.Settings["subdomain"] = subdomain
		require.Equal(t, commands.Rejected, wrong(t, d.platform.Open(a).Check(t.Context())).Kind, subdomain)
		_, err := d.platform.Renew(t.Context(), a)
		require.Equal(t, commands.Rejected, wrong(t, err).Kind)
	}
	a = d.Account()
	a.Settings["group_id"] = "sales"
	_, err := d.platform.Open(a).Create(t.Context(), draft)
	require.Equal(t, commands.Rejected, wrong(t, err).Kind)
	require.Empty(t, d.Requests())
}

var _ vendorfake.Vendor = (*vendorfake.Zendesk)(nil)
