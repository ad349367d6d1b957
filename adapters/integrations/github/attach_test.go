package github_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

const (
	assets   = "POST /user-attachments/assets"
	contents = "PUT /repos/{owner}/{repo}/contents/{path}"
	refs     = "POST /repos/{owner}/{repo}/git/refs"
)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestPicturesAndVideosAreFilesOfTheIssue(t *testing.T) {
	t.Parallel()
	for kind, shown := range map[string]string{"image/png": "![a \\[1\\].x](%)", "image/svg+xml; charset=utf-8": "![a \\[1\\].x](%)", "video/mp4": "%", "video/quicktime": "%"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := meet(t)
			ref := w.made(t)
			file := attachment("a [1].x", kind, strings.Repeat("picture", 10_000))
			var sent []int64
			file.Sent = func(bytes int64) { sent = append(sent, bytes) }
			receipt, err := w.Attach(t.Context(), ref, file)
			require.NoError(t, err)
			require.Empty(t, receipt.Note)

			issue := w.Tickets()[0]
			require.Equal(t, []vendorfake.File{{ID: issue.Files[0].ID, Name: "a [1].x", Size: 70_000, SHA256: digest(strings.Repeat("picture", 10_000)), At: issue.Files[0].At}}, issue.Files)
			require.Equal(t, receipt.ID, issue.Comments[0].ID)
			require.Equal(t, strings.ReplaceAll(shown, "%", receipt.URL), issue.Comments[0].Text)
			require.IsIncreasing(t, sent)
			require.Equal(t, file.Size, sent[len(sent)-1])
			require.Empty(t, w.Committed())
		})
	}
}

func TestEverythingElseIsOnABranchThatIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	texts := map[string]string{}
	for _, size := range []int{1, 2, 3, 3<<12 - 1, 3 << 12, 3<<12 + 1, 1 << 20} {
		text := strings.Repeat("x", size)
		file := attachment("log.txt", "text/plain", text)
		var last int64
		file.Sent = func(bytes int64) { last = bytes }
		receipt, err := w.Attach(t.Context(), ref, file)
		require.NoError(t, err)
		require.Equal(t, file.Size, last)
		require.Equal(t, "https://github.com/octo/help/blob/ticket-files/1/"+file.File.String()+"/log.txt", receipt.URL)
		texts[digest(text)] = receipt.URL
	}
	issue := w.Tickets()[0]
	require.Len(t, issue.Files, len(texts))
	for _, file := range issue.Files {
		require.Contains(t, texts, file.SHA256)
	}
	require.Equal(t, "[log.txt]("+texts[digest("x")]+"?raw=1)", issue.Comments[0].Text)
	require.Equal(t, map[string]string{"main": strings.Repeat("a", 40), "ticket-files": strings.Repeat("a", 40)}, w.Branches())
	require.Equal(t, 1, count(w.Requests(), refs))
	require.Zero(t, count(w.Requests(), assets))
}

func TestAnEmptyFileIsKeptToo(t *testing.T) {
	t.Parallel()
	w := meet(t)
	_, err := w.Attach(t.Context(), w.made(t), attachment("empty.png", "image/png", ""))
	require.NoError(t, err)
	require.Equal(t, digest(""), w.Tickets()[0].Files[0].SHA256)
}

func TestAnAppsFilesAreAllOnTheBranchOfItsSettings(t *testing.T) {
	t.Parallel()
	w := asApp(t)
	w.account.Settings["files_branch"] = "support/files"
	w.open()
	receipt, err := w.Attach(t.Context(), w.made(t), attachment("a.png", "image/png", "a picture"))
	require.NoError(t, err)
	require.Empty(t, receipt.Note)
	require.Contains(t, receipt.URL, "/blob/support/files/1/")
	require.Equal(t, digest("a picture"), w.Tickets()[0].Files[0].SHA256)
	require.Zero(t, count(w.Requests(), assets))
}

func TestAPictureThatIsRefusedGoesToTheBranchAndThatIsSaid(t *testing.T) {
	t.Parallel()
	for _, status := range []int{403, 404, 413, 422} {
		w := meet(t)
		ref := w.made(t)
		w.Next(assets, vendorfake.Fault{Status: status, Body: `{"message":"No."}`})
		receipt, err := w.Attach(t.Context(), ref, attachment("a.png", "image/png", "a picture"))
		require.NoError(t, err)
		require.Equal(t, "GitHub did not take the file among those of the issue, so it is on the branch ticket-files.", receipt.Note)
		require.Equal(t, []string{receipt.URL}, w.Committed())
		require.Len(t, w.Tickets()[0].Files, 1)
	}
}

func TestATroubleThatPassesLeavesThePictureForLaterWithoutADoubt(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]vendorfake.Fault{
		"500": {Status: 500}, "dropped before": {DropBefore: true}, "dropped after": {DropAfter: true}, "nonsense": {Garbage: true}, "silence": {Silence: true},
		"nothing in it": {Status: 201, Body: `{}`},
	} {
		for operation, kind := range map[string]string{assets: "image/png", contents: "text/plain"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				w := meet(t)
				ref := w.made(t)
				file := attachment("a.x", kind, "a file")
				w.Next(operation, fault)
				_, err := w.facing(t, fault).Attach(t.Context(), ref, file)
				e := wrong(t, err)
				require.Equal(t, commands.Down, e.Kind)
				require.False(t, e.Unsure)
				require.Empty(t, w.Tickets()[0].Comments)

				receipt, err := w.Attach(t.Context(), ref, file)
				require.NoError(t, err)
				require.Contains(t, receipt.URL, "https://github.com/")
				issue := w.Tickets()[0]
				require.Len(t, issue.Comments, 1)
				require.Len(t, issue.Files, 1)
				require.Equal(t, digest("a file"), issue.Files[0].SHA256)
			})
		}
	}
}

