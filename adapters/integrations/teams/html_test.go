package teams_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/teams"
)

func TestHTMLIsReadAsPeopleSeeIt(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                                  "",
		"plain":                             "plain",
		"<p>a</p><p>b</p>":                  "a\nb",
		"<p>a</p>\n<p>&nbsp;</p>\n<p>b</p>": "a\n\nb",
		"a<br>b<br/>c":                      "a\nb\nc",
		"<ul><li>a</li><li>b</li></ul>c":    "a\nb\nc",
		"<pre>a\n  b</pre>\n c\n d":         "a\n  b\nc  d",
		"<pre/>a\nb":                        "a b",
		"<codeblock><code>x = 1</code></codeblock>y":                      "x = 1\ny",
		"<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>": "a b\nc",
		"<script>alert(1)</script>a<style>b</style>c":                     "ac",
		"<style>a<p>b</style>c":                                           "c",
		`<img alt="a cat" src="https://x.example/1">`:                     "a cat (https://x.example/1)",
		`<img alt="a cat">`:                                               "a cat",
		`<emoji alt="😀" title="grin"></emoji>`:                            "😀",
		`<at id="0">Bob Ross</at> &amp; &lt;b&gt;`:                        "Bob Ross & <b>",
		"<!-- hidden -->a<!DOCTYPE x>":                                    "a",
		"<p>a":                                                            "a",
		"a</pre>\nb":                                                      "a\nb",
		"<a href='https://x.example'>there</a>":                           "there",
	} {
		require.Equal(t, want, teams.TextOf(content), content)
	}
}

func FuzzTextOf(f *testing.F) {
	f.Add("<p>a</p>")
	f.Add("<pre><script>")
	f.Fuzz(func(t *testing.T, content string) {
		text := teams.TextOf(content)
		require.Equal(t, strings.TrimSpace(text), text)
		if utf8.ValidString(content) {
			require.True(t, utf8.ValidString(text))
		}
	})
}

func FuzzParagraph(f *testing.F) {
	f.Add("a\nb <i> & \"c\"")
	f.Add("<script>x</script>\n\nRef comment/1")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\t\r\v\f\u00a0\u0085\x00") || !utf8.ValidString(text) {
			t.Skip("Graph and HTML make other spaces of these")
		}
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			lines[i] = strings.Trim(line, " ")
		}
		require.Equal(t, strings.TrimSpace(strings.Join(lines, "\n")), teams.TextOf(teams.Paragraph(text)), "what is written is what is read")
	})
}

func FuzzFitted(f *testing.F) {
	f.Add("a<&\"'\nü", 100)
	f.Add(strings.Repeat("<", 100), 40)
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = max(most%2000, 0)
		const link = "https://here.example/?a=1&b=2"
		fit, cut := teams.Fitted(text, most, link)
		require.Equal(t, cut, fit != text || cut)
		if most > 100 && utf8.ValidString(text) {
			require.LessOrEqual(t, len(teams.Paragraph(fit)), most+len(teams.Paragraph("")))
		}
	})
}

func FuzzStatus(f *testing.F) {
	f.Add("<p>Status: <b>Open</b></p>", "A & B")
	f.Add("Status:", "x")
	f.Fuzz(func(t *testing.T, content, status string) {
		status = strings.Join(strings.Fields(status), " ")
		if status == "" || !utf8.ValidString(status) || strings.ContainsAny(status, "\x00\u00a0\u0085") {
			t.Skip("no status of a mapping")
		}
		require.Equal(t, status, teams.StatusIn(teams.WithStatus(content, status)))
	})
}
