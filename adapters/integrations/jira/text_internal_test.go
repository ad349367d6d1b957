package jira

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// grammar answers the description of Jira's documents.
func grammar(tb testing.TB) *openapi3.Schema {
	tb.Helper()
	data, err := os.ReadFile("../../../internal/vendorfake/specs/jira.json")
	require.NoError(tb, err)
	doc, err := openapi3.NewLoader().LoadFromData(data)
	require.NoError(tb, err)
	return doc.Components.Schemas["adf_doc_node"].Value
}

// asJSON answers a document as Jira gets it.
func asJSON(tb testing.TB, doc node) any {
	tb.Helper()
	data, err := json.Marshal(doc)
	require.NoError(tb, err)
	var value any
	require.NoError(tb, json.Unmarshal(data, &value))
	return value
}

func TestMarkdownBecomesADocumentAndReadsTheSame(t *testing.T) {
	t.Parallel()
	schema := grammar(t)
	for name, c := range map[string]struct{ text, kind, want string }{
		"nothing":            {"", "paragraph", ""},
		"empty lines":        {"\n \n\t\n", "paragraph", ""},
		"lines":              {"one\ntwo", "paragraph", "one\ntwo"},
		"paragraphs":         {"one\n\ntwo", "paragraph", "one\n\ntwo"},
		"Windows' lines":     {"one\r\ntwo\rthree", "paragraph", "one\ntwo\nthree"},
		"a heading":          {"## Why **so**", "heading", "Why so"},
		"no heading":         {"#12 is it", "paragraph", "#12 is it"},
		"bullets":            {"- one\n* two\n+ three", "bulletList", "- one\n- two\n- three"},
		"numbers":            {"3. three\n4) four", "orderedList", "3. three\n4. four"},
		"zero":               {"0. zero", "orderedList", "1. zero"},
		"a quotation":        {"> said\n> he", "blockquote", "> said\n> he"},
		"a rule":             {"---", "rule", "---"},
		"code":               {"```go\na := 1\n\n- b\n```\nafter", "codeBlock", "a := 1\n\n- b\n\nafter"},
		"code without end":   {"```\n**raw**", "codeBlock", "**raw**"},
		"no code":            {"```\n```", "codeBlock", ""},
		"bold and monospace": {"a **b** and `c**d**`", "paragraph", "a b and c**d**"},
		"a link":             {"see [here](https://a.example/x?y=1).", "paragraph", "see here (https://a.example/x?y=1)."},
		"an address":         {"see https://a.example/x, or http://b.example.", "paragraph", "see https://a.example/x, or http://b.example."},
		"a link that is no":  {"[here](javascript:alert(1)) and [x](https://%zz) and http://[::1", "paragraph", "[here](javascript:alert(1)) and [x](https://%zz) and http://[::1"},
		"control characters": {"a\x00b\x1bc\uFFFE", "paragraph", "abc"},
		"no UTF-8":           {"a\xffb", "paragraph", "a\uFFFDb"},
		"text and a list":    {"do:\n- one", "paragraph", "do:\n\n- one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := document(c.text)
			require.Equal(t, c.kind, doc.Content[0].Type)
			value := asJSON(t, doc)
			require.NoError(t, schema.VisitJSON(value))
			require.Equal(t, c.want, plain(value, nil))
		})
	}
}