func TestTwoWhoPutAFileOnABranchAtOnceAreBusy(t *testing.T) {
	t.Parallel()
	w := meet(t)
	w.Next(contents, vendorfake.Fault{Status: 409, Body: `{"message":"is at 1 but expected 2"}`})
	_, err := w.Attach(t.Context(), w.made(t), attachment("a.txt", "text/plain", "a"))
	e := wrong(t, err)
	require.Equal(t, commands.Busy, e.Kind)
	require.Contains(t, e.Message, "expected 2")
}

func TestABranchThatSomebodyMadeMeanwhileIsUsed(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	_, err := w.Attach(t.Context(), ref, attachment("a.txt", "text/plain", "a"))
	require.NoError(t, err)
	w.Next("GET /repos/octo/help/git/ref/heads/ticket-files", vendorfake.Fault{Status: 404})
	_, err = w.Attach(t.Context(), ref, attachment("b.txt", "text/plain", "b"))
	require.NoError(t, err)
	require.Equal(t, 2, count(w.Requests(), refs))
	require.Len(t, w.Tickets()[0].Files, 2)
}

func TestABranchThatCannotBeMadeKeepsNothing(t *testing.T) {
	t.Parallel()
	file := attachment("a.txt", "text/plain", "a")
	for name, c := range map[string]struct {
		match string
		fault vendorfake.Fault
		kind  commands.VendorErrorKind
	}{
		"the look for it fails":       {"GET /repos/octo/help/git/ref/heads/ticket-files", vendorfake.Fault{Status: 500}, commands.Down},
		"the repository is gone":      {"GET /repos/octo/help", vendorfake.Fault{Status: 404}, commands.Missing},
		"the default branch is gone":  {"GET /repos/octo/help/git/ref/heads/main", vendorfake.Fault{Status: 404}, commands.Missing},
		"it may not be made":          {refs, vendorfake.Fault{Status: 403, Body: `{"message":"Resource not accessible by integration"}`}, commands.Denied},
		"the repository says nothing": {"GET /repos/octo/help", vendorfake.Fault{Status: 502}, commands.Down},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := meet(t)
			ref := w.made(t)
			w.Next(c.match, c.fault)
			_, err := w.Attach(t.Context(), ref, file)
			require.Equal(t, c.kind, wrong(t, err).Kind)
			require.Empty(t, w.Committed())
		})
	}
	w := meet(t)
	w.Empty()
	_, err := w.Attach(t.Context(), w.made(t), file)
	e := wrong(t, err)
	require.Equal(t, commands.Rejected, e.Kind)
	require.Contains(t, e.Message, "Git Repository is empty")
}

func TestAPersonWhoMayOnlyReadAttachesNothing(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	w.ReadOnly()
	_, err := w.Attach(t.Context(), ref, attachment("a.png", "image/png", "a picture"))
	require.Equal(t, commands.Denied, wrong(t, err).Kind)
}

func TestAFileThatIsTooLargeIsNotSent(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	before := len(w.Requests())
	for _, kind := range []string{"image/png", "text/plain", ""} {
		file := attachment("a.x", kind, "")
		file.Size = 50<<20 + 1
		_, err := w.Attach(t.Context(), ref, file)
		e := wrong(t, err)
		require.Equal(t, commands.TooLarge, e.Kind)
		require.Contains(t, e.Message, "50 MB")
	}
	require.Len(t, w.Requests(), before)
}

func TestWhatGitHubCallsTooLargeIsTooLarge(t *testing.T) {
	t.Parallel()
	w := meet(t)
	w.Next(contents, vendorfake.Fault{Status: 403, Body: `{"message":"This API","errors":[{"resource":"Blob","field":"data","code":"too_large"}]}`})
	_, err := w.Attach(t.Context(), w.made(t), attachment("a.txt", "text/plain", "a"))
	require.Equal(t, commands.TooLarge, wrong(t, err).Kind)
}

func TestAFilesNameIsNoPath(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	for name, want := range map[string]string{
		"../../.git/config":               "_.._.._.git_config",
		"":                                "_",
		"..":                              "_..",
		`C:\a?b#c%2f.txt`:                 "C__a%3Fb%23c%252f.txt",
		"zwei Wörter\n.pdf":               "zwei%20W%C3%B6rter_.pdf",
		strings.Repeat("n", 200) + ".pdf": strings.Repeat("n", 96) + ".pdf",
	} {
		receipt, err := w.Attach(t.Context(), ref, attachment(name, "application/pdf", "text of "+name))
		require.NoError(t, err, name)
		require.Equal(t, want, receipt.URL[strings.LastIndex(receipt.URL, "/")+1:])
	}
}

func TestAFileThatCannotBeOpenedIsNotSent(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	for _, kind := range []string{"image/png", "text/plain"} {
		file := attachment("a.x", kind, "text")
		file.Open = func(context.Context) (io.ReadSeekCloser, error) { return nil, errors.New("it is gone") }
		_, err := w.Attach(t.Context(), ref, file)
		require.False(t, wrong(t, err).Unsure)
	}
	_, err := w.Attach(t.Context(), commands.Ref{ID: "x"}, attachment("a.x", "", "text"))
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
	require.Empty(t, w.Tickets()[0].Comments)
}
