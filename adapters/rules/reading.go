package rules

import (
	"strings"

	"ticketd/commands"
)

// phraseMost is how many characters of what was seen are shown.
const phraseMost = 60

// sight is the best place where a rule found one of its phrases.
type sight struct {
	seen    bool
	share   float64
	in      part
	phrase  string // as it was written
	passage int
}

// reading is what was seen in a request.
type reading struct {
	rules    []rule
	sights   []sight // one a rule
	passages []passage
	fields   []field
	foreign  bool
}

// read goes through the request once, and keeps for each rule where its words count most: a rule that is met ten times is
// no truer than one that is met once.
func (r *Rules) read(request commands.HelpRequest) *reading {
	passages, fields := readDescription(request.Description)
	all := append([]passage{{inTitle, plain(within(request.Title, titleMost))}}, passages...)
	for i, file := range request.Attached {
		if i == filesMost {
			break
		}
		all = append(all, passage{inFile, within(file, fileMost)})
	}
	read := &reading{rules: r.words.rules, sights: make([]sight, len(r.words.rules)), passages: all, fields: fields}
	var words []word
	var balance int
	for i, p := range all {
		words = split(words[:0], p.text)
		balance += tongue(words)
		r.words.scan(words, func(number, first, last int) { read.saw(number, i, words, first, last) })
	}
	read.foreign = balance < 0
	return read
}

// tongue counts small English words against foreign ones.
func tongue(words []word) int {
	balance := 0
	for _, w := range words {
		if englishWords[w.text] {
			balance++
		}
		if foreignWords[w.text] {
			balance--
		}
	}
	return balance
}

func (r *reading) saw(number, passage int, words []word, first, last int) {
	p := r.passages[passage]
	rule := &r.rules[number]
	share := rule.how.share(p.in)
	if s := r.sights[number]; share <= s.share || rule.how == symptom && denied(words, first) {
		return
	}
	from, to := first, last
	for from < to && words[from].start == words[from].end {
		from++
	}
	for to > from && (words[to].start == words[to].end || words[to].text == stop) {
		to--
	}
	r.sights[number] = sight{true, share, p.in, shorten(p.text[words[from].start:words[to].end], phraseMost), passage}
}

// share answers how much words in a part count for a rule; zero when not at all.
func (p phrasing) share(in part) float64 {
	switch p {
	case titled:
		if in != inTitle {
			return 0
		}
	case asked:
		if in != inTitle && in != inHeading {
			return 0
		}
	case printed:
		if in != inOutput && in != inQuote {
			return 0
		}
	case spoken, symptom:
		if in == inOutput {
			return 0
		}
	}
	return shares[in]
}

// denied reports a negation in the three words before one, in the same sentence.
func denied(words []word, first int) bool {
	for at := first - 1; at >= max(0, first-3); at-- {
		switch words[at].text {
		case stop, asks:
			return false
		case "not", "no", "never", "without", "nicht", "kein", "keine", "pas", "sin":
			return true
		}
	}
	return false
}

func set(words string) map[string]bool {
	s := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		s[w] = true
	}
	return s
}
