package guard

import "strings"

// phrase is a family of phrases: one word of each step after the other.
type phrase struct {
	trick Trick
	steps []step
}

// step is a choice of words, and how many of them may follow each other.
type step struct {
	words    map[string]bool
	min, max int
}

const (
	// objects are what an injection wants ignored, or shown.
	objects = "instructions|instruction|rules|rule|prompts|prompt|directions|directives|directive|guidelines|guideline|commands|" +
		"messages|orders|constraints|restrictions|policies|policy|training|programming|context|safeguards|guardrails|filters|filter"
	// fillers stand before them.
	fillers = "all|any|every|each|of|the|your|my|our|their|these|those|this|that|and|or|previous|prior|above|earlier|preceding|existing|" +
		"original|former|foregoing|system|safety|content|initial|past|other|given|current|stated"
	// ownership makes them the model's.
	ownership = "your|hidden|secret|initial|original|system|developer"
)

// phrases are known ways to talk a model into something. A word is one of those between bars; "?" says once or not at all,
// "*" up to six of them.
var phrases = families(map[Trick][]string{
	Override: {
		"ignore|disregard|forget|override|bypass|neglect|discard " + fillers + "* " + objects,
		"ignore|disregard|forget|discard all|of|the|what|was|is|that|you|were|told* above|everything|foregoing",
		"not|never|don|stop t? follow|following|obey|obeying|respect " + fillers + "* " + objects,
		"pay no attention to " + fillers + "* " + objects,
		"your|the new|real|actual|true|only task|role|goal|objective|job|mission|purpose|persona|directive|instructions is|are",
		"new system? instructions",
	},
	RoleChange: {
		"you are|re now",
		"you will|must|shall|should now act|be|behave|respond|answer|pretend",
		"you are no longer",
		"act|behave|roleplay as if?",
		"role play as",
		"pretend to|that|you|as",
		"assume the role|identity|persona",
		"from now on you|your|always|never|only|ignore|respond|reply|answer|act|do",
	},
	Disclosure: {
		"system|developer|hidden|secret|initial prompt|prompts|instructions|instruction",
		"reveal|show|print|repeat|output|display|tell|give|leak|expose|share|recite|dump|disclose|write|send|list " +
			"me|us|back|out|to|the|all|of|everything|about* " + ownership + " full|entire|exact|complete|hidden|secret|initial|original|system|internal|own* " +
			"prompt|prompts|instructions|instruction|rules|guidelines|directives|configuration|programming",
		"what are|is|were|s your full|entire|exact|complete|hidden|secret|initial|original|system|internal* prompt|prompts|instructions|rules|guidelines",
		"repeat|print|output everything|all|the|text|words|content* above",
	},
	Unlock: {
		"developer|dan|god|jailbreak|jailbroken|unrestricted|sudo mode",
		"do anything now",
	},
})

// mostWords is how many of a "*" there may be.
const mostWords = 6

// families answers phrases by the word that they begin with.
func families(written map[Trick][]string) map[string][]phrase {
	known := map[string][]phrase{}
	for trick, lines := range written {
		for _, line := range lines {
			p := phrase{trick: trick}
			for choice := range strings.FieldsSeq(line) {
				p.steps = append(p.steps, newStep(choice))
			}
			for word := range p.steps[0].words {
				known[word] = append(known[word], p)
			}
		}
	}
	return known
}

func newStep(choice string) step {
	s := step{words: map[string]bool{}, min: 1, max: 1}
	if bare, ok := strings.CutSuffix(choice, "?"); ok {
		choice, s.min = bare, 0
	} else if bare, ok := strings.CutSuffix(choice, "*"); ok {
		choice, s.min, s.max = bare, 0, mostWords
	}
	for word := range strings.SplitSeq(choice, "|") {
		s.words[word] = true
	}
	return s
}

// phraseAt answers the longest known phrase that begins here, which is where a word does, and its length in bytes.
func phraseAt(text string) (trick Trick, length int) {
	var buffer [longestWord]byte
	word, end := readWord(text, buffer[:0])
	for _, p := range phrases[string(word)] {
		if n := p.match(text, end); n > length || n == length && n > 0 && p.trick < trick {
			trick, length = p.trick, n
		}
	}
	return trick, length
}

// match answers where the phrase ends whose first word ends here; 0 when it is another.
func (p phrase) match(text string, end int) int {
	for _, s := range p.steps[1:] {
		count := 0
		for count < s.max {
			gap := readGap(text[end:])
			if gap == 0 {
				break
			}
			var buffer [longestWord]byte
			word, n := readWord(text[end+gap:], buffer[:0])
			if !s.words[string(word)] {
				break
			}
			end += gap + n
			count++
		}
		if count < s.min {
			return 0
		}
	}
	return end
}
