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
