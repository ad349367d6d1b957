package github

import (
	"slices"
	"strings"

	gogithub "github.com/google/go-github/v88/github"

	"ticketd/commands"
)

// wanted answers the labels of a ticket: its priority, its category and its tags.
func wanted(d commands.Draft) []string {
	var labels []string
	for _, label := range slices.Concat([]string{d.Priority, d.Category}, d.Tags) {
		if runes := []rune(line(label)); len(runes) > labelMost {
			label = string(runes[:labelMost])
		}
		if label = line(label); label != "" && !has(labels, label) {
			labels = append(labels, label)
		}
	}
	return labels
}

// others answers the labels of an issue that are not ours to take away: what was not set from here, and is no priority.
func (c *connection) others(issue *gogithub.Issue) []string {
	ours := marked(issue.GetBody()).Labels
	for _, priority := range c.account.Mapping.Priority {
		ours = append(ours, priority)
	}
	return slices.DeleteFunc(names(issue), func(label string) bool { return has(ours, label) })
}

func names(issue *gogithub.Issue) []string {
	labels := make([]string, 0, len(issue.GetLabels()))
	for _, label := range issue.GetLabels() {
		labels = append(labels, label.GetName())
	}
	return labels
}

// has reports whether a label is among others. GitHub does not tell great letters from small ones.
func has(labels []string, label string) bool {
	return slices.ContainsFunc(labels, func(other string) bool { return strings.EqualFold(other, label) })
}

// refused answers what is to be said when GitHub has left labels out without a word, as it does for tokens that may set none.
func refused(issue *gogithub.Issue, wanted []string) string {
	got := names(issue)
	if slices.ContainsFunc(wanted, func(label string) bool { return !has(got, label) }) {
		return "GitHub has left out labels: the token may not set them."
	}
	return ""
}
