package github

import (
	"regexp"
	"strings"
)

// What GitHub takes at most, in characters.
const (
	titleMost = 256
	bodyMost  = 65536
	labelMost = 50
)

// call is how somebody is called on GitHub, which sends them mail.
var call = regexp.MustCompile(`(^|[^A-Za-z0-9_` + "`" + `])@([A-Za-z0-9])`)

// unseen is a space without width.
const unseen = "\u200b"

// quiet answers a text in which nobody is called: a ticket's names are not GitHub's. Nothing of it is seen.
func quiet(text string) string { return call.ReplaceAllString(text, "${1}@"+unseen+"${2}") }

// line answers a text in one line.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }

// plain takes their meaning from the characters that Markdown reads something into.
var plain = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "#", `\#`, "|", `\|`, "~", `\~`)

// name answers a name as one line that means nothing but itself.
func name(text string) string { return quiet(plain.Replace(line(text))) }
