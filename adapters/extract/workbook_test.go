package extract_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"ticketd/adapters/extract"
)

// workbookOf answers a workbook with two sheets and a chart.
func workbookOf(t *testing.T) []byte {
	t.Helper()
	f := excelize.NewFile()
	require.NoError(t, f.SetSheetName("Sheet1", "Floors"))
	require.NoError(t, f.SetSheetRow("Floors", "A1", &[]any{"Floor", "Remark", nil, "Pages"}))
	require.NoError(t, f.SetSheetRow("Floors", "B3", &[]any{sentence, "two\nlines", 12.5}))
	day, err := f.NewStyle(&excelize.Style{NumFmt: 14})
	require.NoError(t, err)
	require.NoError(t, f.SetCellValue("Floors", "A4", time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)))
	require.NoError(t, f.SetCellStyle("Floors", "A4", "A4", day))
	_, err = f.NewSheet("Empty")
	require.NoError(t, err)
	require.NoError(t, f.AddChartSheet("Chart", &excelize.Chart{Type: excelize.Col, Series: []excelize.ChartSeries{{Values: "Floors!$D$1:$D$3"}}}))
	require.NoError(t, f.SetDocProps(&excelize.DocProperties{Title: "Printers", Creator: "Ada", Created: "2026-01-02T03:04:05Z"}))
	b, err := f.WriteToBuffer()
	require.NoError(t, err)
	return b.Bytes()
}

func TestAWorkbookGivesAPageForEachSheet(t *testing.T) {
	t.Parallel()
	var heard []string
	temporary := t.TempDir()
	reading, err := extract.New(extract.Config{Temporary: temporary}).Read(t.Context(), upload(t, "a.xlsx", xlsx, workbookOf(t)), func(percent int, doing string) {
		heard = append(heard, fmt.Sprint(percent, " ", doing))
	})
	require.NoError(t, err)
	storable(t, reading)
	require.Len(t, reading.Pages, 3)
	require.Equal(t, "Floors", reading.Pages[0].Name)
	require.Equal(t, "Floor\tRemark\t\tPages\n\t"+sentence+"\ttwo lines\t12.5\n02-03-26", reading.Pages[0].Text)
	require.Equal(t, []string{"Empty", "Chart"}, []string{reading.Pages[1].Name, reading.Pages[2].Name})
	require.Equal(t, reading.Pages[0].Text, reading.Text)
	require.Equal(t, "xlsx", reading.Engine)
	require.Equal(t, "Printers", reading.Metadata["title"])
	require.Equal(t, "Ada", reading.Metadata["author"])
	require.Equal(t, "3", reading.Metadata["sheets"])
	require.Equal(t, []string{"0 sheet 1 of 3", "33 sheet 2 of 3", "66 sheet 3 of 3"}, heard)
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
}

// sheetOf answers a workbook with one sheet of such rows.
func sheetOf(t *testing.T, rows string, more ...entry) []byte {
	t.Helper()
	return zipOf(t, append([]entry{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`},
		{"_rels/.rels", relationsHead + relation("r1", "officeDocument", "xl/workbook.xml") + `</Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Long" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", relationsHead + relation("rId1", "worksheet", "worksheets/sheet1.xml") + `</Relationships>`},
		{"xl/worksheets/sheet1.xml", `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>` + rows + `</sheetData></worksheet>`},
	}, more...)...)
}

func TestOfAnEndlessSheetTheFirstRowsAndColumnsAreRead(t *testing.T) {
	t.Parallel()
	rows := `<row r="1"><c r="A1" t="inlineStr"><is><t>first</t></is></c><c r="XFD1"><v>7</v></c></row><row r="1000000"><c r="A1000000"><v>1</v></c></row>`
	reading := read(t, upload(t, "a.xlsx", xlsx, sheetOf(t, rows)))
	require.Equal(t, "first", reading.Text)
	require.Equal(t, []string{"Of the sheet Long only the first 100000 rows were read.", "Of the sheet Long only the first 1000 columns were read."}, reading.Notes)
}

