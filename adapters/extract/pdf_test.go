package extract_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/extract"
	"ticketd/commands"
	"ticketd/domain/file"
)

// sheet is a page of a PDF that is made here: of text, or a scan.
type sheet struct {
	text    string
	scanned bool
	width   int // points; 0: 595
}

// pdfOf answers a PDF.
func pdfOf(t *testing.T, trailer string, sheets ...sheet) []byte {
	t.Helper()
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", "<</Title(Printers)/Author(Ada)/CreationDate(D:20260102030405Z)>>", scan(t)}
	var kids strings.Builder
	for _, s := range sheets {
		drawn := "BT /F 12 Tf 50 700 Td (" + s.text + ") Tj ET"
		if s.scanned {
			drawn = "q 400 0 0 400 50 200 cm /I Do Q"
		}
		if s.width == 0 {
			s.width = 595
		}
		objects = append(objects,
			fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d 842]/Contents %d 0 R/Resources<</Font<</F 3 0 R>>/XObject<</I 5 0 R>>>>>>", s.width, len(objects)+2),
			fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(drawn), drawn))
		fmt.Fprintf(&kids, "%d 0 R ", len(objects)-1)
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids.String(), len(sheets))
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	offsets := make([]int, len(objects))
	for i, object := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R/Info 4 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, trailer, table)
	return b.Bytes()
}

// scan answers a grey picture, black in its left half, as an object of a PDF.
func scan(t *testing.T) string {
	t.Helper()
	grey := image.NewGray(image.Rect(0, 0, 100, 100))
	for y := range 100 {
		for x := 50; x < 100; x++ {
			grey.SetGray(x, y, color.Gray{Y: 255})
		}
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, grey, nil))
	return fmt.Sprintf("<</Type/XObject/Subtype/Image/Width 100/Height 100/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/DCTDecode/Length %d>>stream\n%s\nendstream", b.Len(), b.String())
}

// seen is a picture of a page as an engine for pictures gets it.
type seen struct {
	size image.Point
	dark float64 // of its dots, from 0 to 1, in the first one
}

// darkness answers how much of a picture is dark.
func darkness(t *testing.T, f io.Reader) float64 {
	t.Helper()
	picture, err := png.Decode(f)
	require.NoError(t, err)
	dark, looked := 0, 0
	for y := 0; y < picture.Bounds().Dy(); y += 5 {
		for x := 0; x < picture.Bounds().Dx(); x += 5 {
			looked++
			if r, _, _, _ := picture.At(x, y).RGBA(); r < 0x8000 {
				dark++
			}
		}
	}
	return float64(dark) / float64(looked)
}

// pictures answers an engine that sees pictures and answers such a text of each.
func pictures(t *testing.T, sights *[]seen, text string) extract.Pictures {
	t.Helper()
	return func(_ context.Context, path string) (file.Reading, error) {
		f, err := os.Open(path)
		if err != nil {
			return file.Reading{}, err
		}
		defer f.Close()
		config, err := png.DecodeConfig(f)
		if err != nil {
			return file.Reading{}, err
		}
		sight := seen{size: image.Pt(config.Width, config.Height)}
		if len(*sights) == 0 { // to decode a picture takes long
			_, err = f.Seek(0, io.SeekStart)
			require.NoError(t, err)
			sight.dark = darkness(t, f)
		}
		*sights = append(*sights, sight)
		return file.Reading{Text: text, Engine: "eye 1.0", Language: "en", Confidence: new(1 / float64(len(*sights)))}, nil
	}
}

const pdf = "application/pdf"

func TestAPDFGivesItsPages(t *testing.T) {
	t.Parallel()
	reading := read(t, upload(t, "a.pdf", pdf, pdfOf(t, "", sheet{text: sentence}, sheet{text: "Page two."})))
	require.Equal(t, []file.Page{{Number: 1, Text: sentence}, {Number: 2, Text: "Page two."}}, reading.Pages)
	require.Equal(t, sentence+"\n\nPage two.", reading.Text)
	require.Regexp(t, `^pdftotext \d+\.\d+`, reading.Engine)
	require.Nil(t, reading.Confidence)
	require.Empty(t, reading.Notes)
	require.Equal(t, map[string]string{"title": "Printers", "author": "Ada", "created": "2026-01-02T03:04:05Z", "pages": "2", "pdf_version": "1.4"}, reading.Metadata)
}

