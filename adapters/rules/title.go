package rules

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ticketd/domain/ticket"
)

// titleLength is how many characters a title has at most.
const titleLength = 80

// saysNothing are titles that could be over anything.
var saysNothing = set("help please problem problems issue issues question urgent bug error request support ticket new hi hello test asap " +
	"a an the i my with need have it is not working hilfe frage problème ayuda fehler")

// title answers the given title when it says something, and else the first sentence of the description that does: one
// that speaks for the category, or has a few words at least. It is empty only when nothing can be read.
func (r *reading) title(given string, category ticket.Category) string {
	if given = tidy(given); says(given) {
		return shorten(given, titleLength)
	}
	sentences := r.sentences()
	if len(sentences) == 0 {
		return shorten(cmp.Or(given, r.anyText()), titleLength)
	}
	for _, s := range sentences {
		if r.speaks(s, category) && says(s.text) {
			return shorten(capital(s.text), titleLength)
		}
	}
	for _, s := range sentences {
		if strings.Count(s.text, " ") >= 2 {
			return shorten(capital(s.text), titleLength)
		}
	}
	return shorten(capital(sentences[0].text), titleLength)
}

// says reports a text with a word that tells one request from another.
func says(text string) bool {
	for _, w := range split(nil, text) {
		if w.text != stop && w.text != asks && len(w.text) > 1 && !saysNothing[w.text] {
			return true
		}
	}
	return false
}

// said is one sentence of a passage.
type said struct {
	text    string
	passage int
}

// sentencesMost is how many sentences are looked at.
const sentencesMost = 8

// sentences answers the first sentences that somebody wrote, without greetings, up to the signature.
func (r *reading) sentences() []said {
	var all []said
	for i, p := range r.passages {
		if p.in != inOpening && p.in != inBody && p.in != inQuote {
			continue
		}
		rest := ungreeted(unlisted(p.text))
		for rest != "" {
			var one string
			one, rest = cutSentence(rest)
			if one = tidy(one); one == "" {
				continue
			}
			if isFarewell(one) {
				return all
			}
			all = append(all, said{one, i})
			if len(all) == sentencesMost {
				return all
			}
		}
	}
	return all
}

// unlisted drops what marks an item of a list.
func unlisted(text string) string {
	if isItem(text) {
		_, text, _ = strings.Cut(text, " ")
	}
	return text
}

// speaks reports a sentence with the words of a rule for the category. Rules that say little do not count.
func (r *reading) speaks(s said, category ticket.Category) bool {
	for i, sight := range r.sights {
		rule := r.rules[i]
		if sight.seen && sight.passage == s.passage && rule.speaks.category == category && rule.weight >= 1.5 && strings.Contains(s.text, sight.phrase) {
			return true
		}
	}
	return false
}

// anyText answers the beginning of whatever there is: what a program printed, or an attached file says.
func (r *reading) anyText() string {
	for _, p := range r.passages {
		line, _, _ := strings.Cut(strings.TrimSpace(p.text), "\n")
		if line = tidy(line); line != "" {
			return line
		}
	}
	return ""
}

// cutSentence cuts a text behind its first sentence. An abbreviation does not end one.
func cutSentence(text string) (one, rest string) {
	for at := 0; at+1 < len(text); at++ {
		if text[at] != '.' && text[at] != '!' && text[at] != '?' || text[at+1] != ' ' {
			continue
		}
		next, _ := utf8.DecodeRuneInString(strings.TrimLeft(text[at+1:], " "))
		if text[at] != '.' || at > 2 && text[at-2] != ' ' && text[at-2] != '.' && !unicode.IsLower(next) {
			return text[:at+1], text[at+2:]
		}
	}
	return text, ""
}

// greetings begin a request without saying anything, when a comma or somebody follows.
var (
	greetings = set("hi hello hey dear greetings hallo bonjour hola good guten sehr liebe lieber moin salut buenos buenas")
	greeted   = set("team all everyone everybody there support guys folks sir madam morning afternoon evening day colleagues")
)

// greetingMost is how long a greeting is at most, in bytes.
const greetingMost = 45

func ungreeted(text string) string {
	text = strings.TrimSpace(text)
	first, rest, _ := strings.Cut(text, " ")
	if !greetings[strings.ToLower(strings.Trim(first, ",.!-"))] {
		return text
	}
	if end := strings.IndexAny(text[:min(len(text), greetingMost)], ",!:"); end >= 0 {
		return ungreeted(strings.TrimLeft(text[end+1:], ",!:- "))
	}
	for {
		word, after, _ := strings.Cut(rest, " ")
		if !greeted[strings.ToLower(strings.Trim(word, ",.!-"))] {
			break
		}
		text, rest = after, after
	}
	return text
}

var farewells = []string{
	"best regards", "kind regards", "regards", "best wishes", "sincerely", "yours", "cheers", "thanks", "thank you", "many thanks",
	"mit freundlichen", "viele grüße", "danke", "cordialement", "merci", "saludos", "gracias", "sent from my",
}

func isFarewell(sentence string) bool {
	sentence = strings.ToLower(sentence)
	return slices.ContainsFunc(farewells, func(f string) bool { return strings.HasPrefix(sentence, f) })
}

// tidy makes one line of readable words: no marks, no characters that cannot be seen, addresses by their host only.
func tidy(text string) string {
	var kept strings.Builder
	for piece := range strings.FieldsSeq(strings.ToValidUTF8(within(text, titleMost), "")) {
		piece = strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) || r == '`' || r == '*' {
				return -1
			}
			return r
		}, host(piece))
		if piece == "" || kept.Len() == 0 && strings.Trim(piece, "#>-_=|~") == "" {
			continue
		}
		if kept.Len() > 0 {
			kept.WriteByte(' ')
		}
		kept.WriteString(piece)
	}
	return strings.TrimRight(kept.String(), " .,;:-")
}

// host shortens an address.
func host(piece string) string {
	for _, scheme := range [...]string{"https://", "http://"} {
		before, address, found := strings.Cut(piece, scheme)
		if !found {
			continue
		}
		if end := strings.IndexAny(address, "/?#"); end >= 0 {
			tail := strings.TrimLeftFunc(address[end:], func(r rune) bool { return r != ')' && r != ']' && r != '"' })
			address = address[:end] + tail
		}
		return before + address
	}
	return piece
}

func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	word, _, _ := strings.Cut(text, " ")
	if strings.ContainsFunc(word[min(len(word), size):], unicode.IsUpper) {
		return text // a name such as iPhone
	}
	return string(unicode.ToUpper(first)) + text[size:]
}

// shorten cuts a text behind a word. Only where one word is longer than all the room is it cut in the word.
func shorten(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	cut := string(runes[:most-1])
	if runes[most-1] != ' ' {
		if space := strings.LastIndexByte(cut, ' '); space > 0 {
			cut = cut[:space]
		}
	}
	return strings.TrimRight(cut, " .,;:-(") + "…"
}
