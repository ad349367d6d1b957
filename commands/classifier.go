package commands

import (
	"context"

	"ticketd/domain"
	"ticketd/domain/ticket"
)

// Classifier says what a request for help is about, by rules that people can read. It needs no model and no network, and
// never invents: what it cannot tell is general, with little confidence.
type Classifier interface {
	Classify(ctx context.Context, org domain.OrgID, request HelpRequest) Classification
}

// HelpRequest is what somebody said, and what was read from their files.
type HelpRequest struct {
	Title       string // may be empty
	Description string
	Attached    []string // texts of files
}

// Classification is what the rules say.
type Classification struct {
	Category           ticket.Category
	Confidence         float64 // of the category, from 0 to 1: of what says 0.9, nine in ten are right
	Priority           ticket.Level
	PriorityConfidence float64
	Title              string // made of the request's own words
	Tags               []string
	Department         string   // who it should go to; empty: nobody in particular
	Reasons            []string // the rules that decided, in sentences
}
