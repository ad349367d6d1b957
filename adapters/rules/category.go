package rules

import (
	"fmt"
	"slices"
	"strings"

	"ticketd/domain/ticket"
)

// step is one line of a table from a margin to a confidence.
type step struct{ margin, confidence float64 }

// certainty says how often a decision was right, by how far the decided category was ahead of the next. It was measured
// on reports that others had labelled (see the benchmark "quality"), and rounded down.
var certainty = []step{{11, 0.9}, {7, 0.8}, {4, 0.7}, {2, 0.55}}

const (
	// leastScore and leastMargin are what a category needs to be named at all.
	leastScore  = 1.4
	leastMargin = 0.5
	// narrow is the confidence below the last step of the table.
	narrow = 0.4
	// unsure is the confidence of general.
	unsure = 0.3
	// foreignMost is the most confidence in a text that is not English: the tables have few of its words.
	foreignMost = 0.55
	// reasonsMost is how many rules are named.
	reasonsMost = 5
)

// decision is a category with its confidence, and why.
type decision struct {
	category   ticket.Category
	confidence float64
	reasons    []string
}

// evidence is something that speaks for a category.
type evidence struct {
	weight float64
	says   string
}

func (r *reading) categorize() decision {
	scores := map[ticket.Category]float64{}
	why := map[ticket.Category][]evidence{}
	note := func(c ticket.Category, e evidence) {
		scores[c] += e.weight
		why[c] = append(why[c], e)
	}
	for i, s := range r.sights {
		if c := r.rules[i].speaks.category; s.seen && c != "" {
			note(c, evidence{r.rules[i].weight * s.share, sentence(s, label(c))})
		}
	}
	for c, e := range r.choices() {
		note(c, e)
	}
	best, second := ranked(scores)
	margin := scores[best] - scores[second]
	switch {
	case scores[best] < leastScore:
		return decision{ticket.General, unsure, []string{"Nothing in the request speaks clearly for any category."}}
	case margin < leastMargin:
		return decision{ticket.General, unsure, []string{
			fmt.Sprintf("As much speaks for %s as for %s, so neither is named.", label(best), label(second)), loudest(why[best]), loudest(why[second]),
		}}
	}
	confidence := confidenceOf(margin)
	reasons := sentences(why[best])
	if r.foreign && confidence > foreignMost {
		confidence = foreignMost
		reasons = append(reasons, "The request is not in English, of which the rules know most, so confidence is limited.")
	}
	return decision{best, confidence, reasons}
}

// ranked answers the two categories with the highest scores. Of equals, the one that the API lists first.
func ranked(scores map[ticket.Category]float64) (best, second ticket.Category) {
	order := slices.Clone(ticket.Categories)
	slices.SortStableFunc(order, func(a, b ticket.Category) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	return order[0], order[1]
}

func confidenceOf(margin float64) float64 {
	for _, s := range certainty {
		if margin >= s.margin {
			return s.confidence
		}
	}
	return narrow
}

// label writes a category for people.
func label(c ticket.Category) string { return strings.ReplaceAll(string(c), "_", " ") }

func sentence(s sight, what string) string {
	return fmt.Sprintf("%q in %s speaks for %s.", s.phrase, names[s.in], what)
}

// sentences names the loudest first.
func sentences(all []evidence) []string {
	slices.SortStableFunc(all, func(a, b evidence) int {
		switch {
		case a.weight > b.weight:
			return -1
		case a.weight < b.weight:
			return 1
		}
		return strings.Compare(a.says, b.says)
	})
	var said []string
	for _, e := range all[:min(len(all), reasonsMost)] {
		said = append(said, e.says)
	}
	return said
}

func loudest(all []evidence) string { return sentences(all)[0] }
