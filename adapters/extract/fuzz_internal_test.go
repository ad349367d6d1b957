package extract

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
)

// survives requires that a parser, without the net below it, comes to an end with any bytes, and answers what can be kept.
func survives(t *testing.T, parse parser, content []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "upload")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	reading, err := parse(t.Context(), commands.Source{Path: path, Size: int64(len(content))}, func(int, string) {})
	if err != nil {
		require.Zero(t, reading)
		return
	}
	keepable(t, reading)
}

func keepable(t *testing.T, reading file.Reading) {
	t.Helper()
	require.True(t, domain.Storable(reading.Text))
	for _, page := range reading.Pages {
		require.True(t, domain.Storable(page.Text+page.Name))
	}
	for _, value := range reading.Metadata {
		require.True(t, domain.Storable(value))
	}
}

// packed answers a document whose part has such content.
func packed(t *testing.T, name, content string, more ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, all := 0, append([]string{name, content}, more...); i < len(all); i += 2 {
		w, err := z.Create(all[i])
		require.NoError(t, err)
		_, err = io.WriteString(w, all[i+1])
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func FuzzWord(f *testing.F) {
	f.Add(`<w:document><w:p><w:r><w:t>a</w:t><w:tab/><w:br/></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl></w:document>`, `<Relationships><Relationship Id="a" Type="x/header" Target="../../word/document.xml"/></Relationships>`)
	f.Add(`<!DOCTYPE a><a/></a></tc></t></tr>`, `<`)
	f.Fuzz(func(t *testing.T, document, relations string) {
		survives(t, word, packed(t, "word/document.xml", document, "word/_rels/document.xml.rels", relations, "docProps/core.xml", document))
	})
}

func FuzzSlides(f *testing.F) {
	f.Add(`<p><sldId r:id="a"/></p>`, `<Relationships><Relationship Id="a" Type="x/slide" Target="s.xml"/></Relationships>`, `<a><p><t>x</t></p></a>`)
	f.Fuzz(func(t *testing.T, presentation, relations, slide string) {
		survives(t, slides, packed(t, "ppt/presentation.xml", presentation, "ppt/_rels/presentation.xml.rels", relations, "ppt/s.xml", slide, "ppt/_rels/s.xml.rels", relations))
	})
}

func FuzzOpenDocument(f *testing.F) {
	f.Add(`<a><table name="x"><table-row number-rows-repeated="3"><table-cell number-columns-repeated="2"><p>x<s c="3"/></p></table-cell></table-row></table><page><p>y</p></page></a>`)
	f.Add(`</table-row></table-cell></p></table><table-cell><table-row></table-cell></table-row><table-row><p>a</table-cell>`)
	f.Fuzz(func(t *testing.T, content string) {
		for _, kind := range []string{"odt", "ods", "odp"} {
			survives(t, openDocument(kind), packed(t, "content.xml", content))
		}
	})
}

func FuzzBytes(f *testing.F) {
	for _, seed := range []string{
		`<html><title>a</title><div hidden><div></div></div><pre>x</pre><td>y<script/>`, `<svg><text><tspan>x</tspan></text><title/></svg>`,
		"From: a\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>a\r\n--x--",
		"From: =?utf-8?b?YQ==?=\nContent-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64\n\nYWFh",
		`{\rtf1\ansi\ansicpg1251{\info{\title x}}\u-10180?\u-8277?\'e4{\*\x y}\bin3 abc\par}`, "a,b\n\"c\nd\",e", "\xff\xfea\x00", "\xfe\xff\x00a", "\xef\xbb\xbfx", "a\x00", "Gr\xfc\xdfe", "PK\x03\x04", "\x1f\x8b\x08",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, parse := range []parser{page, drawing, mail(mailMost), rich, plain, table(','), table('\t'), zipped, tarred, gzipped, container("a", "b"), word, openDocument("ods")} {
			survives(t, parse, content)
		}
	})
}

// FuzzGuard proves that the guard knows how deep elements are nested as well as the parser does, whatever hides tags.
func FuzzGuard(f *testing.F) {
	f.Add(`<a b="/>" c='>'><!-- <x> --><![CDATA[<y>]]><?z <a> ?></a>`)
	f.Add(`<!DOCTYPE a "<>"><a><b/></a>`)
	f.Add(`<a><!--></a><b>--></b>`)
	f.Add(`<!DOCTYPE a "x"><a><b c="/>"><d e='/>'>`)
	f.Fuzz(func(t *testing.T, document string) {
		g := &guard{from: bytes.NewReader([]byte(document)), most: tokenMost}
		var nested depths
		if err := visit(g, &nested, always); err == nil || errors.Is(err, errOpen) {
			require.Equal(t, int(nested), g.depth)
		}
	})
}

// depths hears how deep elements are nested.
type depths int

func (d *depths) enter(string, attributes) bool { *d++; return true }
func (*depths) text(string)                     {}
func (d *depths) leave(string)                  { *d-- }

func TestAnArchiveThatNeverEndsIsListedUpToItsLimit(t *testing.T) {
	t.Parallel()
	header := make([]byte, 1024) // and a block of content
	copy(header, "a.txt")
	copy(header[100:], "0000600\x00")
	copy(header[124:], "00000000012\x00")
	copy(header[257:], "ustar\x0000")
	header[156] = '0'
	sum := 8 * int(' ')
	for _, b := range header[:512] {
		sum += int(b)
	}
	copy(header[148:], []byte{byte('0' + sum>>15&7), byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
	reading, err := compressed(&endless{entry: header}, 10_000)
	require.NoError(t, err)
	require.Contains(t, reading.Notes, noteEarly)
	require.Contains(t, reading.Text, "10\ta.txt")
}

// endless is the same entry of a tar file again and again.
type endless struct {
	entry []byte
	at    int
}

// Read implements io.Reader.
func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.entry[e.at:])
	e.at = (e.at + n) % len(e.entry)
	return n, nil
}
