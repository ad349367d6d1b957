package jira_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

func TestATicketBecomesAnIssue(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]*world{"by token": newWorld(t), "by oauth2": oauthWorld(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receipt, err := w.open().Create(t.Context(), draft())
			require.NoError(t, err)
			require.Equal(t, commands.Receipt{ID: "SUP-1", Place: "10001", URL: w.fake.Base().URL() + "/browse/SUP-1"}, receipt)
			issue := w.only()
			require.Equal(t, "Printer on fire", issue.Title)
			require.Equal(t, "It burns.\nsmoke\nflames\n#12 · Ada", issue.Description)
			require.Contains(t, issue.Own["description"], "https://desk.example/tickets/12")
			require.Equal(t, "High", issue.Priority)
			require.Equal(t, []string{"third-floor", "printer", "bug"}, issue.Labels)
			require.Len(t, w.fake.Base().Requests(), 1, "nothing is asked first")
			w.valid()
		})
	}
}

func TestWhatTheProjectHasNotOnItsScreenIsLeftOutAndSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fake.Hide("priority")
	receipt, err := w.open().Create(t.Context(), draft())
	require.NoError(t, err)
	require.Contains(t, receipt.Note, "Jira takes no priority here: Field 'priority' cannot be set.")
	require.Empty(t, w.only().Priority)
	require.Len(t, w.only().Labels, 3)

	w.fake.Hide("labels", "priority")
	require.NoError(t, w.open().Update(t.Context(), commands.Ref{ID: "SUP-1"}, draft()))
	w.valid()
}

func TestAnotherFaultOfTheIssueIsNotTriedTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fake.Hide("priority")
	w.account.Settings["project_key"] = "NONE"
	_, err := w.open().Create(t.Context(), draft())
	wrong := vendorError(t, err)
	require.Equal(t, commands.Rejected, wrong.Kind)
	require.Contains(t, wrong.Message, "project: valid project is required")
	require.Len(t, w.fake.Base().Requests(), 1)
}

func TestAPriorityThatTheSiteDoesNotKnowIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := draft()
	d.Priority = "Blocker"
	receipt, err := w.open().Create(t.Context(), d)
	require.NoError(t, err)
	require.Contains(t, receipt.Note, "The priority selected is invalid.")
	w.fake.Base().Next("POST /rest/api/3/issue", badPriority)
	w.fake.Base().Next("POST /rest/api/3/issue", badPriority)
	_, err = w.open().Create(t.Context(), d)
	require.Equal(t, commands.Rejected, vendorError(t, err).Kind, "it is tried once more, and no more")
}

func TestWhatIsTooLongIsCutWithALink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := draft()
	d.Title, d.Description = strings.Repeat("ä\n", 300), strings.Repeat("long ", 8000)
	receipt, err := w.open().Create(t.Context(), d)
	require.NoError(t, err)
	require.Contains(t, receipt.Note, "The title was cut to 255 characters.")
	require.Contains(t, receipt.Note, "The description was cut to 32000 characters.")
	require.Contains(t, w.only().Description, "… https://desk.example/tickets/12")
	receipt, err = w.open().Comment(t.Context(), commands.Ref{ID: "SUP-1"}, commands.Note{Comment: uuid.New(), Text: d.Description, Link: d.Link})
	require.NoError(t, err)
	require.Equal(t, "The comment was cut to 32000 characters.", receipt.Note)
	w.valid()
}

func TestATicketThatSaysNothingBecomesAnIssueAllTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.open().Create(t.Context(), commands.Draft{Ticket: uuid.New(), Title: "\x00\n", Tags: []string{" ", "\u0007"}})
	require.NoError(t, err)
	require.Equal(t, "…", w.only().Title)
	w.valid()
}

func TestAnUpdateWritesTheIssueAnewAndKeepsPeoplesLabels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	d := draft()
	d.Title, d.Description, d.Priority, d.Tags = "Out", "It is out.", "Low", []string{"ash"}
	require.NoError(t, w.open().Update(t.Context(), ref, d))
	issue := w.only()
	require.Equal(t, "Out", issue.Title)
	require.Contains(t, issue.Description, "It is out.")
	require.Equal(t, "Low", issue.Priority)
	require.Equal(t, []string{"third-floor", "printer", "bug", "ash"}, issue.Labels)
	w.valid()
}

