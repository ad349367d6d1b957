package commands

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"ticketd/domain/ticket"
)

// byRules answers what rules can: what a request is about, how urgent it is, a title of its own words. It writes no text of
// its own, and reports false where only a model could do anything.
func (w *agentWork) byRules(ctx context.Context) (Outcome, bool) {
	request := HelpRequest{Title: w.ask.Title, Description: w.ask.Text}
	for _, f := range w.texts {
		if f.Text != "" {
			request.Attached = append(request.Attached, f.Text)
		}
	}
	said := w.rules.Classify(ctx, w.request.Org, request)
	result := rulesSay(said)
	switch w.ask.form() {
	case textForm:
		return Outcome{}, false
	case titleForm:
		result = Result{Title: said.Title}
	case filesForm:
		result = w.filesByRules()
	case ticketForm:
		files := w.filesByRules()
		result.Files, result.FileSummary = files.Files, files.FileSummary
		result.Title, result.Description, result.NextActions = cmp.Or(said.Title, beginning(firstLine(w.ask.Text), mostTitle)), w.describe(), w.missing()
	case categoryForm: // that is all
	}
	result = result.clean()
	return Outcome{Provider: Builtin, Model: RulesModel, Result: result, Confidence: result.Confidence}, w.ask.form() != titleForm || result.Title != ""
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// rulesSay is what the rules say of a request.
func rulesSay(said Classification) Result {
	return Result{
		Category: said.Category, Priority: said.Priority, Confidence: &said.Confidence, Tags: said.Tags, Department: said.Department,
		Reasoning: strings.Join(said.Reasons, " "),
	}.clean()
}

// describe is the person's own words, and what was read from their files.
func (w *agentWork) describe() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(w.ask.Text))
	for _, c := range w.ask.Context {
		fmt.Fprintf(&b, "\n\nContext: %s", c)
	}
	for _, f := range w.texts {
		if f.Text != "" {
			fmt.Fprintf(&b, "\n\nFrom %s:\n%s", f.Filename, beginning(f.Text, mostNoted))
		}
	}
	return beginning(b.String(), ticket.MaxDescription-1)
}

// filesByRules tells what was read, and nothing that was not.
func (w *agentWork) filesByRules() Result {
	var r Result
	var read, unread []string
	for _, f := range w.texts {
		insight := FileInsight{FileID: f.ID, Filename: f.Filename, Text: beginning(f.Text, mostNoted), Insights: []string{}, Status: f.Status}
		if f.Text == "" {
			unread = append(unread, f.Filename)
		} else {
			read = append(read, f.Filename)
			insight.Insights = append(insight.Insights, fmt.Sprintf("%d characters of text were read.", len([]rune(f.Text))))
		}
		r.Files = append(r.Files, insight)
	}
	if len(read) > 0 {
		r.FileSummary = "Text was read from " + strings.Join(read, ", ") + "."
	}
	if len(unread) > 0 {
		r.FileSummary = strings.TrimSpace(r.FileSummary + " No text was read from " + strings.Join(unread, ", ") + ".")
	}
	return r
}

// missing says what a person would have to add.
func (w *agentWork) missing() []string {
	if len([]rune(strings.TrimSpace(w.ask.Text))) < 40 && len(w.texts) == 0 {
		return []string{"Ask what was expected and what happened: the request is very short."}
	}
	return nil
}
