package commands

import (
	"encoding/json"
	"maps"
	"slices"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/ticket"
)

// form is what an answer must look like.
type form int

const (
	categoryForm form = iota
	ticketForm
	filesForm
	titleForm
	textForm
)

// form is that of the answer. A test of a configuration asks for what the agent is there for.
func (a Ask) form() form {
	switch a.Purpose {
	case agentrun.CreateTicket:
		return ticketForm
	case agentrun.CategorizeTicket, agentrun.CategorizeText, agentrun.Shadow:
		return categoryForm
	case agentrun.AnalyzeFiles:
		return filesForm
	case agentrun.Title:
		return titleForm
	case agentrun.Reply:
		return textForm
	case agentrun.Test:
	}
	switch a.Agent {
	case domain.CustomerSupport:
		return ticketForm
	case domain.FileAnalysis:
		return filesForm
	case domain.TitleGeneration:
		return titleForm
	case domain.Summary:
		return textForm
	case domain.Categorization:
	}
	return categoryForm
}

// wanted lists what an answer must hold.
func (f form) wanted() []string {
	switch f {
	case ticketForm:
		return []string{"title", "description", "category", "priority", "confidence"}
	case categoryForm:
		return []string{"category", "priority", "confidence"}
	case titleForm:
		return []string{"title"}
	case textForm:
		return []string{"text"}
	case filesForm:
	}
	return nil
}

// schema is the form for models, with what they are asked for; nil: text.
func (f form) schema(purpose agentrun.Purpose) *Schema {
	text := map[string]any{"type": "string"}
	texts := map[string]any{"type": "array", "items": text}
	fields := map[string]any{
		"category": map[string]any{"type": "string", "enum": ticket.Categories}, "priority": map[string]any{"type": "string", "enum": ticket.Levels},
		"confidence": map[string]any{"type": "number", "description": "from 0 to 1, how sure you are of the category"}, "reasoning": text, "tags": texts,
	}
	switch f {
	case ticketForm:
		maps.Copy(fields, map[string]any{
			"title": text, "description": text, "department": text, "file_analysis_summary": text, "recommended_integration": text, "next_actions": texts,
		})
	case titleForm:
		fields = map[string]any{"title": text}
	case filesForm:
		fields = map[string]any{"file_analysis_summary": text, "files": map[string]any{"type": "array", "items": map[string]any{
			"type": "object", "additionalProperties": false, "required": []string{"filename", "insights"},
			"properties": map[string]any{"filename": text, "insights": texts},
		}}}
	case textForm:
		return nil
	case categoryForm:
	}
	schema, err := json.Marshal(map[string]any{
		"type": "object", "additionalProperties": false, "properties": fields, "required": slices.Sorted(maps.Keys(fields)),
	})
	if err != nil { // maps of strings marshal
		panic(err)
	}
	return &Schema{Name: string(purpose), Schema: schema}
}
