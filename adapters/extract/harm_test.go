package extract_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
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
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	require.NoError(t, err)
	_, err = io.WriteString(w, before)
	require.NoError(t, err)
	spaces := bytes.Repeat([]byte("<w:p> </w:p>          "), 1<<16)
	for size > 0 {
		n, err := w.Write(spaces)
		require.NoError(t, err)
		size -= int64(n)
	}
	_, err = io.WriteString(w, after)
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
	long := strings.Repeat("x", 3<<20)
	for _, part := range []string{`<a>` + long + `</a>`, `<a b="` + long + `"/>`, `<a><!--` + long + `--></a>`, `<a><![CDATA[` + long + `]]></a>`, `<?a ` + long + `?><a/>`, `</` + long + `>`} {
		require.Equal(t, unpacks, skipped(t, upload(t, "a.docx", docx, zipOf(t, entry{"word/document.xml", part}))))
	}
	broken(t, upload(t, "a.docx", docx, zipOf(t, entry{"word/document.xml", strings.Repeat("<a>", 1_000_000)})))
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
