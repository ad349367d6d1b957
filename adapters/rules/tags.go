package rules

import "slices"

// tagsMost is how many tags are worth having.
const tagsMost = 5

// tags answers the tags of the vocabulary that are in the request: what is in the title first, then in the order of the
// request.
func (r *reading) tags() []string {
	type seen struct {
		tag string
		at  int
	}
	var all []seen
	for i, s := range r.sights {
		if tag := r.rules[i].speaks.tag; s.seen && tag != "" && s.in != inFile {
			all = append(all, seen{tag, s.passage})
		}
	}
	slices.SortStableFunc(all, func(a, b seen) int { return a.at - b.at })
	var tags []string
	for _, s := range all[:min(len(all), tagsMost)] {
		tags = append(tags, s.tag)
	}
	return tags
}
