package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain/ticket"
)

// A phrase that its own lexicon does not find would be dead weight that looks like a rule.
func TestEveryPhraseIsFound(t *testing.T) {
	t.Parallel()
	words := New().words
	for number, rule := range words.rules {
		require.NotEmpty(t, rule.phrases)
		for phrase := range strings.SplitSeq(rule.phrases, "|") {
			text := strings.NewReplacer("^", "", "_", "some", "*", "ing", " ?", "?").Replace(phrase)
			var found []int
			words.scan(split(nil, text), func(n, _, _ int) { found = append(found, n) })
			require.Contains(t, found, number, "%q", phrase)
		}
	}
}

func TestNoRuleNamesAPhraseTwice(t *testing.T) {
	t.Parallel()
	for _, rule := range New().words.rules {
		phrases := strings.Split(rule.phrases, "|")
		slices.Sort(phrases)
		require.Equal(t, slices.Compact(slices.Clone(phrases)), phrases)
	}
}

func TestEveryRuleSpeaksForSomethingThatIs(t *testing.T) {
	t.Parallel()
	tags := map[string]bool{}
	for _, rule := range New().words.rules {
		v := rule.speaks
		switch {
		case v.tag != "":
			require.False(t, tags[v.tag], v.tag)
			tags[v.tag] = true
		case v.category != "":
			require.Contains(t, ticket.Categories, v.category)
			require.Positive(t, rule.weight)
		default:
			require.NotZero(t, v.urgency)
			require.Positive(t, rule.weight)
		}
	}
	for _, category := range ticket.Categories {
		_, has := departments[category]
		require.Equal(t, category != ticket.General, has, category)
	}
	for _, category := range kinds {
		require.Contains(t, ticket.Categories, category)
	}
}

func TestMoreMarginIsMoreConfidence(t *testing.T) {
	t.Parallel()
	before := step{margin: leastMargin, confidence: narrow}
	for _, s := range slices.Backward(certainty) {
		require.Greater(t, s.margin, before.margin)
		require.Greater(t, s.confidence, before.confidence)
		before = s
	}
	require.Greater(t, narrow, unsure)
	require.InDelta(t, narrow, confidenceOf(certainty[len(certainty)-1].margin-0.1), 0)
	require.InDelta(t, certainty[0].confidence, confidenceOf(certainty[0].margin), 0)
}

func TestContractionsAreWrittenOut(t *testing.T) {
	t.Parallel()
	said := func(text string) string {
		var words []string
		for _, w := range split(nil, text) {
			words = append(words, w.text)
		}
		return strings.Join(words, " ")
	}
	require.Equal(t, ". can not . do not . i am .", said("can't, don’t (I'm"))
	require.Equal(t, ". it is ann is we will ? . no . .", said("it's Ann's we'll?! No."))
	require.Equal(t, ". log in e mail .", said("log-in e-mail"))
}

func TestFewReasonsAreGiven(t *testing.T) {
	t.Parallel()
	require.Len(t, sentences(make([]evidence, 20)), reasonsMost)
}