func TestAnIssueIsMovedByTheWayThatLeadsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	c := w.open()
	for _, status := range []string{"indeterminate", "done"} {
		require.NoError(t, c.SetStatus(t.Context(), ref, status))
		require.Equal(t, status, w.only().Status)
	}
	asked := len(w.fake.Base().Requests())
	require.NoError(t, c.SetStatus(t.Context(), ref, "done"))
	require.Len(t, w.fake.Base().Requests(), asked+1, "it is there already")
	require.NoError(t, c.SetStatus(t.Context(), ref, "in progress"), "by a status' own name")
	require.Equal(t, "indeterminate", w.only().Status)

	w.fake.Shut()
	err := c.SetStatus(t.Context(), ref, "new")
	require.Equal(t, commands.Rejected, vendorError(t, err).Kind)
	require.Contains(t, err.Error(), "The workflow has no way from In Progress to new.")
	require.Error(t, c.SetStatus(t.Context(), ref, "done"), "a way that is closed is none")
	w.valid()
}

func TestACommentShowsItsAuthorAndIsKnownAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	for _, link := range []string{"https://desk.example/tickets/12", ""} {
		note := commands.Note{Comment: uuid.New(), Author: "Bob", Text: "Is it out?\nReally?", Link: link}
		receipt, err := w.open().Comment(t.Context(), ref, note)
		require.NoError(t, err)
		require.Equal(t, w.fake.Base().URL()+"/browse/SUP-1?focusedCommentId="+receipt.ID, receipt.URL)
		require.Contains(t, w.only().Comments[len(w.only().Comments)-1].Text, "Bob\nIs it out?\nReally?\n")

		again, found, err := w.open().Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: note.Comment, Ref: ref})
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, receipt, again)
	}
	_, found, err := w.open().Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: uuid.New(), Ref: ref})
	require.NoError(t, err)
	require.False(t, found)
	w.valid()
}

func TestACommentIsKnownByItsLastLineWherePropertiesAreNotShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	for _, link := range []string{"https://desk.example/tickets/12", ""} {
		note := commands.Note{Comment: uuid.New(), Text: "Words", Link: link}
		_, err := w.open().Comment(t.Context(), ref, note)
		require.NoError(t, err)
		w.fake.Base().Change(ref.ID, vendorfakeNothing, forgetProperties)
		remote, err := w.open().Fetch(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, note.Comment, remote.Comments[len(remote.Comments)-1].Ours)
	}
}

func TestAFileIsAttachedAsItIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	content := strings.Repeat("bytes ", 200_000)
	file, sent := upload("Bericht \"ä\".txt", content)
	since := time.Now()
	receipt, err := w.open().Attach(t.Context(), ref, file)
	require.NoError(t, err)
	require.Equal(t, int64(len(content)), *sent)
	sum := sha256.Sum256([]byte(content))
	got := w.only().Files[0]
	require.Equal(t, "Bericht \"ä\".txt", got.Name)
	require.Equal(t, hex.EncodeToString(sum[:]), got.SHA256)
	require.Equal(t, got.ID, receipt.ID)

	mark := commands.Mark{Kind: commands.AttachmentMark, Key: file.File, Ref: ref, Name: file.Name, Size: file.Size, Since: since}
	found, ok, err := w.open().Find(t.Context(), mark)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, receipt, found)
	for _, other := range []func(*commands.Mark){
		func(m *commands.Mark) { m.Name = "other" }, func(m *commands.Mark) { m.Size++ }, func(m *commands.Mark) { m.Since = time.Now().Add(time.Hour) },
	} {
		m := mark
		other(&m)
		_, ok, err := w.open().Find(t.Context(), m)
		require.NoError(t, err)
		require.False(t, ok)
	}
	w.valid()
}

func TestAFileThatTheSiteDoesNotTakeIsTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	big, sent := upload("big.bin", strings.Repeat("x", 6<<20))
	for _, most := range []int64{1 << 20, 0} {
		w.fake.UploadMost(most)
		_, err := w.open().Attach(t.Context(), ref, big)
		require.Equal(t, commands.TooLarge, vendorError(t, err).Kind)
		require.Zero(t, *sent, "it is asked before")
	}
	w.fake.UploadMost(10 << 20)
	_, err := w.open().Attach(t.Context(), ref, big)
	require.NoError(t, err)
	w.fake.UploadMost(1)
	small, _ := upload("small.bin", "xx")
	_, err = w.open().Attach(t.Context(), ref, small)
	require.Equal(t, commands.TooLarge, vendorError(t, err).Kind)
	w.valid()
}

