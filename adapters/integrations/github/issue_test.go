package github_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain/integration"
)

func TestATicketBecomesAnIssue(t *testing.T) {
	t.Parallel()
	w := meet(t)
	d := draft()
	receipt, err := w.Create(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, commands.Receipt{ID: "1", Place: "octo/help", URL: "https://github.com/octo/help/issues/1"}, receipt)

	issue := w.Tickets()[0]
	require.Equal(t, d.Title, issue.Title)
	require.Equal(t, d.Description, issue.Description)
	require.Equal(t, "open", issue.Status)
	require.Equal(t, "priority: high", issue.Priority)
	require.Equal(t, []string{"priority: high", "bug", "printer"}, issue.Labels)
	raw, _ := w.Ticket("1")
	first, _, _ := strings.Cut(raw.Description, "\n")
	require.True(t, strings.HasPrefix(first, "<!-- ") && strings.HasSuffix(first, " -->"), first)
	require.Contains(t, first, d.Ticket.String())
}

func TestWhatIsTooLongIsCutAndSaid(t *testing.T) {
	t.Parallel()
	w := meet(t)
	d := draft()
	d.Title, d.Description = strings.Repeat("ü", 300), strings.Repeat("ß", 70_000)
	d.Tags = []string{strings.Repeat("l", 60), " Bug ", "", "two\nlines"}
	receipt, err := w.Create(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, "The title was cut to 256 characters. The description was cut to 65536 characters.", receipt.Note)
	raw, _ := w.Ticket("1")
	require.Len(t, []rune(raw.Title), 256)
	require.Len(t, []rune(raw.Description), 65536)
	require.True(t, strings.HasSuffix(raw.Description, "… "+d.Link))
	require.Equal(t, []string{"priority: high", "bug", strings.Repeat("l", 50), "two lines"}, raw.Labels)

	ref := commands.Ref{ID: receipt.ID}
	note, err := w.Comment(t.Context(), ref, commands.Note{Comment: uuid.New(), Author: "Ada", Text: strings.Repeat("é", 70_000), Link: d.Link})
	require.NoError(t, err)
	require.Equal(t, "The comment was cut to 65536 characters.", note.Note)
	raw, _ = w.Ticket("1")
	require.Len(t, []rune(raw.Comments[0].Text), 65536)
	require.NoError(t, w.Update(t.Context(), ref, d))
}

func TestATextThatSpeaksToNobodyOnGitHubCallsNobodyThere(t *testing.T) {
	t.Parallel()
	w := meet(t)
	d := draft()
	d.Title, d.Description = "Over\ntwo lines", "@octocat and (@team) write to ada@example.com, not `@Override`"
	_, err := w.Create(t.Context(), d)
	require.NoError(t, err)
	raw, _ := w.Ticket("1")
	require.Equal(t, "Over two lines", raw.Title)
	require.Contains(t, raw.Description, "@\u200boctocat and (@\u200bteam) write to ada@example.com, not `@Override`")
	require.Equal(t, d.Description, w.Tickets()[0].Description)
}

func TestLabelsThatWereLeftOutAreSaid(t *testing.T) {
	t.Parallel()
	w := meet(t)
	w.Unlabelled()
	receipt, err := w.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Equal(t, "GitHub has left out labels: the token may not set them.", receipt.Note)
}

func TestAnUpdateWritesEverythingAnewAndTakesNobodysLabels(t *testing.T) {
	t.Parallel()
	w := meet(t)
	d := draft()
	receipt, err := w.Create(t.Context(), d)
	require.NoError(t, err)
	ref := commands.Ref{ID: receipt.ID, Place: receipt.Place}
	w.Label("1", "triage", "priority: low") // by people there

	d.Title, d.Description, d.Priority, d.Category, d.Tags = "The printer is out", "It is out.", "priority: urgent", "", []string{"paper", "Triage"}
	require.NoError(t, w.Update(t.Context(), ref, d))
	issue := w.Tickets()[0]
	require.Equal(t, "The printer is out", issue.Title)
	require.Equal(t, "It is out.", issue.Description)
	require.Equal(t, []string{"priority: urgent", "paper", "Triage"}, issue.Labels)
	require.Equal(t, "open", issue.Status)

	found, ok, err := w.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: d.Ticket})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, receipt.ID, found.ID)
}