func TestTheScannedPagesOfAPDFAreReadFromTheirPictures(t *testing.T) {
	t.Parallel()
	var sights []seen
	var heard []string
	temporary := t.TempDir()
	r := extract.New(extract.Config{Pictures: pictures(t, &sights, sentence), Temporary: temporary})
	content := pdfOf(t, "", sheet{text: "Page one."}, sheet{scanned: true}, sheet{text: "Page three."}, sheet{scanned: true, width: 10})
	reading, err := r.Read(t.Context(), upload(t, "a.pdf", pdf, content), func(percent int, doing string) { heard = append(heard, fmt.Sprint(percent, " ", doing)) })
	require.NoError(t, err)
	require.Equal(t, "Page one.\n\n"+sentence+"\n\nPage three.\n\n"+sentence, reading.Text)
	require.Equal(t, sentence, reading.Pages[1].Text)
	require.InDelta(t, 0.75, *reading.Confidence, 1e-9)
	require.Equal(t, "en", reading.Language)
	require.Regexp(t, `^pdftotext [\d.]+, eye 1\.0$`, reading.Engine)
	require.Equal(t, []string{"2 of 4 pages are scanned; 2 were read from their pictures."}, reading.Notes)
	require.Equal(t, []string{"0 page 2 of 4", "50 page 4 of 4"}, heard)
	// An A4 page at 200 dots an inch, with half of 400 times 400 points black.
	require.InDelta(t, 1653, sights[0].size.X, 2)
	require.InDelta(t, 2339, sights[0].size.Y, 2)
	require.InDelta(t, 400.*200/(595*842), sights[0].dark, 0.01)
	require.InDelta(t, 28, sights[1].size.X, 2)
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestAPDFWithAPasswordSaysSo(t *testing.T) {
	t.Parallel()
	lock := "/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<" + strings.Repeat("ab", 32) + ">/U<" + strings.Repeat("cd", 32) + ">>>/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]"
	require.Equal(t, "The PDF is protected by a password.", skipped(t, upload(t, "a.pdf", pdf, pdfOf(t, lock, sheet{text: sentence}))))
}

func TestADamagedPDFSaysSo(t *testing.T) {
	t.Parallel()
	broken(t, upload(t, "a.pdf", pdf, []byte("%PDF-1.4\nand no more")))
	broken(t, upload(t, "a.pdf", pdf, nil))
}

func TestOfALongPDFTheFirstPagesAreRead(t *testing.T) {
	t.Parallel()
	var looks atomic.Int32
	sheets := make([]sheet, 503)
	for i := range sheets {
		sheets[i] = sheet{text: fmt.Sprintf("Page %d.", i+1)}
	}
	for i := range 52 {
		sheets[i] = sheet{scanned: true, width: 10}
	}
	r := extract.New(extract.Config{Pictures: func(context.Context, string) (file.Reading, error) {
		looks.Add(1)
		return file.Reading{Text: "scan"}, nil
	}})
	reading, err := r.Read(t.Context(), upload(t, "a.pdf", pdf, pdfOf(t, "", sheets...)), quiet)
	require.NoError(t, err)
	require.Len(t, reading.Pages, 500)
	require.Equal(t, "Page 500.", reading.Pages[499].Text)
	require.EqualValues(t, 50, looks.Load())
	require.Equal(t, "503", reading.Metadata["pages"])
	require.Equal(t, []string{"Only the first 500 of 503 pages were read.", "52 of 500 pages are scanned; 50 were read from their pictures."}, reading.Notes)
}

func TestALongTextOfAPDFIsCut(t *testing.T) {
	t.Parallel()
	sheets := make([]sheet, 500)
	for i := range sheets {
		sheets[i] = sheet{text: strings.Repeat("word ", 450), width: 15_000}
	}
	reading := read(t, upload(t, "a.pdf", pdf, pdfOf(t, "", sheets...)))
	require.Equal(t, []string{"The text is cut after 1,000,000 characters."}, reading.Notes)
	require.Greater(t, len(reading.Text), 990_000)

	endless := script(t, `head -c 5000000 /dev/zero | tr '\0' 'x'`)
	reading, err := extract.New(extract.Config{Programs: extract.Programs{Text: endless}}).Read(t.Context(), upload(t, "a.pdf", pdf, pdfOf(t, "", sheet{text: sentence})), quiet)
	require.NoError(t, err)
	require.Equal(t, []string{"The text is cut after 1,000,000 characters."}, reading.Notes)
	require.Len(t, reading.Text, 1_000_000)
}

func TestWhatAPDFNeedsAndIsNotInstalledIsSaid(t *testing.T) {
	t.Parallel()
	content := pdfOf(t, "", sheet{text: sentence}, sheet{scanned: true, width: 10})
	s, scanned := upload(t, "a.pdf", pdf, content), upload(t, "a.pdf", pdf, pdfOf(t, "", sheet{scanned: true, width: 10}))
	var sights []seen
	for programs, want := range map[extract.Programs]string{
		{Info: "no-such-info"}: "Reading a PDF needs no-such-info, which is not installed here.",
		{Text: "no-such-text"}: "Reading a PDF needs no-such-text, which is not installed here.",
	} {
		_, err := extract.New(extract.Config{Programs: programs}).Read(t.Context(), s, quiet)
		require.ErrorAs(t, err, new(*file.SkippedError))
		require.EqualError(t, err, want)
	}
	for want, c := range map[string]extract.Config{
		"Scanned pages need no-such-draw, which is not installed here.": {Programs: extract.Programs{Draw: "no-such-draw"}, Pictures: pictures(t, &sights, "")},
		"Nothing that reads pictures is set up here.":                   {},
		"OCR needs tesseract, which is not installed here.": {Pictures: func(context.Context, string) (file.Reading, error) {
			return file.Reading{}, &file.SkippedError{Reason: "OCR needs tesseract, which is not installed here."}
		}},
	} {
		reading, err := extract.New(c).Read(t.Context(), s, quiet)
		require.NoError(t, err)
		require.Equal(t, sentence, reading.Text)
		require.Equal(t, []string{"The scanned pages were not read: " + want}, reading.Notes)
		_, err = extract.New(c).Read(t.Context(), scanned, quiet)
		require.ErrorAs(t, err, new(*file.SkippedError))
		require.EqualError(t, err, want)
	}
}

// script answers the path of a program that is such a script.
func script(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+lines+"\n"), 0o700))
	return path
}

