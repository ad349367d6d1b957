package rules

import "strings"

// phrasing is how a rule wants its words to be found.
type phrasing uint8

const (
	// spoken words count in the title and in what somebody wrote.
	spoken phrasing = iota
	// symptom words do not count after a "not", "no", "never" or "without" shortly before.
	symptom
	// titled words count in the title only.
	titled
	// asked words count where a form asks something that somebody answered, and in a title.
	asked
	// printed words count in what a program printed.
	printed
)

// rule is one line of a table: any of its phrases speaks for something.
//
// A phrase is made of words. "crash*" is every word that begins so, "_" any one word, "^" the beginning of a sentence and
// "?" the end of a question. Phrases are separated by "|".
type rule struct {
	speaks  verdict
	weight  float64
	how     phrasing
	phrases string
}

// lexicon finds all phrases of all rules in one pass over the words of a text. It does not change once it is made.
type lexicon struct {
	rules []rule
	exact map[string]int // word of a phrase: its number
	stems map[string]int // "crash" of "crash*"
	short int            // length of the shortest stem
	long  int            // and of the longest
	root  *node
}

// node is where a phrase has come to.
type node struct {
	next  map[int]*node
	any   *node // "_"
	rules []int // those with a phrase that ends here
}

func newLexicon(tables ...[]rule) *lexicon {
	l := &lexicon{exact: map[string]int{}, stems: map[string]int{}, short: wordMost, root: &node{}}
	for _, table := range tables {
		for _, r := range table {
			l.rules = append(l.rules, r)
			for phrase := range strings.SplitSeq(r.phrases, "|") {
				l.add(len(l.rules)-1, phrase)
			}
		}
	}
	return l
}

func (l *lexicon) add(number int, phrase string) {
	at := l.root
	for part := range strings.FieldsSeq(phrase) {
		switch part {
		case "_":
			if at.any == nil {
				at.any = &node{}
			}
			at = at.any
			continue
		case "^":
			at = at.child(l.number(l.exact, stop))
			continue
		case "?":
			at = at.child(l.number(l.exact, asks))
			continue
		}
		if stem, found := strings.CutSuffix(part, "*"); found {
			l.short, l.long = min(l.short, len(stem)), max(l.long, len(stem))
			at = at.child(l.number(l.stems, stem))
			continue
		}
		for _, w := range chunk(nil, part, 0, len(part)) {
			at = at.child(l.number(l.exact, w.text))
		}
	}
	at.rules = append(at.rules, number)
}

// number answers the number of a word; words and stems share their numbers.
func (l *lexicon) number(words map[string]int, w string) int {
	if n, known := words[w]; known {
		return n
	}
	n := len(l.exact) + len(l.stems)
	words[w] = n
	return n
}

func (n *node) child(number int) *node {
	if n.next == nil {
		n.next = map[int]*node{}
	}
	if n.next[number] == nil {
		n.next[number] = &node{}
	}
	return n.next[number]
}

// walker is a phrase that began at a word and is not yet at its end.
type walker struct {
	at    *node
	begin int
}

// scan calls found for every phrase that ends in the words, with the number of its rule and its first and last word.
func (l *lexicon) scan(words []word, found func(number, first, last int)) {
	var walkers, next []walker
	var numbers []int
	for i, w := range words {
		numbers = l.numbers(numbers[:0], w.text)
		next = next[:0]
		walkers = append(walkers, walker{l.root, i})
		for _, on := range walkers {
			for _, n := range numbers {
				next = reach(next, on.at.next[n], on.begin, i, found)
			}
			if on.at.any != nil && w.text != stop && w.text != asks {
				next = reach(next, on.at.any, on.begin, i, found)
			}
		}
		walkers, next = next, walkers
	}
}

func reach(next []walker, at *node, begin, i int, found func(number, first, last int)) []walker {
	if at == nil {
		return next
	}
	for _, number := range at.rules {
		found(number, begin, i)
	}
	if at.next == nil && at.any == nil {
		return next
	}
	return append(next, walker{at, begin})
}

// numbers appends the numbers of a word: its own, and those of the stems that it begins with.
func (l *lexicon) numbers(to []int, w string) []int {
	if n, known := l.exact[w]; known {
		to = append(to, n)
	}
	for length := l.short; length <= min(l.long, len(w)); length++ {
		if n, known := l.stems[w[:length]]; known {
			to = append(to, n)
		}
	}
	return to
}
