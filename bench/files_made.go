package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// made is a file that was made to be uploaded.
type made struct {
	kind    string
	name    string
	content []byte
}

// The kinds of files that the engines are needed for.
const (
	screenshot = "screenshot"
	memo       = "memo"
)

// report is what somebody says about a minute long.
const report = "Hello. I am calling about the invoice export, which does not work since Monday. " +
	"We start it in the morning, and the progress bar reaches one hundred percent. Then the page shows an empty table. " +
	"There is no file in the download folder, and nobody gets a message. " +
	"We have tried it with two browsers and on three machines, and it is always the same. " +
	"Customers with a few invoices are not affected. Their exports are ready after ten seconds. " +
	"It seems that only large accounts have the problem. One of them has more than five thousand invoices. " +
	"My colleague found a line in the log. It says that the connection was reset by the server. " +
	"That happens thirty seconds after the export was started. " +
	"Please call me back this afternoon, or write to the support address. " +
	"We have to send the numbers to our bank on Friday. Thank you very much, and good bye. "

// rushFiles makes what is uploaded at once, the kinds mixed as they would come. No two are the same.
func (w *filesWorld) rushFiles(ctx context.Context, sizes rushSizes) ([]made, error) {
	kinds := []struct {
		count int
		make  func(n int) (made, error)
	}{
		{sizes.screenshots, dialogShot},
		{sizes.documents, document},
		{sizes.memos, func(n int) (made, error) { return w.voiceMemo(ctx, n) }},
		{sizes.pages, page},
	}
	var files []made
	for n := range sizes.all() {
		for _, kind := range kinds {
			if n >= kind.count {
				continue
			}
			f, err := kind.make(n)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
	}
	return files, nil
}

// document makes a text, a table or a DOCX.
func document(n int) (made, error) {
	text := fmt.Sprintf("Report %d. %s", n, report)
	switch n % 3 {
	case 0:
		return made{"text", fmt.Sprintf("notes%d.txt", n), []byte(text)}, nil
	case 1:
		table := []byte("invoice,customer,amount,status\n")
		for row := range 200 {
			table = fmt.Appendf(table, "INV-%d-%d,Contoso Shipping,%d.50,paid\n", n, row, 100+row)
		}
		return made{"table", fmt.Sprintf("invoices%d.csv", n), table}, nil
	}
	content, err := docx(strings.Split(text, ". "))
	return made{"docx", fmt.Sprintf("report%d.docx", n), content}, err
}

// docx is the least that a word processor opens.
func docx(paragraphs []string) ([]byte, error) {
	const relation = `http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument`
	var body strings.Builder
	for _, text := range paragraphs {
		fmt.Fprintf(&body, `<w:p><w:r><w:t>%s</w:t></w:r></w:p>`, text)
	}
	var b bytes.Buffer
	archive := zip.NewWriter(&b)
	for _, entry := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="` + relation + `" Target="word/document.xml"/></Relationships>`},
		{"word/document.xml", `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>` + body.String() + `</w:body></w:document>`},
	} {
		file, err := archive.Create(entry[0])
		if err != nil {
			return nil, err
		}
		if _, err := file.Write([]byte(entry[1])); err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return b.Bytes(), err
}

// page makes a web page or a PDF.
func page(n int) (made, error) {
	if n%2 == 0 {
		html := fmt.Sprintf("<!DOCTYPE html><html><head><title>Report %d</title></head><body><h1>Report %d</h1><p>%s</p></body></html>", n, n, strings.ReplaceAll(report, ". ", ".</p><p>"))
		return made{"html", fmt.Sprintf("report%d.html", n), []byte(html)}, nil
	}
	return made{"pdf", fmt.Sprintf("report%d.pdf", n), pdf(append([]string{fmt.Sprintf("Report %d", n)}, strings.Split(report, ". ")...))}, nil
}

// pdf is one page with lines of text.
func pdf(lines []string) []byte {
	drawn := "BT /F 10 Tf 14 TL 50 780 Td (" + strings.Join(lines, ") Tj T* (") + ") Tj ET"
	b := []byte("%PDF-1.4\n")
	offsets := make([]int, 0, 5)
	for _, object := range []string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[4 0 R]/Count 1>>", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R/Resources<</Font<</F 3 0 R>>>>>>",
		fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(drawn), drawn),
	} {
		offsets = append(offsets, len(b))
		b = fmt.Appendf(b, "%d 0 obj\n%s\nendobj\n", len(offsets), object)
	}
	table := len(b)
	b = fmt.Appendf(b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, offset := range offsets {
		b = fmt.Appendf(b, "%010d 00000 n \n", offset)
	}
	return fmt.Appendf(b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, table)
}

// voiceMemo makes a recording of about five seconds.
func (w *filesWorld) voiceMemo(ctx context.Context, n int) (made, error) {
	name := fmt.Sprintf("memo%d.wav", n)
	path := filepath.Join(w.dir, name)
	if err := speak(ctx, fmt.Sprintf("This is message number %d. The export of the invoices has failed again.", n), path); err != nil {
		return made{}, err
	}
	content, err := os.ReadFile(path)
	return made{memo, name, content}, err
}