func TestADocumentOfPeopleBecomesPlainText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ doc, want string }{
		"mentions, smileys, states": {`{"type":"paragraph","content":[{"type":"mention","attrs":{"id":"1","text":"@Ada"}},{"type":"text","text":" "},{"type":"emoji","attrs":{"shortName":":smile:"}},{"type":"status","attrs":{"text":"DONE"}}]}`, "@Ada :smile:DONE"},
		"a date":                    {`{"type":"paragraph","content":[{"type":"date","attrs":{"timestamp":"1700000000000"}},{"type":"date","attrs":{"timestamp":"soon"}}]}`, "2023-11-14"},
		"cards":                     {`{"type":"blockCard","attrs":{"url":"https://a.example"}}`, "https://a.example"},
		"a table":                   {`{"type":"table","content":[{"type":"tableRow","content":[{"type":"tableHeader","content":[{"type":"paragraph","content":[{"type":"text","text":"A"}]}]},{"type":"tableCell","content":[{"type":"paragraph","content":[{"type":"text","text":"B"}]}]}]},{"type":"tableRow","content":[]}]}`, "A | B"},
		"tasks":                     {`{"type":"taskList","content":[{"type":"taskItem","attrs":{"state":"DONE"},"content":[{"type":"text","text":"one"}]},{"type":"taskItem","content":[{"type":"text","text":"two"}]}]}`, "[x] one\n[ ] two"},
		"lists in lists":            {`{"type":"orderedList","content":[{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"a"}]},{"type":"bulletList","content":[{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"b"}]}]}]}]}]}`, "1. a\n   - b"},
		"a panel and a fold":        {`{"type":"expand","attrs":{"title":"More"},"content":[{"type":"panel","content":[{"type":"paragraph","content":[{"type":"text","text":"x"}]}]}]}`, "More\n\nx"},
		"files":                     {`{"type":"mediaGroup","content":[{"type":"media","attrs":{"alt":"a.png"}},{"type":"media","attrs":{"alt":"b.png"}},{"type":"media","attrs":{"id":"1"}}]}`, "[a.png: https://files.example/a]\n\n[b.png]"},
		"what is not known":         {`{"type":"somethingNew","content":[{"type":"paragraph","content":[{"type":"text","text":"x"}]}]}`, "x"},
		"no document":               {`"text"`, ""},
		"none":                      {`null`, ""},
		"odd pieces":                {`{"type":3,"content":[1,null,"x",{"content":{}},{"type":"text","text":7,"marks":[3,{"type":"link","attrs":[]}]},{"type":"orderedList","attrs":{"order":-1e99},"content":[null]}]}`, "1."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var value any
			require.NoError(t, json.Unmarshal([]byte(c.doc), &value))
			require.Equal(t, c.want, plain(value, map[string]string{"a.png": "https://files.example/a"}))
		})
	}
}

func TestADocumentThatIsTooDeepOrTooLongIsReadInPart(t *testing.T) {
	t.Parallel()
	var deep any
	text := strings.Repeat(`{"type":"bulletList","content":[`, 3000) + `{"type":"text","text":"bottom"}` + strings.Repeat(`]}`, 3000)
	require.NoError(t, json.Unmarshal([]byte(text), &deep))
	require.NotContains(t, plain(deep, nil), "bottom")

	long := asJSON(t, document(strings.Repeat("ä", plainMost)))
	read := plain(long, nil)
	require.LessOrEqual(t, len(read), plainMost)
	require.True(t, utf8.ValidString(read))
}

func TestTimesAreReadAsJiraWritesThem(t *testing.T) {
	t.Parallel()
	want := time.Date(2021, 1, 17, 12, 34, 0, 0, time.UTC)
	for text, at := range map[string]time.Time{
		`"2021-01-17T12:34:00.000+0000"`: want, `"2021-01-17T14:34:00.000+0200"`: want, `"2021-01-17T12:34:00Z"`: want, `"soon"`: {}, `7`: {}, `null`: {},
	} {
		var got timestamp
		require.NoError(t, json.Unmarshal([]byte(text), &got))
		require.True(t, at.Equal(got.Time), text)
	}
}

func TestTheSitesAddressIsReadAsPeopleGiveIt(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"acme.atlassian.net": "acme.atlassian.net", "https://Acme.atlassian.net/jira": "acme.atlassian.net", "": ""} {
		require.Equal(t, want, hostOf(given))
	}
}

func FuzzTextBecomesADocumentThatJiraTakes(f *testing.F) {
	for _, seed := range []string{"# a\n- b\n1. c\n> d\n---\n```x\ne", "**a** `b` [c](https://d.example) https://e.example.", "\x00\xff\r", "- \n-  -\n> \n>", "``` `\n```"} {
		f.Add(seed)
	}
	schema := grammar(f)
	f.Fuzz(func(t *testing.T, text string) {
		value := asJSON(t, document(text))
		require.NoError(t, schema.VisitJSON(value, openapi3.FailFast()))
		plain(value, nil)
	})
}

func FuzzAnyJSONIsReadAsADocument(f *testing.F) {
	for _, seed := range []string{`{"type":"doc","content":[{"type":"paragraph","content":[{"type":"text","text":"a"}]}]}`, `[[]]`, `{"type":"orderedList","attrs":{"order":1e308},"content":[{}]}`, `{"type":"text","text":"a","marks":[{"type":"link","attrs":{"href":"b"}}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			return
		}
		require.True(t, utf8.ValidString(plain(value, nil)))
		comment{Body: value}.ours()
	})
}
