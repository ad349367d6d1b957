package filetype_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"ticketd/internal/child"
)

func picture() image.Image {
	img := image.NewPaletted(image.Rect(0, 0, 64, 48), color.Palette{color.White, color.Black})
	for i := range 48 {
		img.SetColorIndex(i, i, 1)
	}
	return img
}

func pngFile(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	require.NoError(tb, png.Encode(&b, picture()))
	return b.Bytes()
}

func jpegFile(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	require.NoError(tb, jpeg.Encode(&b, picture(), nil))
	return b.Bytes()
}

func gifFile(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	require.NoError(tb, gif.Encode(&b, picture(), nil))
	return b.Bytes()
}

// pdfFile is a document of one empty page. page is what its page stream holds.
func pdfFile(page string) []byte {
	return []byte("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + strings.Repeat("% a comment that fills the space before the first object\n", 20) +
		"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n" +
		"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj\n" +
		fmt.Sprintf("4 0 obj<</Length %d>>stream\n%s\nendstream endobj\n", len(page), page) +
		"trailer<</Root 1 0 R>>\n%%EOF\n")
}

// recording asks ffmpeg for a second of sound, or of picture and sound.
func recording(tb testing.TB, name string, args ...string) []byte {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	args = append(append([]string{
		"-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=duration=1", "-f", "lavfi", "-i", "color=duration=1:size=64x48:rate=5",
	}, args...), path)
	require.NoError(tb, child.Run(tb.Context(), child.Command{
		Name: "ffmpeg", Args: args, Limits: child.Limits{Time: time.Minute, CPU: time.Minute, Memory: 4 << 30},
	}))
	content, err := os.ReadFile(path)
	require.NoError(tb, err)
	return content
}

// packed makes a zip archive of names and contents, in turn.
func packed(tb testing.TB, files ...string) []byte {
	tb.Helper()
	return archived(tb, zip.Deflate, files...)
}

// stored is packed without packing.
func stored(tb testing.TB, files ...string) []byte {
	tb.Helper()
	return archived(tb, zip.Store, files...)
}

func archived(tb testing.TB, method uint16, files ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: files[i], Method: method})
		require.NoError(tb, err)
		_, err = entry.Write([]byte(files[i+1]))
		require.NoError(tb, err)
	}
	require.NoError(tb, w.Close())
	return b.Bytes()
}

// declaring is an archive of one file whose directory says what the header says, true or not.
func declaring(tb testing.TB, headers ...zip.FileHeader) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range headers {
		entry, err := w.CreateRaw(&headers[i])
		require.NoError(tb, err)
		_, err = entry.Write(make([]byte, headers[i].CompressedSize64))
		require.NoError(tb, err)
	}
	require.NoError(tb, w.Close())
	return b.Bytes()
}

func docxFile(tb testing.TB, more ...string) []byte {
	tb.Helper()
	return packed(tb, append([]string{
		"[Content_Types].xml", "<Types/>", "_rels/.rels", "<Relationships/>", "word/document.xml", "<w:document/>",
	}, more...)...)
}

func pptxFile(tb testing.TB, more ...string) []byte {
	tb.Helper()
	return packed(tb, append([]string{"[Content_Types].xml", "<Types/>", "ppt/presentation.xml", "<p:presentation/>"}, more...)...)
}

func xlsxFile(tb testing.TB) []byte {
	tb.Helper()
	book := excelize.NewFile()
	require.NoError(tb, book.SetCellValue("Sheet1", "A1", "hello"))
	b, err := book.WriteToBuffer()
	require.NoError(tb, err)
	require.NoError(tb, book.Close())
	return b.Bytes()
}

func odtFile(tb testing.TB, more ...string) []byte {
	tb.Helper()
	return stored(tb, append([]string{"mimetype", "application/vnd.oasis.opendocument.text", "content.xml", "<office/>", "META-INF/manifest.xml", "<m/>"}, more...)...)
}

func tarFile(tb testing.TB, name string, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(tb, w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content))}))
	_, err := w.Write(content)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.Bytes()
}

func gzipFile(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(content)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.Bytes()
}

// oleFile is the file system of an old Office file: a header, some sectors of content, and a directory of the names behind
// them. The root is of the class.
func oleFile(class string, content []byte, names ...string) []byte {
	const sector = 512
	var header [sector]byte
	copy(header[:], "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	header[24], header[26], header[28], header[29], header[30], header[32] = 0x3e, 3, 0xfe, 0xff, 9, 6
	sectors := (len(content) + sector - 1) / sector
	binary.LittleEndian.PutUint32(header[48:], uint32(sectors)) // of the directory
	file := append(header[:], content...)
	file = append(file, make([]byte, sectors*sector-len(content))...)
	file = append(file, oleEntry("Root Entry", 5, class)...)
	for _, name := range names {
		file = append(file, oleEntry(name, 2, "")...)
	}
	for len(file)%sector != 0 {
		file = append(file, 0)
	}
	return file
}

func oleEntry(name string, kind byte, class string) []byte {
	e := make([]byte, 128)
	units := utf16.Encode([]rune(name))
	for i, u := range units {
		binary.LittleEndian.PutUint16(e[2*i:], u)
	}
	binary.LittleEndian.PutUint16(e[64:], uint16(2*len(units)+2))
	e[66] = kind
	copy(e[80:], class)
	return e
}

func filler(size int) []byte { return bytes.Repeat([]byte{0, 1, 2, 3, 250}, size/5+1)[:size] }
