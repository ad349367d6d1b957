package extract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/extract"
)

const (
	relationsHead = `<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`
	relationType  = `http://schemas.openxmlformats.org/officeDocument/2006/relationships/`
	core          = `<?xml version="1.0"?><cp:coreProperties xmlns:cp="c" xmlns:dc="d" xmlns:dcterms="t"><dc:title>Printers</dc:title><dc:creator>Ada Lovelace</dc:creator><dcterms:created>2026-01-02T03:04:05Z</dcterms:created></cp:coreProperties>`
)

func relation(id, kind, target string) string {
	return fmt.Sprintf(`<Relationship Id="%s" Type="%s%s" Target="%s"/>`, id, relationType, kind, target)
}

// wordOf answers a Word document with such a body.
func wordOf(t *testing.T, body string, more ...entry) []byte {
	t.Helper()
	return zipOf(t, append([]entry{
		{"[Content_Types].xml", `<Types/>`},
		{"_rels/.rels", relationsHead + relation("r1", "officeDocument", "word/document.xml") + `</Relationships>`},
		{"docProps/core.xml", core},
		{"word/document.xml", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document xmlns:w="w"><w:body>` + body + `</w:body></w:document>`},
	}, more...)...)
}

func paragraph(text string) string { return `<w:p><w:r><w:t>` + text + `</w:t></w:r></w:p>` }

func TestAWordDocumentGivesItsParagraphsTablesAndMarginsInOrder(t *testing.T) {
	t.Parallel()
	body := paragraph(sentence) +
		`<w:p><w:pPr><w:tabs><w:tab w:val="left" w:pos="720"/></w:tabs></w:pPr><w:r><w:t xml:space="preserve">Two </w:t></w:r><w:r><w:t>runs</w:t><w:tab/><w:t>and a&amp;b</w:t><w:br/><w:t>new</w:t><w:noBreakHyphen/><w:t>line</w:t></w:r></w:p>` +
		`<w:tbl><w:tr><w:tc>` + paragraph("Floor") + `</w:tc><w:tc>` + paragraph("Printer") + paragraph("Model") + `</w:tc><w:tc>` + paragraph("") + `</w:tc></w:tr>` +
		`<w:tr><w:tc>` + paragraph("") + `</w:tc><w:tc>` + paragraph("HP") + `</w:tc></w:tr></w:tbl>` +
		`<w:p><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>` +
		`<mc:AlternateContent><mc:Choice>` + paragraph("in a box") + `</mc:Choice><mc:Fallback>` + paragraph("in a box") + `</mc:Fallback></mc:AlternateContent>` +
		paragraph("The end.")
	content := wordOf(t, body,
		entry{"word/_rels/document.xml.rels", relationsHead + relation("a", "header", "header1.xml") + relation("b", "header", "/word/header2.xml") + relation("c", "footer", "footer1.xml") + relation("d", "footnotes", "footnotes.xml") +
			`<Relationship Id="e" Type="x/header" TargetMode="External" Target="http://127.0.0.1:1/"/></Relationships>`},
		entry{"word/header1.xml", `<w:hdr>` + paragraph("Acme Inc") + `</w:hdr>`},
		entry{"word/header2.xml", `<w:hdr>` + paragraph("Acme Inc") + `</w:hdr>`},
		entry{"word/footer1.xml", `<w:ftr>` + paragraph("Confidential") + `</w:ftr>`},
		entry{"word/footnotes.xml", `<w:footnotes>` + paragraph("A footnote.") + `</w:footnotes>`},
	)
	reading := read(t, upload(t, "a.docx", docx, content))
	require.Equal(t, "Acme Inc\n"+sentence+"\nTwo runs\tand a&b\nnew-line\nFloor\tPrinter Model\n\tHP\n\nin a box\nThe end.\nA footnote.\nConfidential", reading.Text)
	require.Equal(t, "docx", reading.Engine)
	require.Nil(t, reading.Confidence)
	require.Empty(t, reading.Notes)
	require.Equal(t, map[string]string{"title": "Printers", "author": "Ada Lovelace", "created": "2026-01-02T03:04:05Z"}, reading.Metadata)
}

func TestAWordDocumentMayHaveItsTextElsewhere(t *testing.T) {
	t.Parallel()
	content := zipOf(t,
		entry{"_rels/.rels", relationsHead + relation("r1", "officeDocument", "/Word/Document2.xml") + `</Relationships>`},
		entry{`word\document2.xml`, `<w:document>` + paragraph(sentence) + `</w:document>`},
	)
	require.Equal(t, sentence, read(t, upload(t, "a.docx", docx, content)).Text)
}

func TestALongWordDocumentIsCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(paragraph(sentence), filling)
	related := entry{"word/_rels/document.xml.rels", relationsHead + relation("a", "header", "h.xml") + `</Relationships>`}
	for _, content := range [][]byte{wordOf(t, long), wordOf(t, paragraph("after"), related, entry{"word/h.xml", `<w:hdr>` + long + `</w:hdr>`})} {
		reading := read(t, upload(t, "a.docx", docx, content))
		require.Equal(t, []string{"The text is cut after 1,000,000 characters."}, reading.Notes)
	}
}

func TestADocumentWithoutTextSaysSo(t *testing.T) {
	t.Parallel()
	reading := read(t, upload(t, "a.docx", docx, wordOf(t, "")))
	require.Empty(t, reading.Text)
	require.Equal(t, []string{"No text was found."}, reading.Notes)
}

func slideText(text string) string {
	return `<p:sld xmlns:a="a"><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>` + text + `</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>`
}

// presentationOf answers a presentation of so many slides, of which the one that is shown first is the last in the file.
func presentationOf(t *testing.T, count int) []byte {
	t.Helper()
	var ids, related strings.Builder
	entries := []entry{{"docProps/core.xml", core}}
	for i := count; i > 0; i-- {
		fmt.Fprintf(&ids, `<p:sldId id="%d" r:id="rId%d"/>`, 255+i, i)
		related.WriteString(relation(fmt.Sprintf("rId%d", i), "slide", fmt.Sprintf("slides/slide%d.xml", i)))
		entries = append(entries, entry{fmt.Sprintf("ppt/slides/slide%d.xml", i), slideText(fmt.Sprintf("Slide %d. ", i) + sentence)})
	}
	return zipOf(t, append(entries,
		entry{"_rels/.rels", relationsHead + relation("r1", "officeDocument", "ppt/presentation.xml") + `</Relationships>`},
		entry{"ppt/presentation.xml", `<p:presentation xmlns:r="r"><p:sldIdLst>` + ids.String() + `<p:sldId id="1" r:id="nowhere"/></p:sldIdLst></p:presentation>`},
		entry{"ppt/_rels/presentation.xml.rels", relationsHead + related.String() + `</Relationships>`},
		entry{"ppt/slides/_rels/slide1.xml.rels", relationsHead + relation("n", "notesSlide", "../notesSlides/notesSlide1.xml") + `</Relationships>`},
		entry{"ppt/notesSlides/notesSlide1.xml", `<p:notes><a:p><a:r><a:t>Say this slowly.</a:t></a:r></a:p><a:p><a:fld type="slidenum"><a:t>7</a:t></a:fld></a:p></p:notes>`},
	)...)
}

func TestAPresentationGivesAPageForEachSlideInTheOrderTheyAreShown(t *testing.T) {
	t.Parallel()
	var heard []string
	reading, err := extract.New(extract.Config{}).Read(t.Context(), upload(t, "a.pptx", pptx, presentationOf(t, 2)), func(percent int, doing string) {
		heard = append(heard, fmt.Sprint(percent, " ", doing))
	})
	require.NoError(t, err)
	require.Len(t, reading.Pages, 2)
	require.Equal(t, 1, reading.Pages[0].Number)
	require.Equal(t, "Slide 2. "+sentence, reading.Pages[0].Text)
	require.Equal(t, "Slide 1. "+sentence+"\nSay this slowly.", reading.Pages[1].Text)
	require.Equal(t, reading.Pages[0].Text+"\n\n"+reading.Pages[1].Text, reading.Text)
	require.Equal(t, "2", reading.Metadata["slides"])
	require.Equal(t, "Printers", reading.Metadata["title"])
	require.Equal(t, []string{"0 slide 1 of 2", "50 slide 2 of 2"}, heard)
}

func TestOfAVeryLongPresentationTheFirstSlidesAreRead(t *testing.T) {
	t.Parallel()
	reading := read(t, upload(t, "a.pptx", pptx, presentationOf(t, 502)))
	require.Len(t, reading.Pages, 500)
	require.Equal(t, []string{"Only the first 500 of 502 slides were read."}, reading.Notes)
}

func TestADamagedOfficeDocumentSaysSo(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]string{"a.docx": docx, "a.pptx": pptx, "a.xlsx": xlsx, "a.odt": odt} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken(t, upload(t, name, kind, []byte("PK\x03\x04 and no more")))
			broken(t, upload(t, name, kind, zipOf(t, entry{"something", "else"})))
			for _, content := range [][]byte{wordOf(t, sentence), presentationOf(t, 3), workbookOf(t), openDocumentOf(t, "")} {
				broken(t, upload(t, name, kind, content[:len(content)/2]))
			}
		})
	}
}

func TestADocumentWhoseXMLEndsTooEarlyIsDamaged(t *testing.T) {
	t.Parallel()
	for _, part := range []string{`<w:document><w:p>`, `<w:document`, `<w:document><w:t>&nbsp</w:t></w:document>`} {
		broken(t, upload(t, "a.docx", docx, zipOf(t, entry{"word/document.xml", part})))
		broken(t, upload(t, "a.pptx", pptx, zipOf(t, entry{"ppt/presentation.xml", part})))
		broken(t, upload(t, "a.odt", odt, zipOf(t, entry{"content.xml", part})))
	}
	rest := `<w:document/>`
	for _, part := range []string{"docProps/core.xml", "_rels/.rels", "word/_rels/document.xml.rels"} {
		broken(t, upload(t, "a.docx", docx, zipOf(t, entry{"word/document.xml", rest}, entry{part, `<a>`})))
	}
	related := entry{"word/_rels/document.xml.rels", relationsHead + relation("a", "header", "h.xml") + relation("b", "footer", "f.xml") + `</Relationships>`}
	for _, part := range []string{"word/h.xml", "word/f.xml"} {
		broken(t, upload(t, "a.docx", docx, zipOf(t, entry{"word/document.xml", rest}, related, entry{part, `<a>`})))
	}
	show := []entry{
		{"ppt/presentation.xml", `<a><sldId r:id="s"/></a>`},
		{"ppt/_rels/presentation.xml.rels", relationsHead + relation("s", "slide", "s.xml") + `</Relationships>`},
		{"ppt/_rels/s.xml.rels", relationsHead + relation("n", "notesSlide", "n.xml") + `</Relationships>`},
	}
	for _, part := range []string{"docProps/core.xml", "ppt/s.xml", "ppt/n.xml"} {
		broken(t, upload(t, "a.pptx", pptx, zipOf(t, append(show, entry{part, `<a>`})...)))
	}
	for _, part := range []string{"ppt/_rels/presentation.xml.rels", "ppt/_rels/s.xml.rels"} {
		entries := []entry{{part, `<a>`}}
		for _, e := range show {
			if e.name != part {
				entries = append(entries, e)
			}
		}
		broken(t, upload(t, "a.pptx", pptx, zipOf(t, entries...)))
	}
	for _, part := range []string{"META-INF/manifest.xml", "meta.xml"} {
		broken(t, upload(t, "a.odt", odt, zipOf(t, entry{"content.xml", rest}, entry{part, `<a>`})))
	}
}

func TestOldOfficeDocumentsAndThoseWithAPasswordSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	ole := "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 70_000)
	for kind, want := range map[string]string{
		"application/msword":            "A Word document (.doc) cannot be read here; saved as DOCX it can.",
		"application/vnd.ms-excel":      "An Excel workbook (.xls) cannot be read here; saved as XLSX it can.",
		"application/vnd.ms-powerpoint": "A PowerPoint presentation (.ppt) cannot be read here; saved as PPTX it can.",
		"application/vnd.ms-outlook":    "An Outlook message (.msg) cannot be read here; saved as EML it can.",
	} {
		require.Equal(t, want, skipped(t, upload(t, "a", kind, []byte(ole))))
	}
	var locked strings.Builder
	for _, c := range "EncryptedPackage" {
		locked.WriteString(string(c) + "\x00")
	}
	for at := 65_500; at < 65_600; at += 9 { // where the file is cut to be read
		content := ole[:at] + locked.String() + ole[at:]
		require.Equal(t, "The document is protected by a password.", skipped(t, upload(t, "a.docx", "application/x-ole-storage", []byte(content))))
	}
}