func TestALabelOfPeopleThereOutlivesEveryUpdate(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	w.Label("1", "triage")
	d := draft()
	d.Tags = nil
	require.NoError(t, w.Update(t.Context(), ref, d))
	require.NoError(t, w.Update(t.Context(), ref, d))
	require.Equal(t, []string{"priority: high", "bug", "triage"}, w.Tickets()[0].Labels)
}

func TestEveryStatusOfTheMappingIsSetAndFetched(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	for _, status := range []string{"completed", "open", "not_planned", "duplicate", "open"} {
		require.NoError(t, w.SetStatus(t.Context(), ref, status))
		require.Equal(t, status, w.Tickets()[0].Status)
		remote, err := w.Fetch(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, status, remote.Status)
	}
	for _, status := range integration.GitHub.Over(integration.Mapping{}).Status {
		require.NoError(t, w.SetStatus(t.Context(), ref, status))
	}
	w.Move("1", "") // closed before there were reasons
	remote, err := w.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, "completed", remote.Status)

	e := wrong(t, w.SetStatus(t.Context(), ref, "Done"))
	require.Equal(t, commands.Rejected, e.Kind)
	require.Contains(t, e.Message, `"Done"`)
}

func TestACommentHasItsAuthorsNameAndIsKnownAgain(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	ours := commands.Note{Comment: uuid.New(), Author: "Ada *Lovelace*", Text: "It is out now.\n@octocat"}
	receipt, err := w.Comment(t.Context(), ref, ours)
	require.NoError(t, err)
	require.Contains(t, receipt.URL, "#issuecomment-"+receipt.ID)
	require.Equal(t, "**Ada \\*Lovelace\\*** wrote:\n\nIt is out now.\n@octocat", w.Tickets()[0].Comments[0].Text)
	theirs := w.Say("1", "grace", "Thanks!\n\n> <!-- ticketd {\"comment\":\""+uuid.NewString()+"\"} -->")
	gone := w.Say("1", "ghost", "I have left.")
	_, err = w.Comment(t.Context(), ref, commands.Note{Comment: uuid.New(), Text: "Nobody's."})
	require.NoError(t, err)
	_, err = w.Attach(t.Context(), ref, attachment("a.txt", "text/plain", "a file is nobody's words"))
	require.NoError(t, err)

	remote, err := w.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.False(t, remote.Cut)
	require.Len(t, remote.Comments, 4)
	require.Equal(t, ours.Comment, remote.Comments[0].Ours)
	require.Equal(t, receipt.ID, remote.Comments[0].ID)
	person := remote.Comments[1]
	require.WithinDuration(t, time.Now(), person.At, time.Minute)
	require.Equal(t, commands.RemoteComment{ID: theirs, Author: "grace", Text: person.Text, At: person.At}, person)
	require.True(t, strings.HasPrefix(person.Text, "Thanks!"))
	require.Equal(t, gone, remote.Comments[2].ID)
	require.Equal(t, "ghost", remote.Comments[2].Author)
	require.Equal(t, "Nobody's.", w.Tickets()[0].Comments[3].Text)
}

func TestOfManyCommentsTheNewestThousandAreFetched(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	for range 1050 {
		w.Say("1", "grace", "Me too.")
	}
	last := w.Say("1", "grace", "Still.")
	remote, err := w.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.True(t, remote.Cut)
	require.Len(t, remote.Comments, 951) // of the last ten pages
	require.Equal(t, last, remote.Comments[950].ID)
}