func TestALargeWorkbookIsReadUntilTheTextIsFull(t *testing.T) {
	t.Parallel()
	rows := strings.Repeat(`<row><c t="inlineStr"><is><t>`+sentence+`</t></is></c></row>`, filling)
	reading := read(t, upload(t, "a.xlsx", xlsx, sheetOf(t, rows)))
	require.Equal(t, []string{"The text is cut after 1,000,000 characters."}, reading.Notes)
	require.Greater(t, len(reading.Text), 999_000)
}

func TestAWorkbookWithTooManySheetsIsReadInPart(t *testing.T) {
	t.Parallel()
	f := excelize.NewFile()
	for i := range 500 {
		_, err := f.NewSheet(fmt.Sprint("more", i))
		require.NoError(t, err)
	}
	b, err := f.WriteToBuffer()
	require.NoError(t, err)
	reading := read(t, upload(t, "a.xlsx", xlsx, b.Bytes()))
	require.Len(t, reading.Pages, 500)
	require.Contains(t, reading.Notes, "Only the first 500 of 501 sheets were read.")
}

func TestAWorkbookThatWouldHurtIsNotOpened(t *testing.T) {
	t.Parallel()
	tooLarge := "The document unpacks to more than can be read here."
	require.Equal(t, tooLarge, skipped(t, upload(t, "a.xlsx", xlsx, sheetOf(t, "", entry{"xl/styles.xml", "<a>" + strings.Repeat(" ", 5<<20) + "</a>"}))))
	require.Equal(t, tooLarge, skipped(t, upload(t, "a.xlsx", xlsx, sheetOf(t, `<row><c><v>`+strings.Repeat("7", 2<<20)+`</v></c></row>`))))
	broken(t, upload(t, "a.xlsx", xlsx, sheetOf(t, strings.Repeat("<row>", 600))))
	broken(t, upload(t, "a.xlsx", xlsx, sheetOf(t, "<row>")))
	broken(t, upload(t, "a.xlsx", xlsx, sheetOf(t, "", entry{"xl/sharedStrings.xml", "<sst><si>"})))
	broken(t, upload(t, "a.xlsx", xlsx, sheetOf(t, `<row><c r="nowhere"><v>1</v></c></row>`)))
	broken(t, upload(t, "a.xlsx", xlsx, sheetOf(t, "", entry{"docProps/core.xml", "<a>"})))
}

func TestADiskThatCannotBeWrittenIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	_, err := extract.New(extract.Config{Temporary: nowhere}).Read(t.Context(), upload(t, "a.xlsx", xlsx, workbookOf(t)), quiet)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAWorkbookIsLetGoWhenItsReaderIsCalledOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := extract.New(extract.Config{}).Read(ctx, upload(t, "a.xlsx", xlsx, workbookOf(t)), func(int, string) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
}

func TestTheManyStringsThatCellsShareAreFound(t *testing.T) {
	t.Parallel()
	var shared, rows strings.Builder
	for i := range 25_000 { // more than is held in memory
		fmt.Fprintf(&shared, "<si><t>a remark of somebody, number %d</t></si>", i)
		if i%5000 == 0 {
			fmt.Fprintf(&rows, `<row><c t="s"><v>%d</v></c></row>`, i)
		}
	}
	require.Greater(t, shared.Len(), 1<<20)
	reading := read(t, upload(t, "a.xlsx", xlsx, sheetOf(t, rows.String(), entry{"xl/sharedStrings.xml", `<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` + shared.String() + `</sst>`})))
	require.Equal(t, strings.Join([]string{
		"a remark of somebody, number 0", "a remark of somebody, number 5000", "a remark of somebody, number 10000",
		"a remark of somebody, number 15000", "a remark of somebody, number 20000",
	}, "\n"), reading.Text)
}
