package extract_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// attachment is a part of a mail that is no text, of so many bytes.
func attachment(name string, size int) string {
	content := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", size)))
	var lines strings.Builder
	for len(content) > 76 {
		lines.WriteString(content[:76] + "\r\n")
		content = content[76:]
	}
	return "--outer\r\nContent-Type: application/pdf; name=\"" + name + "\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"" + name + "\"\r\n\r\n" + lines.String() + content + "\r\n"
}

const mailHead = "From: =?utf-8?q?Ada_L=C3=B6velace?= <ada@example.com>\r\nTo: bob@example.com,\r\n eve@example.com\r\nSubject: The printer\r\nDate: Mon, 02 Feb 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"

func TestAMailGivesItsHeadersItsTextAndTheNamesOfWhatIsAttached(t *testing.T) {
	t.Parallel()
	source := mailHead + "Content-Type: multipart/mixed; boundary=outer\r\n\r\n" +
		"--outer\r\nContent-Type: multipart/alternative; boundary=\"inner\"\r\n\r\n" +
		"--inner\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.Replace(sentence, " every", "=\r\n every", 1) + "\r\n-- \r\nAd=E4\r\n" +
		"--inner\r\nContent-Type: text/html\r\n\r\n<p>with tags</p>\r\n--inner--\r\n" +
		attachment("invoice.pdf", 5<<20) + attachment("report.pdf", 100) +
		"--outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: inside\r\n\r\nnot opened\r\n--outer--\r\n"
	reading := read(t, upload(t, "a.eml", "message/rfc822", []byte(source)))
	require.Equal(t, "From: Ada Lövelace <ada@example.com>\nTo: bob@example.com, eve@example.com\nSubject: The printer\nDate: Mon, 02 Feb 2026 10:00:00 +0000\n\n"+
		sentence+"\n--\nAdä\n\nAttached: invoice.pdf, report.pdf, a mail", reading.Text)
	require.Equal(t, "eml", reading.Engine)
	require.Equal(t, "The printer", reading.Metadata["subject"])
	require.Equal(t, "Ada Lövelace <ada@example.com>", reading.Metadata["from"])
	require.Equal(t, []string{"What is attached to the mail was not opened."}, reading.Notes)
}

func TestAMailOfTagsGivesWhatItShows(t *testing.T) {
	t.Parallel()
	source := mailHead + "Content-Type: text/html; charset=utf-8\r\n\r\n<html><style>a{}</style><p>The printer on the third <b>floor</b> prints every page twice.</p><div>Bye</div>"
	reading := read(t, upload(t, "a.eml", "text/plain", []byte(source)))
	require.True(t, strings.HasSuffix(reading.Text, "\n\n"+sentence+"\n\nBye"), reading.Text)
	require.Empty(t, reading.Notes)
}

func TestAMailThatIsNoneIsDamaged(t *testing.T) {
	t.Parallel()
	broken(t, upload(t, "a.eml", "message/rfc822", nil))
	nested := mailHead
	for range 150 {
		nested += "Content-Type: multipart/mixed; Boundary*0=a\r\n\r\n--a\r\n"
	}
	broken(t, upload(t, "a.eml", "message/rfc822", []byte(nested)))
}

func TestALongMailIsCut(t *testing.T) {
	t.Parallel()
	source := mailHead + "Content-Type: text/html\r\n\r\n" + strings.Repeat("<p>"+sentence+"</p>\r\n", filling)
	reading := read(t, upload(t, "a.eml", "message/rfc822", []byte(source)))
	require.Equal(t, []string{"The text is cut after 1,000,000 characters."}, reading.Notes)
}