func TestAPageThatCannotBeDrawnIsLeftOut(t *testing.T) {
	t.Parallel()
	s := upload(t, "a.pdf", pdf, pdfOf(t, "", sheet{text: sentence}, sheet{scanned: true}))
	var sights []seen
	for _, program := range []string{script(t, "exit 3"), script(t, "exit 0")} {
		reading, err := extract.New(extract.Config{Pictures: pictures(t, &sights, ""), Programs: extract.Programs{Draw: program}}).Read(t.Context(), s, quiet)
		require.NoError(t, err)
		require.Equal(t, []string{"Page 2 was not read: It cannot be drawn."}, reading.Notes)
	}
}

func TestAProgramThatIsKilledIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	s := upload(t, "a.pdf", pdf, pdfOf(t, "", sheet{text: sentence}))
	_, err := extract.New(extract.Config{Programs: extract.Programs{Info: script(t, "kill -9 $$")}}).Read(t.Context(), s, quiet)
	require.Error(t, err)
	require.NotErrorAs(t, err, new(*file.SkippedError))
	require.NotErrorAs(t, err, new(*file.BrokenError))
}

func TestAnEngineForPicturesThatFailsIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	failed := errors.New("out of paper")
	r := extract.New(extract.Config{Pictures: func(context.Context, string) (file.Reading, error) { return file.Reading{}, failed }})
	_, err := r.Read(t.Context(), upload(t, "a.pdf", pdf, pdfOf(t, "", sheet{scanned: true, width: 10})), quiet)
	require.ErrorIs(t, err, failed)
}

func TestAPDFIsLetGoWhenItsReaderIsCalledOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var sights []seen
	r := extract.New(extract.Config{Pictures: pictures(t, &sights, "")})
	_, err := r.Read(ctx, upload(t, "a.pdf", pdf, pdfOf(t, "", sheet{scanned: true})), func(int, string) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	_, err = r.Read(ctx, commands.Source{MIMEType: pdf}, quiet)
	require.ErrorIs(t, err, context.Canceled)
}

func TestAProgramThatHidesItsVersionIsNamedWithoutIt(t *testing.T) {
	t.Parallel()
	quietly := script(t, `[ "$1" = -v ] || exec pdftotext "$@"`)
	reading, err := extract.New(extract.Config{Programs: extract.Programs{Text: quietly}}).Read(t.Context(), upload(t, "a.pdf", pdf, pdfOf(t, "", sheet{text: sentence})), quiet)
	require.NoError(t, err)
	require.Equal(t, "pdftotext", reading.Engine)
}

func TestATemporaryFolderThatIsGoneIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	r := extract.New(extract.Config{Temporary: filepath.Join(t.TempDir(), "nowhere")})
	_, err := r.Read(t.Context(), upload(t, "a.pdf", pdf, pdfOf(t, "", sheet{scanned: true})), quiet)
	require.ErrorIs(t, err, os.ErrNotExist)
}
