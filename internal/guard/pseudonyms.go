package guard

import (
	"maps"
	"strconv"
	"strings"
	"sync"
)

// Personal is a kind of what Pseudonyms hides.
type Personal string

// What is hidden. The names stand in placeholders.
const (
	Email Personal = "EMAIL"
	Phone Personal = "PHONE" // of 10 to 15 digits
	Card  Personal = "CARD"  // of 13 to 19 digits, the last of which proves the others
	SSN   Personal = "SSN"
	// typed is what looks like a placeholder and is none of ours. It gets one, or Restore could not tell it from ours.
	typed Personal = "TEXT"
)

var personals = map[Personal]bool{Email: true, Phone: true, Card: true, SSN: true, typed: true}

// Pseudonyms replaces what tells who somebody is by placeholders, and puts it back. It is good for one run: the same value
// has the same placeholder in all texts of it. It may be used by several goroutines. Make one with NewPseudonyms.
type Pseudonyms struct {
	mu           sync.RWMutex
	placeholders map[string]string // by value
	values       map[string]string // by placeholder
	counts       map[Personal]int
}

// NewPseudonyms answers one that has hidden nothing yet.
func NewPseudonyms() *Pseudonyms {
	return &Pseudonyms{placeholders: map[string]string{}, values: map[string]string{}, counts: map[Personal]int{}}
}

// Hide answers a text with placeholders like [EMAIL_1]. What Restore makes of that is the text, whatever stood in it. It sees
// what is written plainly: an address with %40, or a number in words, stays. JSON is not: hide each text of a document, or
// what is behind an escape is taken for a part of it.
func (p *Pseudonyms) Hide(text string) string {
	spans := personalSpans(text)
	if len(spans) == 0 {
		return text
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var w strings.Builder
	w.Grow(len(text))
	done := 0
	for _, s := range spans {
		w.WriteString(text[done:s.start])
		w.WriteString(p.placeholder(s.kind, text[s.start:s.end]))
		done = s.end
	}
	w.WriteString(text[done:])
	return w.String()
}

func (p *Pseudonyms) placeholder(kind Personal, value string) string {
	if known, ok := p.placeholders[value]; ok {
		return known
	}
	p.counts[kind]++
	made := "[" + string(kind) + "_" + strconv.Itoa(p.counts[kind]) + "]"
	value = strings.Clone(value) // the text it was in need not stay
	p.placeholders[value], p.values[made] = made, value
	return made
}

// Restore puts the values back that placeholders stand for. A placeholder that a model made up stays.
func (p *Pseudonyms) Restore(text string) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if len(p.values) == 0 {
		return text
	}
	var w strings.Builder
	w.Grow(len(text))
	for {
		open := strings.IndexByte(text, '[')
		if open < 0 {
			w.WriteString(text)
			return w.String()
		}
		w.WriteString(text[:open])
		text = text[open:]
		length := max(placeholderAt(text), 1)
		if value, ok := p.values[text[:length]]; ok {
			w.WriteString(value)
		} else {
			w.WriteString(text[:length])
		}
		text = text[length:]
	}
}

// Counts answers how many different values of each kind were hidden, for the audit.
func (p *Pseudonyms) Counts() map[Personal]int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	counts := maps.Clone(p.counts)
	delete(counts, typed) // nobody's
	return counts
}

// longestNumber is that of a placeholder, in digits.
const longestNumber = 9

// placeholderAt answers the length of what looks like a placeholder at the beginning of a text, where a bracket is; 0 when it
// does not.
func placeholderAt(text string) int {
	kind, rest, ok := strings.Cut(text[1:min(len(text), 1+len(Email)+1+longestNumber+1)], "_")
	if !ok || !personals[Personal(kind)] {
		return 0
	}
	digits := leadingDigits(rest)
	if digits == 0 || !strings.HasPrefix(rest[digits:], "]") {
		return 0
	}
	return 1 + len(kind) + 1 + digits + 1
}

func leadingDigits(text string) int {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
