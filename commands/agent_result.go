package commands

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ticketd/domain"
	"ticketd/domain/ticket"
)

// Result is what an agent found out. Each agent fills what it is for.
type Result struct {
	Category    ticket.Category `json:"category,omitempty"`
	Priority    ticket.Level    `json:"priority,omitempty"`
	Confidence  *float64        `json:"confidence,omitempty"` // from 0 to 1, of the category
	Reasoning   string          `json:"reasoning,omitempty"`
	Tags        []string        `json:"tags,omitempty"`
	Department  string          `json:"department,omitempty"`
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	FileSummary string          `json:"file_analysis_summary,omitempty"`
	Integration string          `json:"recommended_integration,omitempty"`
	NextActions []string        `json:"next_actions,omitempty"`
	Files       []FileInsight   `json:"files,omitempty"`
	Text        string          `json:"text,omitempty"` // of a reply, or a summary
}

// FileInsight is what an agent found in one file.
type FileInsight struct {
	FileID   domain.FileID `json:"file_id"`
	Filename string        `json:"filename"`
	Text     string        `json:"text"` // the beginning of what was read
	Insights []string      `json:"insights"`
	Status   string        `json:"status"`
}

// fields answers the result as an event holds it.
func (r Result) fields() map[string]any {
	text, err := json.Marshal(r)
	fields := map[string]any{}
	if err == nil { // strings and finite numbers marshal
		err = json.Unmarshal(text, &fields)
	}
	if err != nil {
		return nil
	}
	return fields
}

// resultOf reads the result that an event holds; an empty one where its words were erased.
func resultOf(fields map[string]any) (r Result) {
	text, err := json.Marshal(fields)
	if err != nil || json.Unmarshal(text, &r) != nil {
		return Result{}
	}
	return r
}

// read reads the model's last words, or answers what is wrong with them.
func (w *agentWork) read(text string) (Result, *domain.Error) {
	form := w.ask.form()
	var result Result
	if form == textForm {
		result.Text = text
	} else if json.Unmarshal([]byte(text), &result) != nil {
		return Result{}, ErrNoAnswer.With("The agent's answer is no JSON object of the form that was asked for.")
	}
	result = result.clean()
	switch form {
	case titleForm:
		result.Title = beginning(result.Title, mostTitle)
	case filesForm:
		result.Files = w.insights(result.Files)
	case ticketForm, categoryForm, textForm: // as it is
	}
	return result, result.check(form.wanted())
}

// insights adds what the model found to what is known of the files. A file that it made up is none.
func (w *agentWork) insights(found []FileInsight) []FileInsight {
	files := w.filesByRules().Files
	for i := range files {
		for _, f := range found {
			if f.Filename == files[i].Filename && len(f.Insights) > 0 {
				files[i].Insights = few(f.Insights, mostActions, mostNoted)
			}
		}
	}
	return files
}

// Limits on what an agent may answer.
const (
	mostTags    = 10
	mostActions = 10
	mostTitle   = 120 // characters of the title of a conversation
)

// check refuses what is no answer to such a question, in words that a model can mend it by, and with none of its own: people
// are back in those.
func (r Result) check(wanted []string) *domain.Error {
	for _, field := range wanted {
		var wrong string
		switch field {
		case "category":
			if !slices.Contains(ticket.Categories, r.Category) {
				wrong = fmt.Sprintf("category must be one of %v", ticket.Categories)
			}
		case "priority":
			if !slices.Contains(ticket.Levels, r.Priority) {
				wrong = fmt.Sprintf("priority must be one of %v", ticket.Levels)
			}
		case "confidence":
			if r.Confidence == nil || !(*r.Confidence >= 0 && *r.Confidence <= 1) {
				wrong = "confidence must be a number from 0 to 1"
			}
		case "title":
			if strings.TrimSpace(r.Title) == "" || len([]rune(r.Title)) > ticket.MaxTitle {
				wrong = fmt.Sprintf("title must have 1 to %d characters", ticket.MaxTitle)
			}
		case "description":
			if strings.TrimSpace(r.Description) == "" || len([]rune(r.Description)) > ticket.MaxDescription {
				wrong = fmt.Sprintf("description must have 1 to %d characters", ticket.MaxDescription)
			}
		case "text":
			if strings.TrimSpace(r.Text) == "" {
				wrong = "text must not be empty"
			}
		}
		if wrong != "" {
			return ErrNoAnswer.With("The agent's answer is not valid: " + wrong + ".")
		}
	}
	return nil
}

// clean answers the result with nothing in it that cannot be stored, and no more of it than fits.
func (r Result) clean() Result {
	for _, text := range []*string{&r.Reasoning, &r.Department, &r.Title, &r.Description, &r.FileSummary, &r.Integration, &r.Text} {
		*text = strings.TrimSpace(storable(*text))
	}
	r.Reasoning, r.FileSummary = beginning(r.Reasoning, mostNoted), beginning(r.FileSummary, ticket.MaxComment-1)
	r.Department = beginning(r.Department, ticket.MaxLabel-1)
	r.Tags = few(r.Tags, mostTags, ticket.MaxLabel-1)
	r.NextActions = few(r.NextActions, mostActions, mostNoted)
	return r
}

func few(list []string, most, length int) []string {
	var kept []string
	for _, text := range list {
		if text = strings.TrimSpace(storable(text)); text != "" && len(kept) < most && !slices.Contains(kept, text) {
			kept = append(kept, beginning(text, length))
		}
	}
	return kept
}

func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "")
}
