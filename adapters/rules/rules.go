// Package rules says what a request for help is about, by rules that people can read.
//
// # Why
//
// An installation without a key for any model still has to sort its tickets, and one with a key has to when the budget is
// spent or nobody answers. So there is a classifier that needs nothing: words and phrases that people use when they need
// something, each with what it speaks for and how loudly, written down in tables by hand. Nothing in the tables was
// computed from anybody's tickets.
//
// Every answer can be explained by the words that were seen. Where too little was seen, or as much for one thing as for
// another, the answer is general with little confidence, because a wrong queue costs more than an open question.
package rules

import (
	"context"

	"ticketd/commands"
	"ticketd/domain"
)

// Rules classify requests. They hold nothing that changes, so one is enough for everybody at once.
type Rules struct{ words *lexicon }

// New makes the tables ready to be searched.
func New() *Rules {
	return &Rules{words: newLexicon(softwareRules, serviceRules, foreignRules, priorityRules, tagRules)}
}

// Classify implements commands.Classifier. The same request has the same answer everywhere: neither the organization nor
// the clock has a say. Of what is very long it reads the beginning, so nothing takes long.
func (r *Rules) Classify(_ context.Context, _ domain.OrgID, request commands.HelpRequest) commands.Classification {
	read := r.read(request)
	category := read.categorize()
	priority := read.prioritize(category)
	return commands.Classification{
		Category:           category.category,
		Confidence:         category.confidence,
		Priority:           priority.level,
		PriorityConfidence: priority.confidence,
		Title:              read.title(request.Title, category.category),
		Tags:               read.tags(),
		Department:         departments[category.category],
		Reasons:            append(category.reasons, priority.reasons...),
	}
}
