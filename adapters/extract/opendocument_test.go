package extract_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// openDocumentOf answers a document of LibreOffice with such content.
func openDocumentOf(t *testing.T, body string, more ...entry) []byte {
	t.Helper()
	return zipOf(t, append([]entry{
		{"mimetype", "application/vnd.oasis.opendocument"},
		{"META-INF/manifest.xml", `<manifest:manifest><manifest:file-entry full-path="/"/></manifest:manifest>`},
		{"meta.xml", `<office:meta><dc:title>Printers</dc:title><meta:initial-creator>Ada</meta:initial-creator></office:meta>`},
		{"content.xml", `<office:document-content><office:body>` + body + `</office:body></office:document-content>`},
	}, more...)...)
}

func TestAnOpenTextGivesItsParagraphsAndTables(t *testing.T) {
	t.Parallel()
	body := "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>\n  <text:h>Heading</text:h>\n" +
		`<text:p>The  printer` + "\n" + `<text:span>on</text:span><text:s text:c="2"/>wheels<text:tab/>rolls<text:line-break/>away<office:annotation><text:p>a remark</text:p></office:annotation></text:p>` +
		`<table:table><table:table-row><table:table-cell><text:p>A</text:p><text:p>B</text:p></table:table-cell><table:table-cell/><table:table-cell><text:p>C</text:p>` +
		`<table:table><table:table-row><table:table-cell><text:p>inner</text:p></table:table-cell></table:table-row></table:table></table:table-cell></table:table-row></table:table>` +
		`<text:p>` + sentence + `</text:p>`
	reading := read(t, upload(t, "a.odt", odt, openDocumentOf(t, body)))
	require.Equal(t, "Heading\nThe printer on  wheels\trolls\naway\nA B\t\tC inner\n"+sentence, reading.Text)
	require.Equal(t, "odt", reading.Engine)
	require.Equal(t, map[string]string{"title": "Printers", "author": "Ada"}, reading.Metadata)
	require.Empty(t, reading.Pages)
}

func TestAnOpenWorkbookGivesAPageForEachSheet(t *testing.T) {
	t.Parallel()
	body := `<table:table table:name="Floors"><table:table-row><table:table-cell><text:p>` + sentence + `</text:p></table:table-cell><table:table-cell table:number-columns-repeated="2"><text:p>2</text:p></table:table-cell><table:table-cell table:number-columns-repeated="16000"/></table:table-row>` +
		`<table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="2"/><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row>` +
		`<table:table-row table:number-rows-repeated="1048570"><table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>` +
		`<table:table table:name="Empty"/>`
	reading := read(t, upload(t, "a.ods", ods, openDocumentOf(t, body)))
	require.Len(t, reading.Pages, 2)
	require.Equal(t, "Floors", reading.Pages[0].Name)
	require.Equal(t, sentence+"\t2\t2\n\t\tx\n\t\tx", reading.Pages[0].Text)
	require.Equal(t, "Empty", reading.Pages[1].Name)
	require.Equal(t, reading.Pages[0].Text, reading.Text)
}

func TestAnOpenPresentationGivesAPageForEachSlide(t *testing.T) {
	t.Parallel()
	slide := `<draw:page draw:name="page1"><draw:frame><draw:text-box><text:p>` + sentence + `</text:p></draw:text-box></draw:frame><presentation:notes><text:p>Slowly.</text:p></presentation:notes></draw:page>`
	reading := read(t, upload(t, "a.odp", odp, openDocumentOf(t, strings.Repeat(slide, 501))))
	require.Len(t, reading.Pages, 500)
	require.Equal(t, sentence+"\nSlowly.", reading.Pages[499].Text)
	require.Empty(t, reading.Pages[0].Name)
	require.Equal(t, []string{"Only the first 500 pages were read."}, reading.Notes)
}

func TestAnOpenDocumentWithAPasswordSaysSo(t *testing.T) {
	t.Parallel()
	content := zipOf(t, entry{"META-INF/manifest.xml", `<m><file-entry><encryption-data/></file-entry></m>`}, entry{"content.xml", "\x01\x02"})
	require.Equal(t, "The document is protected by a password.", skipped(t, upload(t, "a.odt", odt, content)))
}

func TestACellThatIsRepeatedForEverFillsNoMoreThanThereIsRoomFor(t *testing.T) {
	t.Parallel()
	body := `<table:table><table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="1000000"><text:p>` + sentence + `</text:p></table:table-cell></table:table-row></table:table>`
	reading := read(t, upload(t, "a.ods", ods, openDocumentOf(t, strings.Repeat(body, 30))))
	require.Contains(t, reading.Notes, "The text is cut after 1,000,000 characters.")
}
