package extract_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARichTextGivesItsText(t *testing.T) {
	t.Parallel()
	source := `{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}{\info{\title Printers}{\author Ad\'e4}{\creatim\yr2026}}{\*\generator Riched20;}` + "\r\n" +
		`\pard\b The printer on\b0  the third floor prints every page twice.\par` + "\n" +
		`5 \u8364? and \u-10180?\u-8277? and Gr\'fc\'dfe\emdash\~\_\{x\}\\\line tab\tab here\` + "\n" +
		`{\uc0\u252}{\uc2\u252ab}{\pict\bin5 }}}}}}{\field{\*\fldinst HYPERLINK "x"}{\fldrslt a link}}\par` +
		`{\trowd A\cell B\cell\row C\cell\cell\row}\ansicpg1251 \'c0\ansicpg99999\mac\'8a\page end}` + "ignored"
	reading := read(t, upload(t, "a.rtf", "text/rtf", []byte(source)))
	require.Equal(t, sentence+"\n5 € and 🎫 and Grüße—\u00a0-{x}\\\ntab\there\nüüa link\nA\tB\nC\nАä\nend", reading.Text)
	require.Equal(t, map[string]string{"title": "Printers", "author": "Adä"}, reading.Metadata)
	require.Equal(t, "rtf", reading.Engine)
}

func TestADamagedRichTextSaysSo(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"", `{\rt`, `{\rtf1 a`, `{\rtf1\`, `{\rtf1\par`, `{\rtf1\'e`, `{\rtf1\'zz}`, `{\rtf1\bin99 a}`, `{\rtf1` + strings.Repeat("{", 1001),
	} {
		broken(t, upload(t, "a.rtf", "application/rtf", []byte(source)))
	}
	long := `{\rtf1` + strings.Repeat("x", 1_100_000) + "}"
	require.Len(t, read(t, upload(t, "a.rtf", "text/rtf", []byte(long))).Notes, 1)
}
