package mcp

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
)

func (s *Server) categorizeTools() {
	add(s, description{
		name: "categorize_issue", title: "Say what an issue is about", needs: domain.UseAgents,
		text: "Says by visible rules which category and priority an issue has, how sure that is, and why. What the rules cannot tell is general, with little confidence.",
	}, s.categorize)
}

type categorizeArguments struct {
	Title       string       `json:"title,omitempty" maxLength:"500"`
	Description string       `json:"description" minLength:"1" maxLength:"50000" doc:"What somebody says."`
	Attachments []attachment `json:"attachments,omitempty" maxItems:"10" doc:"Uploads whose texts belong to it."`
}

// Categorized is what the rules say.
type Categorized struct {
	Category           ticket.Category `json:"category"`
	Confidence         float64         `json:"confidence" doc:"Of the category, from 0 to 1: of what says 0.9, nine in ten are right."`
	Priority           ticket.Level    `json:"priority"`
	PriorityConfidence float64         `json:"priority_confidence"`
	Title              string          `json:"title" doc:"Made of the issue's own words."`
	Tags               []string        `json:"tags"`
	Department         string          `json:"department,omitempty" doc:"Who it should go to."`
	Reasoning          string          `json:"reasoning"`
	Reasons            []string        `json:"reasons" doc:"The rules that decided."`
}

func (s *Server) categorize(ctx context.Context, c call, in categorizeArguments) (answer Categorized, err error) {
	texts, err := s.textsOf(ctx, c, in.Attachments)
	if err != nil {
		return answer, err
	}
	said := s.Classifier.Classify(ctx, c.caller.Org, commands.HelpRequest{Title: in.Title, Description: in.Description, Attached: texts})
	return Categorized{
		Category: said.Category, Confidence: said.Confidence, Priority: said.Priority, PriorityConfidence: said.PriorityConfidence,
		Title: said.Title, Tags: orEmpty(said.Tags), Department: said.Department, Reasoning: strings.Join(said.Reasons, " "), Reasons: orEmpty(said.Reasons),
	}, nil
}

// textsOf answers what was read so far from uploads. It is for rules that look at whatever there is, so it waits for none.
func (s *Server) textsOf(ctx context.Context, c call, attachments []attachment) ([]string, error) {
	if len(attachments) == 0 {
		return nil, nil
	}
	ids := make([]domain.FileID, len(attachments))
	for i, a := range attachments {
		ids[i] = domain.FileID{UUID: a.FileID}
	}
	missing, err := s.FileRows.Missing(ctx, c.caller.Org, c.caller.Actor, ids)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, unknownFiles(missing)
	}
	rows, err := s.FileRows.Named(ctx, c.caller.Org, ids)
	if err != nil {
		return nil, err
	}
	var refs []file.ReadingRef
	for _, id := range ids {
		for _, stage := range rows[id].Stages {
			refs = append(refs, stage.Reading)
		}
	}
	readings, err := s.Readings.Find(ctx, c.caller.Org, refs...)
	if err != nil {
		return nil, err
	}
	return textsIn(refs, readings), nil
}

// textsIn answers the texts of readings in the order of what refers to them.
func textsIn(refs []file.ReadingRef, readings map[uuid.UUID]file.Reading) []string {
	var texts []string
	for _, ref := range refs {
		if r := readings[ref.ID]; ref.ID != uuid.Nil && r.Text != "" {
			texts = append(texts, file.Cut(r.Text, shownText))
		}
	}
	return texts
}

func unknownFiles(missing []domain.FileID) error {
	names := make([]string, len(missing))
	for i, id := range missing {
		names[i] = id.String()
	}
	return commands.ErrUnknownFiles.With("Invalid or inaccessible files: {" + strings.Join(names, ", ") + "}")
}
