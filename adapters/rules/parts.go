package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// part is where in a request something was read.
type part uint8

const (
	inTitle   part = iota
	inHeading      // of a form, or over a paragraph; only where something follows
	inOpening      // the first words of the description
	inBody         // the others
	inQuote        // what is cited, and what a form puts into a frame
	inFile         // text of an attached file
	inOutput       // what a program printed, and code
)

// shares is how much a rule counts by where its words are.
var shares = [...]float64{inTitle: 2, inHeading: 1, inOpening: 1.2, inBody: 0.8, inQuote: 0.6, inFile: 0.5, inOutput: 1}

// names are how reasons call them.
var names = [...]string{
	inTitle: "the title", inHeading: "a heading", inOpening: "the description", inBody: "the description",
	inQuote: "the description", inFile: "an attached file", inOutput: "the output of a program",
}

// Limits in bytes on what is read. What is important is said early, and everything has to end.
const (
	titleMost       = 2000
	descriptionMost = 20_000
	fileMost        = 4000
	filesMost       = 5
	openingMost     = 350 // of prose
)

// passage is a piece of the request in one part.
type passage struct {
	in   part
	text string
}

// field is a question of a form with its answer, when the answer is short.
type field struct{ label, answer string }

// reader goes through a description line by line.
type reader struct {
	passages  []passage
	fields    []field
	heading   string // waits for an answer
	paragraph strings.Builder
	quoted    bool // the paragraph is
	framed    bool // between ```
	comment   bool // between <!-- and -->
	written   int  // bytes of prose so far
}

// readDescription tells what somebody wrote from what a form, a program or an earlier message did.
func readDescription(text string) ([]passage, []field) {
	var r reader
	for line := range strings.SplitSeq(within(text, descriptionMost), "\n") {
		if strings.TrimRight(line, " \r") == "--" && !r.framed {
			break // what follows is a signature, by an old custom of mail
		}
		r.line(strings.TrimRight(line, "\r"))
	}
	r.flush()
	return r.passages, r.fields
}

// within cuts a text after so many bytes, not inside a character, and makes it valid.
func within(text string, most int) string {
	if len(text) > most {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}
		text = text[:most]
	}
	return strings.ToValidUTF8(text, " ")
}

func (r *reader) line(line string) {
	bare := strings.TrimSpace(line)
	if strings.HasPrefix(bare, "```") || strings.HasPrefix(bare, "~~~") {
		r.flush()
		r.framed = !r.framed
		return
	}
	if r.framed {
		r.frame(line, bare)
		return
	}
	bare = strings.TrimSpace(plain(r.uncommented(bare)))
	switch {
	case bare == "":
		r.flush()
	case noAnswer(bare):
		r.heading = "" // and its question says nothing
	case isChecklist(bare):
		r.checked(bare)
	case strings.HasPrefix(bare, ">"):
		r.prose(strings.TrimLeft(bare, "> "), true)
	case strings.HasPrefix(bare, "|"):
		// a table holds data
	case isOutput(line, bare):
		r.output(bare)
	default:
		r.said(bare)
	}
}

// said takes a line of prose, or a heading.
func (r *reader) said(bare string) {
	label, answer, isField := asField(bare)
	if isField && answer == "" {
		r.flush()
		r.heading = label
		return
	}
	if isField {
		r.field(label, answer)
		if len(label)+len(answer) < 40 {
			return
		}
	}
	r.prose(bare, false)
}

// frame takes a line between ```. Many forms frame whatever is answered, so prose in it is read too.
func (r *reader) frame(line, bare string) {
	switch {
	case bare == "":
		r.flush()
	case isOutput(line, bare) || !sounds(bare):
		r.output(bare)
	default:
		r.prose(bare, true)
	}
}

func (r *reader) output(bare string) {
	r.flush()
	r.answered(false)
	r.passages = append(r.passages, passage{inOutput, bare})
}

// prose adds a line to the paragraph.
func (r *reader) prose(bare string, quoted bool) {
	if quoted != r.quoted || isItem(bare) {
		r.flush()
	}
	if r.heading != "" && len(bare) < 40 {
		r.field(r.heading, bare)
	}
	r.answered(len(bare) > 1)
	r.quoted = quoted
	if r.paragraph.Len() > 0 {
		r.paragraph.WriteByte(' ')
	}
	r.paragraph.WriteString(bare)
}

// answered counts the heading, now that something stands below it.
func (r *reader) answered(counts bool) {
	if r.heading != "" && counts {
		r.passages = append(r.passages, passage{inHeading, r.heading})
	}
	r.heading = ""
}

func (r *reader) field(label, answer string) {
	r.fields = append(r.fields, field{strings.ToLower(label), strings.ToLower(answer)})
}

func (r *reader) flush() {
	text := r.paragraph.String()
	if text == "" {
		return
	}
	r.paragraph.Reset()
	in := inBody
	switch {
	case r.quoted:
		in = inQuote
	case r.written < openingMost:
		in = inOpening
	}
	r.written += len(text)
	r.passages = append(r.passages, passage{in, text})
}

