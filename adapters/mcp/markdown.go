package mcp

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown answers the page that describes the tools, made from the tools themselves.
func Markdown() string {
	var page strings.Builder
	page.WriteString(`# MCP tools

Made by ` + "`ticketd tools --markdown`" + `; do not edit. The server speaks streamable HTTP at ` + "`/mcp`" + `, without sessions, and takes the same bearer
tokens as the REST API. Tools act with the rights of the token's owner: what a role may not use it does not see.

An argument that is left out changes nothing. What a tool refuses is a result with ` + "`isError`" + ` whose text is
` + "`{\"code\",\"message\",\"field\",\"request_id\"}`" + `. A call with ` + "`_meta: {\"" + keyField + "\": \"...\"}`" + ` that makes something makes it once, however often it is repeated.

| tool | needs | changes something |
| --- | --- | --- |
`)
	tools := New(Config{}, Deps{}).tools
	for _, t := range tools {
		fmt.Fprintf(&page, "| [%s](#%s) | %s | %s |\n", t.name, t.name, orDash(string(t.needs)), yes(t.writes))
	}
	for _, t := range tools {
		fmt.Fprintf(&page, "\n## %s\n\n%s\n", t.name, t.text)
		t.input.table(&page, "argument", "Required.", "")
		t.output.table(&page, "answers", "", "May be absent.")
	}
	return page.String()
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// table writes the properties of an object, those of its parts below them, and of each whether it must be there.
func (s *schema) table(page *strings.Builder, title, needed, left string) {
	if len(s.order) == 0 {
		return
	}
	fmt.Fprintf(page, "\n| %s | type | |\n| --- | --- | --- |\n", title)
	s.rows(page, "", needed, left)
}

func (s *schema) rows(page *strings.Builder, within, needed, left string) {
	for _, name := range s.order {
		property, must := s.Properties[name], left
		if s.needed(name) {
			must = needed
		}
		fmt.Fprintf(page, "| `%s%s` | %s | %s |\n", within, name, property.typeName(), property.words(must))
		of := property
		if property.Items != nil {
			of = property.Items
			name += "[]"
		}
		of.rows(page, within+name+".", needed, left)
	}
}

// typeName is what a reader calls the type.
func (s *schema) typeName() string {
	switch {
	case len(s.AnyOf) > 0:
		return s.AnyOf[0].typeName() + " or null"
	case s.Items != nil:
		return "list of " + s.Items.typeName()
	case s.Format != "":
		return s.Format
	case s.Type == typeString && len(s.Enum) == 0:
		return "text"
	case len(s.Enum) > 0:
		return "`" + strings.Join(s.Enum, "` `") + "`"
	}
	return s.Type
}

// words are what else is to be known of a property.
func (s *schema) words(must string) string {
	words := []string{must, s.Description}
	of := s
	if s.Items != nil {
		of = s.Items
	}
	if of.MaxLength > 0 {
		words = append(words, fmt.Sprintf("At most %d characters.", of.MaxLength))
	}
	if s.MaxItems > 0 {
		words = append(words, fmt.Sprintf("At most %d.", s.MaxItems))
	}
	if s.Minimum != nil && s.Maximum != nil {
		words = append(words, fmt.Sprintf("From %.0f to %.0f.", *s.Minimum, *s.Maximum))
	}
	if s.Default != nil {
		words = append(words, fmt.Sprintf("Left out: %v.", s.Default))
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	return strings.ReplaceAll(strings.Join(words, " "), "|", `\|`)
}
