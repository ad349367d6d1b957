package extract_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/extract"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
)

const sentence = "The printer on the third floor prints every page twice."

// filling is how many sentences are more than a text may have.
const filling = 1_000_000/len(sentence) + 100

const (
	docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	pptx = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	odt  = "application/vnd.oasis.opendocument.text"
	ods  = "application/vnd.oasis.opendocument.spreadsheet"
	odp  = "application/vnd.oasis.opendocument.presentation"
)

// upload keeps bytes as an upload.
func upload(t *testing.T, name, kind string, content []byte) commands.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "upload")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return commands.Source{Path: path, Name: name, MIMEType: kind, Size: int64(len(content))}
}

// quiet hears progress and forgets it.
func quiet(int, string) {}

// read reads an upload that can be read, and requires that what comes out can be stored, as it must of any.
func read(t *testing.T, s commands.Source) file.Reading {
	t.Helper()
	reading, err := extract.New(extract.Config{}).Read(t.Context(), s, quiet)
	require.NoError(t, err)
	storable(t, reading)
	return reading
}

func storable(t *testing.T, reading file.Reading) {
	t.Helper()
	require.True(t, domain.Storable(reading.Text))
	require.LessOrEqual(t, len([]rune(reading.Text)), 1_000_000)
	for _, page := range reading.Pages {
		require.True(t, domain.Storable(page.Text))
		require.True(t, domain.Storable(page.Name))
	}
	for name, value := range reading.Metadata {
		require.True(t, domain.Storable(name+value))
	}
	for _, note := range reading.Notes {
		require.True(t, domain.Storable(note))
	}
}

// skipped requires that an upload is not read, and answers why.
func skipped(t *testing.T, s commands.Source) string {
	t.Helper()
	_, err := extract.New(extract.Config{}).Read(t.Context(), s, quiet)
	var why *file.SkippedError
	require.ErrorAs(t, err, &why)
	return why.Reason
}

// broken requires that an upload is said to be damaged.
func broken(t *testing.T, s commands.Source) {
	t.Helper()
	_, err := extract.New(extract.Config{}).Read(t.Context(), s, quiet)
	require.ErrorAs(t, err, new(*file.BrokenError))
	require.EqualError(t, err, "The document cannot be read: it is damaged.")
}

// entry is one of a zip file.
type entry struct{ name, content string }

// zipOf answers a zip file.
func zipOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if len(e.content) > 1<<20 {
			h.Method = zip.Store // to compress much takes the tests longer than to read it
		}
		w, err := z.CreateHeader(h)
		require.NoError(t, err)
		_, err = w.Write([]byte(e.content))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}
