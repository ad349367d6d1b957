package extract_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWebPageGivesWhatItShows(t *testing.T) {
	t.Parallel()
	const source = `<!DOCTYPE html>
<html lang="en"><head><title>Printer &amp; floor</title><meta name="Author" content="Ada"><style>p{color:red}</style>
<script>if (a < b) { document.write("<p>scripted</p>") }</script></head>
<body><h1>Help</h1>
<p>The printer on the <b>third</b>
   floor<!-- not this --> prints every page twice.</p><p>Next<br>line<br/>again</p>
<div hidden>secret <div>inner</div> too</div><span style="DISPLAY : none">secret</span><noscript>secret</noscript><template><p>secret</p></template>
<ul><li>one</li><li>two <a href="#">link</a></li></ul>
<table><tr><th>Floor</th><th>State</th></tr><tr><td>3</td><td>bad</td></tr></table>
<pre>a
  b</pre><textarea>typed</textarea><iframe src="x"></iframe><script/>
<p>The end.</body></html>`
	reading := read(t, upload(t, "a.html", "text/html; charset=utf-8", []byte(source)))
	require.Equal(t, "Help\n\n"+sentence+"\n\nNext\nline\nagain\n\none\ntwo link\n\nFloor\tState\n3\tbad\n\na\n  b\n\ntyped\nThe end.", reading.Text)
	require.Equal(t, map[string]string{"encoding": "utf-8", "title": "Printer & floor", "author": "Ada", "language": "en"}, reading.Metadata)
	require.Equal(t, "html", reading.Engine)
}

func TestAWebPageIsReadInTheEncodingItDeclares(t *testing.T) {
	t.Parallel()
	reading := read(t, upload(t, "a.html", "text/html", []byte("<meta charset=iso-8859-2><p>\xb1")))
	require.Equal(t, "ą", reading.Text)
	require.Equal(t, "iso-8859-2", reading.Metadata["encoding"])
	late := strings.Repeat(" ", 3000) + "<p>Grüße"
	require.Equal(t, "Grüße", read(t, upload(t, "a.htm", "text/plain", []byte(late))).Text)
}

func TestAPageThatIsAllOnePieceIsReadUpToIt(t *testing.T) {
	t.Parallel()
	source := "<p>" + sentence + `<img src="data:` + strings.Repeat("A", 16<<20) + `"><p>after`
	reading := read(t, upload(t, "a.html", "text/html", []byte(source)))
	require.Equal(t, sentence, reading.Text)
	require.Equal(t, []string{"What follows a very long piece of the page was not read."}, reading.Notes)
	require.Len(t, read(t, upload(t, "a.html", "text/html", []byte(strings.Repeat("<p>"+sentence, filling)))).Notes, 1)
}

func TestADrawingGivesItsWords(t *testing.T) {
	t.Parallel()
	const source = `<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "http://127.0.0.1:1/x" [<!ENTITY a "b">]>
<svg xmlns="http://www.w3.org/2000/svg"><title>Plan</title><title/><style>.a{}</style><text x="1"><tspan>The printer on the third floor</tspan><tspan> prints every page twice.</tspan></text><path d="M0 0"/><text>Two &lt;b&gt;</text>not this</svg>`
	reading := read(t, upload(t, "a.svg", "image/svg+xml", []byte(source)))
	require.Equal(t, "Plan\n The printer on the third floor  prints every page twice.\nTwo <b>", reading.Text)
	require.Equal(t, "svg", reading.Engine)
}
