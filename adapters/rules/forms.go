package rules

import (
	"fmt"
	"iter"
	"strings"

	"ticketd/domain/ticket"
)

// kindLabels are how forms ask what a request is.
var kindLabels = listed("issue type|type|kind|category|ticket type|request type|type of issue|type of request|kind of issue|" +
	"what kind of issue is this|art der anfrage|type de demande|tipo de solicitud")

// kinds are the usual answers.
var kinds = map[string]ticket.Category{
	"bug": "bug", "bug report": "bug", "defect": "bug", "incident": "bug", "fehler": "bug", "a bug": "bug", "report a bug": "bug",
	"feature": "feature_request", "feature request": "feature_request", "enhancement": "feature_request", "improvement": "feature_request",
	"suggestion": "feature_request", "request a feature": "feature_request", "wunsch": "feature_request", "a feature": "feature_request",
	"question": "technical", "support": "technical", "how to": "technical", "help": "technical", "support request": "technical",
	"documentation": "technical", "documentation issue": "technical", "others": "technical", "other": "technical", "frage": "technical", "technical": "technical",
	"billing": "billing", "payment": "billing", "invoice": "billing",
	"access": "user_access", "user access": "user_access", "access request": "user_access", "account": "user_access",
	"performance": "performance", "performance issue": "performance", "performance problem": "performance", "integration": "integration", "security": "security", "vulnerability": "security", "security issue": "security",
}

// asksKind reports a label that asks for the kind, by its usual name or by offering both: "a bug or a feature?".
func asksKind(label string) bool {
	return kindLabels[label] || strings.Contains(label, "bug") && strings.Contains(label, "feature")
}

// choices yields what somebody chose where a form asks for the kind, once a category.
func (r *reading) choices() iter.Seq2[ticket.Category, evidence] {
	return func(yield func(ticket.Category, evidence) bool) {
		seen := map[ticket.Category]bool{}
		for _, f := range r.fields {
			if !asksKind(f.label) {
				continue
			}
			c, known := kinds[strings.Trim(f.answer, " .!*_")]
			if !known || seen[c] {
				continue
			}
			seen[c] = true
			if !yield(c, evidence{chosenWeight(c), fmt.Sprintf("%q as answer to %q speaks for %s.", f.answer, f.label, label(c))}) {
				return
			}
		}
	}
}

func listed(words string) map[string]bool {
	s := map[string]bool{}
	for w := range strings.SplitSeq(words, "|") {
		s[w] = true
	}
	return s
}

// chosenWeight is how much a chosen kind counts. A bug is what many forms begin with, so whoever chose it chose little.
func chosenWeight(c ticket.Category) float64 {
	if c == bug.category {
		return 3
	}
	return 6
}
