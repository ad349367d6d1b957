package extract_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

const listed = "An archive's files are listed and not opened."

func tarOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "logs/", Typeflag: tar.TypeDir, Mode: 0o700}))
	for _, e := range entries {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: e.name, Size: int64(len(e.content)), Mode: 0o600}))
		_, err := w.Write([]byte(e.content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func gzipOf(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestAnArchiveGivesTheListOfItsFiles(t *testing.T) {
	t.Parallel()
	entries := []entry{{"logs/printer log.txt", sentence}, {"logs/ü.txt", "x"}}
	packed := tarOf(t, entries...)
	for kind, content := range map[string][]byte{
		"application/zip":   zipOf(t, append(entries, entry{"logs/", ""})...),
		"application/x-tar": packed,
		"application/gzip":  gzipOf(t, packed),
	} {
		reading := read(t, upload(t, "a", kind, content))
		require.Equal(t, fmt.Sprintf("%d\tlogs/printer log.txt\n1\tlogs/ü.txt", len(sentence)), reading.Text)
		require.Equal(t, []string{listed}, reading.Notes)
		require.Equal(t, "2", reading.Metadata["entries"])
		require.Equal(t, fmt.Sprint(len(sentence)+1), reading.Metadata["unpacked_bytes"])
	}
}

func TestTheNamesInAnOldArchiveAreReadAsTheyWereMeant(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	_, err := z.CreateHeader(&zip.FileHeader{Name: "gr\x81n.txt", NonUTF8: true})
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.Equal(t, "0\tgrün.txt", read(t, upload(t, "a.zip", "application/zip", b.Bytes())).Text)
}

func TestAnArchiveThatIsNoneOrCompressesSomethingElseSaysSo(t *testing.T) {
	t.Parallel()
	broken(t, upload(t, "a.zip", "application/zip", []byte("PK\x03\x04")))
	broken(t, upload(t, "a.tar", "application/x-tar", bytes.Repeat([]byte("x"), 600)))
	broken(t, upload(t, "a.gz", "application/gzip", []byte("\x1f\x8b")))
	whole := gzipOf(t, tarOf(t, entry{"a", sentence}))
	broken(t, upload(t, "a.tgz", "application/gzip", whole[:len(whole)/2]))
	for _, content := range [][]byte{nil, []byte("short"), bytes.Repeat([]byte("x"), 600)} {
		require.Equal(t, "A compressed file that is no tar archive is not opened here.", skipped(t, upload(t, "a.gz", "application/gzip", gzipOf(t, content))))
	}
}

func TestAListThatIsTooLongIsCut(t *testing.T) {
	t.Parallel()
	long := string(bytes.Repeat([]byte("x"), 5000))
	entries := make([]entry, 205)
	for i := range entries {
		entries[i].name = fmt.Sprint(i, long)
	}
	require.Equal(t, []string{listed, "The text is cut after 1,000,000 characters."}, read(t, upload(t, "a.zip", "application/zip", zipOf(t, entries...))).Notes)
	require.Equal(t, []string{listed, "The text is cut after 1,000,000 characters."}, read(t, upload(t, "a.tar", "application/x-tar", tarOf(t, entries...))).Notes)
}

func TestAnArchiveWithTooManyEntriesIsNotListed(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	name := string(bytes.Repeat([]byte("x"), 60_000))
	for i := range 150 {
		_, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i, name)})
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.Equal(t, "The archive has more entries than can be read here.", skipped(t, upload(t, "a.zip", "application/zip", b.Bytes())))
}
