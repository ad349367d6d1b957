package rules

import (
	"fmt"

	"ticketd/domain/ticket"
)

// urgencyOf is what a category adds to the urgency of a request on its own.
var urgencyOf = map[ticket.Category]float64{"security": 2, "feature_request": -1}

// priorities are the levels by the least urgency each needs. Below the last it is low.
var priorities = []struct {
	least float64
	level ticket.Level
}{{4, ticket.Critical}, {2, ticket.High}, {-1.5, ticket.Medium}}

// ranking is a priority with its confidence, and why.
type ranking struct {
	level      ticket.Level
	confidence float64
	reasons    []string
}

// prioritize weighs what is urgent against what is not.
func (r *reading) prioritize(d decision) ranking {
	urgency := urgencyOf[d.category]
	var more, less []evidence
	if urgency > 0 {
		more = append(more, evidence{urgency, fmt.Sprintf("What is about %s is urgent.", label(d.category))})
	}
	for i, s := range r.sights {
		direction := r.rules[i].speaks.urgency
		if !s.seen || direction == 0 || s.in == inFile {
			continue
		}
		weight := r.rules[i].weight
		urgency += direction * weight
		if direction > 0 {
			more = append(more, evidence{weight, sentence(s, "a higher priority")})
		} else {
			less = append(less, evidence{weight, sentence(s, "a lower priority")})
		}
	}
	level := ticket.Low
	for _, p := range priorities {
		if urgency >= p.least {
			level = p.level
			break
		}
	}
	return ranking{level, sureness(level, len(more), len(less)), firstTwo(level, more, less)}
}

// sureness is a judgement, not a measurement: there are no tickets whose priority others have labelled.
func sureness(level ticket.Level, more, less int) float64 {
	agree, against := more, less
	if level == ticket.Low {
		agree, against = less, more
	}
	switch {
	case against > 0 && agree > 0:
		return 0.4
	case agree == 0:
		return 0.5
	case agree == 1:
		return 0.6
	}
	return 0.8
}

func firstTwo(level ticket.Level, more, less []evidence) []string {
	said := sentences(more)
	if level == ticket.Low || len(more) == 0 {
		said = sentences(less)
	}
	return said[:min(len(said), 2)]
}
