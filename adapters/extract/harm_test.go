package extract_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/extract"
	"ticketd/commands"
	"ticketd/domain/file"
)

const unpacks = "The document unpacks to more than can be read here."

// bombOf answers a document one part of which unpacks to so many spaces, between two texts.
func bombOf(t *testing.T, name, before, after string, size int64) []byte {
	t.Helper()
	var packed bytes.Buffer
	deflate, err := flate.NewWriter(&packed, flate.DefaultCompression)
	require.NoError(t, err)
	sum := crc32.NewIEEE()
	both := io.MultiWriter(deflate, sum)
	_, err = io.WriteString(both, before)
	require.NoError(t, err)
	require.NoError(t, deflate.Flush())
	// What is packed after a flush knows nothing of what was before it, so the same bytes may follow each other.
	deflate.Reset(&packed)
	spaces, start, unpacked := bytes.Repeat([]byte("<w:p> </w:p>          "), 1<<16), packed.Len(), int64(len(before)+len(after))
	_, err = both.Write(spaces)
	require.NoError(t, err)
	require.NoError(t, deflate.Flush())
	again := bytes.Clone(packed.Bytes()[start:])
	for unpacked += int64(len(spaces)); unpacked < size; unpacked += int64(len(spaces)) {
		packed.Write(again)
		sum.Write(spaces)
	}
	_, err = io.WriteString(both, after)
	require.NoError(t, err)
	require.NoError(t, deflate.Close())
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CRC32: sum.Sum32(), CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(unpacked)})
	require.NoError(t, err)
	_, err = w.Write(packed.Bytes())
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestADocumentThatUnpacksToTooMuchIsNotRead(t *testing.T) {
	t.Parallel()
	bomb := bombOf(t, "word/document.xml", `<w:document>`, `</w:document>`, 65<<20)
	require.Less(t, len(bomb), 2<<20)
	require.Equal(t, unpacks, skipped(t, upload(t, "a.docx", docx, bomb)))
	require.Equal(t, unpacks, skipped(t, upload(t, "a.xlsx", xlsx, bombOf(t, "xl/workbook.xml", `<a>`, `</a>`, 5<<20))))
}

func TestADocumentThatLiesAboutItsSizeIsDamaged(t *testing.T) {
	t.Parallel()
	content := bombOf(t, "word/document.xml", `<w:document>`, `</w:document>`, 1<<20)
	at := bytes.LastIndex(content, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(content[at+24:], 1000) // the size that the list of entries says
	broken(t, upload(t, "a.docx", docx, content))
}

func TestAPieceOfTextOrADepthThatWouldHurtAParserIsNotRead(t *testing.T) {
	t.Parallel()
	long := `<a b="` + strings.Repeat("x", 2<<20) + `"/>` // other pieces: see TestEveryPieceOfXMLHasItsLimit
	require.Equal(t, unpacks, skipped(t, upload(t, "a.docx", docx, zipOf(t, entry{"word/document.xml", long}))))
	nested := func(deep int) entry {
		return entry{"word/document.xml", strings.Repeat("<a>", deep) + "<t>" + sentence + "</t>" + strings.Repeat("</a>", deep)}
	}
	require.Equal(t, sentence, read(t, upload(t, "a.docx", docx, zipOf(t, nested(499)))).Text)
	broken(t, upload(t, "a.docx", docx, zipOf(t, nested(500))))
	shallow := `<a>` + strings.Repeat(`<b c="/>" d='>"'/><!-- > <x> --><![CDATA[<y>]]><?z <a> ?>`, 1000) + `<t>` + sentence + `</t></a>`
	require.Equal(t, sentence, read(t, upload(t, "a.docx", docx, zipOf(t, entry{"word/document.xml", shallow}))).Text)
}

func TestNoEntityIsExpandedAndNothingIsFetched(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer server.Close()
	outside := "http://" + server.Addr().String() + "/x.dtd"
	lol := `<!DOCTYPE a [<!ENTITY l "lollollol"><!ENTITY m "&l;&l;&l;&l;">]><w:document>` + paragraph("&m;") + `</w:document>`
	broken(t, upload(t, "a.docx", docx, zipOf(t, entry{"word/document.xml", lol})))
	broken(t, upload(t, "a.docx", docx, zipOf(t, entry{"word/document.xml", `<!DOCTYPE a SYSTEM "` + outside + `"><w:document>` + paragraph("&m;") + `</w:document>`})))
	external := `<!DOCTYPE a SYSTEM "` + outside + `"><w:document>` + paragraph(sentence) + `</w:document>`
	require.Equal(t, sentence, read(t, upload(t, "a.docx", docx, zipOf(t, entry{"word/document.xml", external}))).Text)
	require.Equal(t, sentence, read(t, upload(t, "a.odt", odt, zipOf(t, entry{"content.xml", strings.ReplaceAll(external, "w:", "")}, entry{"META-INF/manifest.xml", `<a/>`}))).Text)
	require.NoError(t, server.(*net.TCPListener).SetDeadline(time.Now()))
	_, err = server.Accept()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestEveryReaderIsLetGoWhenItIsCalledOff(t *testing.T) {
	t.Parallel()
	for kind, content := range map[string][]byte{
		docx: wordOf(t, paragraph(sentence)), pptx: presentationOf(t, 3), xlsx: workbookOf(t), odt: openDocumentOf(t, sentence),
		"text/plain": []byte(sentence), "text/html": []byte(sentence), "text/csv": []byte(sentence), "message/rfc822": []byte(mailHead),
		"text/rtf": []byte(`{\rtf1}`), "application/x-tar": tarOf(t), "application/gzip": gzipOf(t, tarOf(t)), "application/msword": []byte("x"),
		"image/svg+xml": []byte("<svg/>"),
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ctx := &weary{Context: t.Context()}
			_, err := extract.New(extract.Config{}).Read(ctx, upload(t, "a", kind, content), quiet)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

// weary is a context that is called off once it was asked.
type weary struct {
	context.Context

	asked bool
}

// Err implements context.Context.
func (w *weary) Err() error {
	if w.asked {
		return context.Canceled
	}
	w.asked = true
	return nil
}

func TestADocumentThatTakesTooLongIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	_, err := extract.New(extract.Config{Limit: time.Nanosecond}).Read(t.Context(), upload(t, "a.txt", "text/plain", []byte(sentence)), quiet)
	require.EqualError(t, err, "a document of type text/plain was not read within 1ns")
}

func TestAFileThatIsGoneIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{docx, pptx, xlsx, odt, "text/plain", "text/html", "text/csv", "message/rfc822", "text/rtf", "application/zip", "application/x-tar", "application/gzip", "application/msword", "image/svg+xml"} {
		_, err := extract.New(extract.Config{}).Read(t.Context(), commands.Source{Path: t.TempDir() + "/gone", MIMEType: kind}, quiet)
		require.ErrorIs(t, err, os.ErrNotExist, kind)
	}
}

func TestAParserThatPanicsTakesNothingWithIt(t *testing.T) {
	t.Parallel()
	_, err := extract.New(extract.Config{}).Read(t.Context(), upload(t, "a.pptx", pptx, presentationOf(t, 1)), func(int, string) { panic("parser") })
	require.ErrorAs(t, err, new(*file.BrokenError))
}
