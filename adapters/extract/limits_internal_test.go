package extract

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
)

func TestEveryPieceOfXMLHasItsLimit(t *testing.T) {
	t.Parallel()
	const most = 1000
	for _, piece := range []string{"<a>@</a>", `<a b="@"/>`, "<a><!--@--></a>", "<a><![CDATA[@]]></a>", "<?a @?><a/>", "</@>", "<!DOCTYPE @>"} {
		pass := func(length int) error {
			_, err := io.Copy(io.Discard, &guard{from: strings.NewReader(strings.Replace(piece, "@", strings.Repeat("x", length), 1)), most: most})
			return err
		}
		require.ErrorIs(t, pass(most+1), errUnpacks, piece)
		require.NoError(t, pass(most-20), piece)
	}
}

func TestAMailThatIsTooLongIsReadInPart(t *testing.T) {
	t.Parallel()
	const line = "The printer on the third floor prints every page twice.\r\n"
	path := filepath.Join(t.TempDir(), "upload")
	require.NoError(t, os.WriteFile(path, []byte("Subject: The printer\r\n\r\n"+strings.Repeat(line, 1<<20/len(line)+1)), 0o600))
	reading, err := mail(1<<20)(t.Context(), commands.Source{Path: path}, func(int, string) {})
	require.NoError(t, err)
	require.Equal(t, []string{noteMail, noteCut}, reading.Notes)
	require.Len(t, reading.Text, textMost)
}

func TestThePictureOfAPageHasItsLimitHoweverLargeThePageIs(t *testing.T) {
	t.Parallel()
	s := scans{sizes: []size{{595, 842}, {59_500, 842}, {14_400, 14_400}, {1e9, 1e9}}}
	require.Equal(t, drawnAt, s.resolution(0))
	for i := range 3 {
		dots := s.sizes[i].width / 72 * s.sizes[i].height / 72 * float64(s.resolution(i)*s.resolution(i))
		require.LessOrEqual(t, dots, float64(dotsMost))
	}
	require.Equal(t, 1, s.resolution(3))
	require.Equal(t, drawnAt, s.resolution(4), "a page whose size nobody told")
}

func TestAWorkbookWithTooManyStringsIsNotOpened(t *testing.T) {
	t.Parallel()
	const table = "xl/sharedStrings.xml"
	path := filepath.Join(t.TempDir(), "upload")
	content := packed(t, table, "<sst>"+strings.Repeat("<x:si/>", 1000)+"</sst>")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	b, err := unzipped(t.Context(), commands.Source{Path: path, Size: int64(len(content))})
	require.NoError(t, err)
	defer b.close()
	require.Equal(t, stringsMost, b.strings)
	b.strings = 1000
	require.NoError(t, b.harmless(b.find(table)))
	b.strings = 999
	require.ErrorIs(t, b.harmless(b.find(table)), errUnpacks)
}
