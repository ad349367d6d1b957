package extract_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
)

func utf16Of(text string, big bool) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		if big {
			b = append(b, byte(unit>>8), byte(unit))
		} else {
			b = append(b, byte(unit), byte(unit>>8))
		}
	}
	return b
}

func TestTextIsReadInTheEncodingItHas(t *testing.T) {
	t.Parallel()
	const text = "Grüße aus Köln, 5 € 🎫"
	for name, c := range map[string]struct {
		content  []byte
		want     string
		encoding string
	}{
		"utf-8":        {[]byte(text), text, "utf-8"},
		"with a mark":  {[]byte("\ufeff" + text), text, "utf-8"},
		"utf-16le":     {utf16Of(text, false), text, "utf-16le"},
		"utf-16be":     {utf16Of(text, true), text, "utf-16be"},
		"windows-1252": {[]byte("Gr\xfc\xdfe, 5 \x80"), "Grüße, 5 €", "windows-1252"},
		"empty":        {nil, "", "utf-8"},
		"cut":          {[]byte("Gr\xc3\xbc\xc3"), "GrÃ¼Ã", "windows-1252"},
		"long":         {[]byte(strings.Repeat("ü", 700_000)), strings.Repeat("ü", 700_000), "utf-8"},
		"late":         {[]byte(strings.Repeat("x", 900_000) + strings.Repeat("y", 150_000) + "\xff"), strings.Repeat("x", 900_000) + strings.Repeat("y", 100_000), "utf-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reading := read(t, upload(t, "a.txt", "text/plain; charset=utf-8", c.content))
			require.Equal(t, c.want, reading.Text)
			require.Equal(t, c.encoding, reading.Metadata["encoding"])
			require.Equal(t, "text", reading.Engine)
		})
	}
}

func TestEveryKindOfTextIsReadAsItIs(t *testing.T) {
	t.Parallel()
	code := "func main() {\n\n\n\tprintln(\"" + sentence + "\")  \n}\n"
	for _, kind := range []string{"text/plain", "text/x-go", "application/json", "application/geo+json", "text/xml", "application/rss+xml", "application/yaml", "TEXT/X-PYTHON", "application/x-ndjson"} {
		require.Equal(t, code, read(t, upload(t, "a.go", kind, []byte(code))).Text, kind)
	}
	require.Equal(t, "a\nb\nc\n", read(t, upload(t, "a.log", "text/plain", []byte("a\r\nb\rc\r\n\x1b"))).Text)
	end := strings.Repeat("x", 64<<10-1) + "\r\ny"
	require.Equal(t, strings.ReplaceAll(end, "\r", ""), read(t, upload(t, "a.log", "text/plain", []byte(end))).Text)
}

func TestALongTextIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	reading := read(t, upload(t, "a.txt", "text/plain", []byte(strings.Repeat("日本語", 400_000))))
	require.Equal(t, strings.Repeat("日本語", 333_333)+"日", reading.Text)
	require.Equal(t, []string{"The text is cut after 1,000,000 characters."}, reading.Notes)
	require.Empty(t, read(t, upload(t, "a.txt", "text/plain", []byte(strings.Repeat("x", 1_000_000)))).Notes)
}

func TestBytesThatAreNoTextAreNotRead(t *testing.T) {
	t.Parallel()
	const want = "The file holds bytes that are no text."
	require.Equal(t, want, skipped(t, upload(t, "a.txt", "text/plain", []byte("abc\x00def"))))
	require.Equal(t, want, skipped(t, upload(t, "a.html", "text/html", []byte("<p>\x00"))))
	late := strings.Repeat("x", 1<<20) + "\x00"
	require.Equal(t, want, skipped(t, upload(t, "a.csv", "text/csv", []byte(late))))
	require.Equal(t, "The text of a file of type unknown cannot be read here.", skipped(t, upload(t, "a.bin", "application/octet-stream", []byte("\x00"))))
	require.Equal(t, "The text of a file of type application/vnd.rar cannot be read here.", skipped(t, upload(t, "a.rar", "application/vnd.rar", nil)))
}

func TestATableIsReadWithItsRowsAndColumnsCounted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		upload        commands.Source
		rows, columns string
	}{
		"commas":      {upload(t, "a.csv", "text/csv", []byte("floor,remark\n3,\""+sentence+"\n, really\"\n\n4,\"a \"\"b\"\"\",c")), "3", "3"},
		"semicolons":  {upload(t, "a.csv", "text/csv", []byte("a;b;c\r\n1,5;"+sentence+";3\r\n")), "2", "3"},
		"tabs":        {upload(t, "a.tsv", "text/tab-separated-values", []byte("a\tb\n"+sentence+"\t2\n")), "2", "2"},
		"by its name": {upload(t, "A.CSV", "text/plain", []byte(sentence)), "1", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reading := read(t, c.upload)
			require.Contains(t, reading.Text, sentence)
			require.Equal(t, "csv", reading.Engine)
			require.Equal(t, c.rows, reading.Metadata["rows"])
			require.Equal(t, c.columns, reading.Metadata["columns"])
		})
	}
}

func TestTheRowsOfALongTableAreCountedToItsEnd(t *testing.T) {
	t.Parallel()
	reading := read(t, upload(t, "a.csv", "text/csv", []byte(strings.Repeat("one,two\n", 300_000)+strings.Repeat(",", 5))))
	require.Equal(t, "300001", reading.Metadata["rows"])
	require.Equal(t, "6", reading.Metadata["columns"])
	require.Len(t, reading.Notes, 1)
}