// checked takes a line with a box. A long one is what everybody has to agree to; a short one is a choice.
func (r *reader) checked(bare string) {
	choice := strings.TrimSpace(bare[strings.IndexByte(bare, ']')+1:])
	if r.heading != "" && !strings.Contains(bare[:5], "[ ]") && len(choice) < 30 {
		r.field(r.heading, choice)
	}
}

// uncommented drops what stands between <!-- and -->, which forms use for instructions.
func (r *reader) uncommented(line string) string {
	var kept strings.Builder
	for line != "" {
		if r.comment {
			_, after, ends := strings.Cut(line, "-->")
			if !ends {
				return kept.String()
			}
			r.comment, line = false, after
			continue
		}
		before, after, begins := strings.Cut(line, "<!--")
		kept.WriteString(before)
		r.comment, line = begins, after
	}
	return kept.String()
}

// plain drops tags, pictures and the addresses of links.
func plain(line string) string {
	if !strings.ContainsAny(line, "<![") {
		return line
	}
	kept := make([]byte, 0, len(line))
	open := -1 // the bracket that a link may have begun with
	for at := 0; at < len(line); at++ {
		rest := line[at:min(len(line), at+markMost)]
		length := 0
		switch {
		case isTag(rest):
			length = strings.IndexByte(rest, '>')
		case strings.HasPrefix(rest, "!["), strings.HasPrefix(rest, "]("):
			length = strings.IndexByte(rest, ')')
		}
		switch {
		case length <= 0:
			if line[at] == '[' {
				open = len(kept)
			}
			kept = append(kept, line[at])
			continue
		case line[at] == ']' && open >= 0:
			kept[open] = ' '
		case line[at] == '<':
			kept = append(kept, ' ')
		}
		at += length
	}
	return string(kept)
}

// markMost is how long a tag or the address of a link is at most, in bytes.
const markMost = 400

func isTag(rest string) bool {
	return len(rest) > 1 && rest[0] == '<' && (rest[1] == '/' || isWordByte(rest[1]))
}

// noAnswer reports what forms hold where nobody answered.
func noAnswer(bare string) bool {
	if len(bare) > 16 {
		return false
	}
	switch strings.ToLower(strings.Trim(bare, "_*`.- ")) {
	case "no response", "n/a", "na", "none", "no", "nothing", "null", "...", "":
		return true
	}
	return false
}

func isChecklist(bare string) bool {
	bare = strings.TrimLeft(bare, "-*+ ")
	return len(bare) > 3 && bare[0] == '[' && bare[2] == ']' && strings.ContainsRune(" xX", rune(bare[1]))
}

// isItem reports the beginning of an item of a list.
func isItem(bare string) bool {
	rest := strings.TrimLeft(bare, "0123456789")
	if len(rest) < len(bare) {
		return strings.HasPrefix(rest, ". ") || strings.HasPrefix(rest, ") ")
	}
	return strings.HasPrefix(bare, "- ") || strings.HasPrefix(bare, "* ") || strings.HasPrefix(bare, "+ ")
}

// asField takes a line apart into a label and what follows it: "### Steps", "**Steps**", "Steps:", "Type: bug".
func asField(bare string) (label, answer string, is bool) {
	const marks = "#*_ :?"
	if strings.HasPrefix(bare, "#") {
		return strings.Trim(bare, marks), "", len(bare) < 100
	}
	if rest, bold := strings.CutPrefix(bare, "**"); bold {
		label, answer, bold = strings.Cut(rest, "**")
		return strings.Trim(label, marks), strings.Trim(answer, marks), bold && len(label) < 100
	}
	label, answer, is = strings.Cut(strings.TrimLeft(bare, "-*_ "), ":")
	is = is && len(label) < 60 && strings.Count(label, " ") < 8 && (answer == "" || answer[0] == ' ')
	return strings.Trim(label, marks), strings.Trim(answer, marks), is
}

// sounds reports a line with enough words to be said by somebody.
func sounds(bare string) bool {
	letters := 0
	for _, r := range bare {
		if unicode.IsLetter(r) || r == ' ' {
			letters++
		}
	}
	return strings.Count(bare, " ") >= 3 && letters*100 >= len(bare)*85
}

// isOutput reports code, and what programs print.
func isOutput(line, bare string) bool {
	for _, begin := range [...]string{"at ", "File \"", ">>> ", "$ ", "#include", "import ", "from ", "Traceback (", "npm ERR", "const ", "var ", "let ", "def ", "#define"} {
		if strings.HasPrefix(bare, begin) && (begin != "at " && begin != "from " && begin != "let " || strings.ContainsAny(bare, "(/={'\"")) {
			return true
		}
	}
	signs := 0
	for at := range len(bare) {
		switch bare[at] {
		case '{', '}', '(', ')', ';', '=', '<', '>', '[', ']', '_', '/', '\\', '|', '$', '#', '&', '@', '+', '"', ':':
			signs++
		}
	}
	return signs*100 > len(bare)*12 && signs > 3 || strings.HasPrefix(line, "    ") && signs > 1 && !sounds(bare)
}
