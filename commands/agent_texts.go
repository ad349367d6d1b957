package commands

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// changeTexts answers a text with a change made to it; of a JSON document, to each text and number in it, and to the names, for
// in a document a line's beginning is no beginning and a sign is written as its number. The change is told the name that
// a text stands under, if any.
func changeTexts(document string, change func(name, text string) string) string {
	if start := strings.TrimLeft(document, " \t\r\n"); start == "" || strings.IndexByte(`{["`, start[0]) < 0 || !json.Valid([]byte(document)) {
		return change("", document)
	}
	w := textWriter{decoder: json.NewDecoder(strings.NewReader(document)), change: change}
	w.decoder.UseNumber() // or large ones would change
	w.value("")
	return w.out.String()
}

// readable answers a text; of what looks like a document but is broken or cut off, what it stands for.
func readable(text string) string {
	if !brokenDocument.MatchString(text) || json.Valid([]byte(text)) {
		return text
	}
	return escapes.ReplaceAllStringFunc(text, unescaped)
}

var (
	brokenDocument = regexp.MustCompile(`^\s*(?:\{\s*"|\[\s*[{"])`)
	escapes        = regexp.MustCompile(`(?:\\u[0-9a-fA-F]{4})+|\\.`)
)

// unescaped answers what escapes in JSON stand for; what is none stays.
func unescaped(escape string) string {
	var stands string
	if json.Unmarshal([]byte(`"`+escape+`"`), &stands) != nil {
		return escape
	}
	return stands
}

// textWriter copies a document that is valid, in its order.
type textWriter struct {
	decoder *json.Decoder
	change  func(name, text string) string
	out     bytes.Buffer
}

func (w *textWriter) token() json.Token {
	token, err := w.decoder.Token()
	if err != nil { // it is valid
		panic(err)
	}
	return token
}

func (w *textWriter) value(name string) {
	switch token := w.token().(type) {
	case json.Delim:
		w.list(token, name)
	case string:
		w.write(w.change(name, token))
	case json.Number:
		if changed := w.change(name, token.String()); changed != token.String() {
			w.write(changed) // what stands for a number is a text
		} else {
			w.out.WriteString(changed)
		}
	default:
		w.write(token)
	}
}

// list copies an object, or an array, whose elements are named as it is.
func (w *textWriter) list(open json.Delim, name string) {
	w.out.WriteRune(rune(open))
	for first := true; w.decoder.More(); first = false {
		if !first {
			w.out.WriteByte(',')
		}
		if open == '{' {
			name, _ = w.token().(string)
			w.write(w.change("", name))
			w.out.WriteByte(':')
		}
		w.value(name)
	}
	if closing, ok := w.token().(json.Delim); ok {
		w.out.WriteRune(rune(closing))
	}
}

// write writes a text as it is, and not for a page of HTML.
func (w *textWriter) write(value any) {
	encoder := json.NewEncoder(&w.out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil { // texts, true, false and null are written
		panic(err)
	}
	w.out.Truncate(w.out.Len() - 1) // the end of the line
}