func TestAnIssueIsWhereItWasMadeWhateverTheSettingsBecome(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	w.account.Settings["repo"] = "elsewhere"
	w.open()
	require.NoError(t, w.SetStatus(t.Context(), ref, "completed"))
	require.Equal(t, commands.Missing, wrong(t, w.SetStatus(t.Context(), commands.Ref{ID: ref.ID}, "open")).Kind)
}

func TestNamesThatAreNoneNeverGetIntoAnAddress(t *testing.T) {
	t.Parallel()
	w := meet(t)
	for _, id := range []string{"", "0", "-1", "1/comments", "x"} {
		require.Equal(t, commands.Missing, wrong(t, w.SetStatus(t.Context(), commands.Ref{ID: id}, "open")).Kind, id)
	}
	for _, at := range []string{"octo", "octo/", "/help", "octo/..", "octo/help/issues", "octo/help?x", "./help", "octo/he lp"} {
		require.Equal(t, commands.Rejected, wrong(t, w.SetStatus(t.Context(), commands.Ref{ID: "1", Place: at}, "open")).Kind, at)
	}
	w.account.Settings["owner"] = "../users"
	w.open()
	_, err := w.Create(t.Context(), draft())
	require.Equal(t, commands.Rejected, wrong(t, err).Kind)
	_, _, err = w.Find(t.Context(), commands.Mark{Kind: commands.TicketMark})
	require.Equal(t, commands.Rejected, wrong(t, err).Kind)
	require.Equal(t, commands.Rejected, wrong(t, w.Check(t.Context())).Kind)
	_, err = w.Fetch(t.Context(), commands.Ref{ID: "1"})
	require.Equal(t, commands.Rejected, wrong(t, err).Kind)
	require.Equal(t, commands.Rejected, wrong(t, w.Update(t.Context(), commands.Ref{ID: "1"}, draft())).Kind)
	require.Empty(t, w.Requests())
}

func TestAnEnterpriseServerHasItsOwnAddresses(t *testing.T) {
	t.Parallel()
	w := meet(t)
	w.account.BaseURL += "/api/v3/"
	w.renewed(t)
	address, err := w.platform.Consent(w.account, commands.Consent{State: "s"})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(address, w.URL()+"/login/oauth/authorize?"), address)
	require.NoError(t, w.Check(t.Context()))
	_, err = w.Attach(t.Context(), w.made(t), attachment("a.png", "image/png", "it takes no files of issues"))
	require.NoError(t, err)
	require.Len(t, w.Committed(), 1)
	for _, seen := range w.Requests()[1:] {
		require.True(t, strings.HasPrefix(seen.Path, "/api/v3/repos/"), seen.Path)
	}
}

func TestAnArchiveTakesNothingAndWhatIsNotThereIsMissing(t *testing.T) {
	t.Parallel()
	w := meet(t)
	w.made(t)
	_, err := w.Fetch(t.Context(), commands.Ref{ID: "99"})
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
	require.Equal(t, commands.Missing, wrong(t, w.Update(t.Context(), commands.Ref{ID: "99"}, draft())).Kind)
	w.Archive()
	_, err = w.Create(t.Context(), draft())
	e := wrong(t, err)
	require.Equal(t, commands.Denied, e.Kind)
	require.Equal(t, "GitHub says: Repository was archived so is read-only.", e.Message)
}

func TestWhoCopiesUsSaysItThemselves(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	note := commands.Note{Comment: uuid.New(), Author: "Ada", Text: "Hello"}
	_, err := w.Comment(t.Context(), ref, note)
	require.NoError(t, err)
	raw, _ := w.Ticket(ref.ID)
	w.Say(ref.ID, "eve", raw.Comments[0].Text)
	remote, err := w.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Len(t, remote.Comments, 2)
	require.Equal(t, []uuid.UUID{note.Comment, uuid.Nil}, []uuid.UUID{remote.Comments[0].Ours, remote.Comments[1].Ours})
}