func TestAFileThatCannotBeOpenedIsNoVendorsFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	file, _ := upload("a.txt", "xx")
	file.Type = ""
	file.Open = func(context.Context) (io.ReadSeekCloser, error) { return nil, errors.New("gone") }
	_, err := w.open().Attach(t.Context(), ref, file)
	require.Error(t, err)
	require.Len(t, w.fake.Base().Requests(), 1, "nothing was sent")
}

func TestAnIssueIsFoundByWhatItWasMadeFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fake.Page(2)
	var keys []uuid.UUID
	for range 5 {
		d := draft()
		_, err := w.open().Create(t.Context(), d)
		require.NoError(t, err)
		keys = append(keys, d.Ticket)
	}
	for n, key := range keys {
		for _, since := range []time.Time{time.Now(), {}} {
			found, ok, err := w.open().Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: key, Since: since})
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, w.fake.Tickets()[n].ID, found.ID)
			require.Equal(t, w.fake.Tickets()[n].Own["id"], found.Place)
		}
	}
	_, ok, err := w.open().Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: uuid.New(), Since: time.Now().Add(-time.Minute)})
	require.NoError(t, err)
	require.False(t, ok)
	w.valid()
}

func TestTheSearchIsNotTrustedSoSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fake.Late(true)
	mark := commands.Mark{Kind: commands.TicketMark, Key: uuid.New(), Since: time.Now().Add(-time.Hour), Last: time.Now()}
	_, ok, err := w.open().Find(t.Context(), mark)
	require.False(t, ok)
	require.Equal(t, commands.Busy, vendorError(t, err).Kind)
	require.True(t, vendorError(t, err).Unsure)
	for _, last := range []time.Time{{}, time.Now().Add(-4 * time.Second)} {
		mark.Last = last
		_, ok, err = w.open().Find(t.Context(), mark)
		require.NoError(t, err)
		require.False(t, ok)
	}
}

func TestTooManyIssuesAreNotTakenForNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fake.Page(1)
	for range 52 {
		w.made()
	}
	_, ok, err := w.open().Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: uuid.New()})
	require.False(t, ok)
	require.Equal(t, commands.Rejected, vendorError(t, err).Kind)
	require.True(t, vendorError(t, err).Unsure)
}

func TestAnIssueIsFetchedWithItsComments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	note := commands.Note{Comment: uuid.New(), Author: "Bob", Text: "Ours"}
	_, err := w.open().Comment(t.Context(), ref, note)
	require.NoError(t, err)
	file, _ := upload("photo.png", "pixels")
	_, err = w.open().Attach(t.Context(), ref, file)
	require.NoError(t, err)
	said := w.fake.Say(ref.ID, "Grace", "Theirs\nin two lines")
	w.fake.SayRich(ref.ID, "Grace", `{"type":"doc","version":1,"content":[{"type":"mediaSingle","content":[{"type":"media","attrs":{"alt":"photo.png"}}]}]}`, true)
	w.fake.Move(ref.ID, "done")

	remote, err := w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, "done", remote.Status)
	require.False(t, remote.Cut)
	require.Len(t, remote.Comments, 3)
	require.Equal(t, note.Comment, remote.Comments[0].Ours)
	require.Equal(t, commands.RemoteComment{ID: said, Author: "Grace", Text: "Theirs\n\nin two lines", At: remote.Comments[1].At}, remote.Comments[1])
	require.WithinDuration(t, time.Now(), remote.Comments[1].At, time.Minute)
	require.True(t, remote.Comments[2].Internal)
	require.Contains(t, remote.Comments[2].Text, "[photo.png: "+w.fake.Base().URL()+"/rest/api/3/attachment/content/")
	w.valid()
}

func TestMoreCommentsThanAPageHasAreFetched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	for range 51 {
		w.fake.Say(ref.ID, "Grace", "Hello")
	}
	w.fake.Page(20)
	remote, err := w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Len(t, remote.Comments, 51)
	require.False(t, remote.Cut)
	w.fake.Page(1)
	remote, err = w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Len(t, remote.Comments, 50, "no more than 50 pages are read")
	require.True(t, remote.Cut)
	_, _, err = w.open().Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Ref: ref, Key: uuid.New()})
	require.True(t, vendorError(t, err).Unsure, "it may be the last")
}

func TestAStatusIsNamedAsTheMappingDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	w.account.Mapping.Status = map[string]string{"open": "to do", "resolved": "done"}
	remote, err := w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, "to do", remote.Status)
	w.fake.Base().Next("", noCategory)
	remote, err = w.open().Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, "Limbo", remote.Status)
}

func TestAConnectionIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*world)
		kind   commands.VendorErrorKind
		says   string
	}{
		"all is well":            {func(*world) {}, "", ""},
		"another type":           {func(w *world) { w.account.Settings["issue_type"] = "bug" }, "", ""},
		"a type that is not":     {func(w *world) { w.account.Settings["issue_type"] = "Epic" }, commands.Rejected, "has no issue type Epic. It has: Task, Bug."},
		"a project that is not":  {func(w *world) { w.account.Settings["project_key"] = "NO" }, commands.Missing, "There is no project NO"},
		"a field that is wanted": {func(w *world) { w.fake.Require("Cost centre") }, commands.Rejected, "wants fields that cannot be filled in from here: Cost centre."},
		"a token that is not":    {func(w *world) { w.fake.Base().RevokeTokens() }, commands.Unauthorized, "must be authenticated"},
		"no site":                {func(w *world) { w.account.BaseURL = "" }, commands.Rejected, "The address of the Jira site is missing"},
		"types that are not":     {func(w *world) { w.fake.Base().Next("GET /rest/api/3/issue/createmeta/SUP/issuetypes/10001", down) }, commands.Down, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.change(w)
			err := w.open().Check(t.Context())
			if c.kind == "" {
				require.NoError(t, err)
			} else {
				require.Equal(t, c.kind, vendorError(t, err).Kind)
				require.Contains(t, err.Error(), c.says)
			}
			w.valid()
		})
	}
}

func TestTheDefaultsOfTheMappingAreTakenByTheProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	for _, status := range integration.Jira.Over(integration.Mapping{}).Status {
		require.NoError(t, w.open().SetStatus(t.Context(), ref, status))
	}
	for _, priority := range integration.Jira.Over(integration.Mapping{}).Priority {
		d := draft()
		d.Priority = priority
		receipt, err := w.open().Create(t.Context(), d)
		require.NoError(t, err)
		require.Empty(t, receipt.Note)
	}
	w.valid()
}

func TestATwinIsNotTakenForTheFileThatIsLookedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	file, _ := upload("a.txt", "bytes")
	mark := commands.Mark{Kind: commands.AttachmentMark, Key: file.File, Ref: ref, Name: file.Name, Size: file.Size, Since: time.Now(), Twins: 1}
	for n := range 2 {
		made, err := w.open().Attach(t.Context(), ref, file)
		require.NoError(t, err)
		found, ok, err := w.open().Find(t.Context(), mark)
		require.NoError(t, err)
		require.Equal(t, n == 1, ok)
		if ok {
			require.Equal(t, made.ID, found.ID)
		}
	}
}

func TestWhatIsMadeWithoutANameIsInDoubt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	file, _ := upload("a.txt", "bytes")
	for _, body := range []string{`{}`, `{"id":"1"}`, `{"key":"A-1"}`} {
		w.fake.Base().Next("POST *", vendorfake.Fault{Status: 201, Body: body})
		_, err := w.open().Create(t.Context(), draft())
		require.Equal(t, commands.Down, vendorError(t, err).Kind)
		require.True(t, vendorError(t, err).Unsure)
	}
	w.fake.Base().Next("POST *", vendorfake.Fault{Status: 201, Body: `{}`})
	_, err := w.open().Comment(t.Context(), ref, commands.Note{Comment: uuid.New(), Text: "Hello"})
	require.True(t, vendorError(t, err).Unsure)
	w.fake.Base().Next("POST *", vendorfake.Fault{Status: 200, Body: `[{}]`})
	_, err = w.open().Attach(t.Context(), ref, file)
	require.True(t, vendorError(t, err).Unsure)
}
