package http

import (
	"context"
	"fmt"
	"maps"
	nethttp "net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
)

// longestRun is how long a request may wait for an agent: as long as a configuration may allow a run, and a little.
const longestRun = 10*time.Minute + 10*time.Second

func (s *Server) agentRoutes() {
	const making = "An agent reads what is said and the files, and makes a ticket with the rights of whoever asks. Entries of files that are no file id are context: " +
		"they are never opened. Without a model the built-in rules answer, and say so as provider \"builtin\"."
	for path, id := range map[string]string{"/api/v1/agent/create-ticket": "agent-create-ticket", "/api/v1/tickets/ai-create": "ai-create-ticket"} {
		register(s, op(id, nethttp.MethodPost, path, "Have an agent make a ticket", tagAgents, status201, aiBudget, within(longestRun), described(making), errs(400, 422, 503)), s.agentCreateTicket)
	}
	register(s, op("agent-categorize", nethttp.MethodPost, "/api/v1/agent/categorize", "Say what a request, or a ticket, is about", tagAgents, aiBudget, within(longestRun), errs(404, 422, 503)), s.agentCategorize)
	register(s, op("categorize-ticket", nethttp.MethodPost, "/api/v1/tickets/categorize", "Say what a request is about", tagAgents, aiBudget, within(longestRun), errs(422, 503)), s.agentCategorize)
	register(s, op("agent-analyze-files", nethttp.MethodPost, "/api/v1/agent/analyze-files", "Say what files tell", tagAgents, aiBudget, within(longestRun), errs(400, 422, 503)), s.agentAnalyzeFiles)
}

// AgentTicketRequest is what somebody wants a ticket to be made of.
type AgentTicketRequest struct {
	UserInput    string         `json:"user_input" minLength:"1" maxLength:"50000" example:"The export stops at 90 % since this morning"`
	Files        []string       `json:"files,omitempty" maxItems:"50" doc:"Ids of uploads. Whatever is no id is context, and is never opened."`
	History      []SaidBefore   `json:"conversation_history,omitempty" maxItems:"200"`
	UserMetadata map[string]any `json:"user_metadata,omitempty" doc:"What the browser knows: page, browser, operating system."`
	Integration  string         `json:"integration,omitempty" maxLength:"100" doc:"Where the ticket shall live too: a platform, of which the oldest integration that can be used is taken, or the id of an integration. What has come of it is in the ticket's integration_result." example:"jira"`
}

// SaidBefore is a message of the conversation that led to the request.
type SaidBefore struct {
	Role    string `json:"role" enum:"user,assistant,system"`
	Content string `json:"content" maxLength:"50000"`
}

// AgentTicket is the ticket that an agent made, and why it is as it is.
type AgentTicket struct {
	TicketID uuid.UUID `json:"ticket_id" format:"uuid"`
	Ticket   Ticket    `json:"ticket"`
	Categorized
	FileSummary string   `json:"file_analysis_summary"`
	Integration *string  `json:"recommended_integration"`
	NextActions []string `json:"next_actions"`
}

// Categorized is what an agent takes a request for.
type Categorized struct {
	Category        string    `json:"category"`
	Priority        string    `json:"priority"`
	Confidence      float64   `json:"confidence" doc:"From 0 to 1, of the category."`
	ConfidenceScore float64   `json:"confidence_score" doc:"The same as confidence."`
	Reasoning       string    `json:"reasoning"`
	Tags            []string  `json:"tags"`
	Provider        string    `json:"provider" doc:"builtin: the rules of the program, and no model."`
	Model           string    `json:"model"`
	RunID           uuid.UUID `json:"run_id" format:"uuid"`
}

func renderCategorized(out commands.Outcome) Categorized {
	shown := Categorized{
		Category: string(out.Result.Category), Priority: string(out.Result.Priority), Reasoning: out.Result.Reasoning, Tags: orEmpty(out.Result.Tags),
		Provider: out.Provider, Model: out.Model, RunID: out.Run,
	}
	if out.Result.Confidence != nil {
		shown.Confidence, shown.ConfidenceScore = *out.Result.Confidence, *out.Result.Confidence
	}
	return shown
}

type agentTicketAnswer struct {
	ETag          string   `header:"ETag" doc:"Of the ticket."`
	Location      string   `header:"Location"`
	EventPosition Position `header:"X-Event-Position"`
	Body          AgentTicket
}

func (s *Server) agentCreateTicket(ctx context.Context, in *struct{ Body AgentTicketRequest }) (*agentTicketAnswer, error) {
	ask := commands.Ask{Agent: domain.CustomerSupport, Purpose: agentrun.CreateTicket, Text: in.Body.UserInput, Integration: strings.TrimSpace(in.Body.Integration)}
	ask.Files, ask.Context = filesAndContext(in.Body.Files)
	for _, name := range slices.Sorted(maps.Keys(in.Body.UserMetadata)) {
		ask.Context = append(ask.Context, fmt.Sprintf("%s: %v", name, in.Body.UserMetadata[name]))
	}
	if ask.Integration != "" {
		ask.Context = append(ask.Context, "wanted integration: "+ask.Integration)
	}
	for _, m := range in.Body.History {
		role := commands.UserTurn
		if m.Role == string(commands.AssistantTurn) {
			role = commands.AssistantTurn
		}
		ask.History = append(ask.History, commands.Turn{Role: role, Text: m.Content})
	}
	caller := callerOf(ctx)
	out, err := s.Agents.Run(ctx, request(ctx), caller, newID(ctx), ask)
	if err != nil {
		return nil, err
	}
	stream, err := s.Log.Load(ctx, caller.Org.UUID, out.Ticket)
	if err != nil {
		return nil, err
	}
	shown, err := s.answerTicket(ctx, stream)
	if err != nil {
		return nil, err
	}
	if shown.Body.IntegrationResult == nil && ask.Integration != "" {
		if shown.Body.IntegrationResult, err = s.sentNowhere(ctx, caller.Org, ask.Integration); err != nil {
			return nil, err
		}
	}
	made := AgentTicket{
		TicketID: out.Ticket, Ticket: shown.Body, Categorized: renderCategorized(out), FileSummary: out.Result.FileSummary,
		Integration: unlessBlank(out.Result.Integration), NextActions: orEmpty(out.Result.NextActions),
	}
	return &agentTicketAnswer{ETag: shown.ETag, Location: "/api/v1/tickets/" + out.Ticket.String(), EventPosition: shown.EventPosition, Body: made}, nil
}

// sentNowhere says why a ticket was sent nowhere; nil when it could be now.
func (s *Server) sentNowhere(ctx context.Context, org domain.OrgID, wanted string) (*IntegrationResult, error) {
	to, err := s.Integrations.Rows.Destination(ctx, org, integration.WishFor(wanted))
	if err != nil || to.Integration != uuid.Nil {
		return nil, err
	}
	return &IntegrationResult{Status: string(ticket.DeliverySkipped), Reason: to.Why}, nil
}

// filesAndContext tells ids of uploads from what else clients send in their place.
func filesAndContext(entries []string) (files []domain.FileID, context []string) {
	for _, entry := range entries {
		if id, err := uuid.Parse(strings.TrimSpace(entry)); err == nil {
			files = append(files, domain.FileID{UUID: id})
		} else if strings.TrimSpace(entry) != "" {
			context = append(context, entry)
		}
	}
	return files, context
}

// CategorizeRequest names what is to be categorized: a text, or a ticket.
type CategorizeRequest struct {
	Title       string `json:"title,omitempty" maxLength:"500"`
	Description string `json:"description,omitempty" maxLength:"50000"`
	TicketID    string `json:"ticket_id,omitempty" maxLength:"64" doc:"A ticket that there is; what the agent says is noted on it."`
}

type categorizedAnswer struct {
	ETag          string   `header:"ETag" doc:"Of the ticket, where there is one."`
	EventPosition Position `header:"X-Event-Position"`
	Body          Categorized
}

func (s *Server) agentCategorize(ctx context.Context, in *struct{ Body CategorizeRequest }) (*categorizedAnswer, error) {
	ask := commands.Ask{Agent: domain.Categorization, Purpose: agentrun.CategorizeText, Title: in.Body.Title, Text: in.Body.Description}
	caller := callerOf(ctx)
	switch {
	case in.Body.TicketID != "":
		row, err := s.TicketRows.FindVisible(ctx, caller, in.Body.TicketID)
		if err != nil {
			return nil, err
		}
		ask = commands.Ask{Agent: domain.Categorization, Purpose: agentrun.CategorizeTicket, Ticket: row.ID.UUID}
	case strings.TrimSpace(ask.Text) == "":
		return nil, &domain.Error{Kind: domain.Invalid, Code: "nothing_to_categorize", Message: "description must not be empty, unless ticket_id is there.", Field: "description"}
	}
	out, err := s.Agents.Run(ctx, request(ctx), caller, newID(ctx), ask)
	if err != nil {
		return nil, err
	}
	answer := &categorizedAnswer{Body: renderCategorized(out)}
	if ask.Ticket == uuid.Nil {
		return answer, nil
	}
	stream, err := s.Log.Load(ctx, caller.Org.UUID, ask.Ticket)
	if err != nil {
		return nil, err
	}
	answer.ETag, answer.EventPosition = etag(stream.Version()), positionOf(stream)
	return answer, nil
}

// FilesToAnalyze names uploads.
type FilesToAnalyze struct {
	Files []any `json:"files" minItems:"1" maxItems:"50" doc:"Ids of uploads."`
}

// AnalyzedFiles is what an agent found in files.
type AnalyzedFiles struct {
	Files    []AnalyzedFile `json:"files"`
	Summary  string         `json:"file_analysis_summary"`
	Provider string         `json:"provider"`
	Model    string         `json:"model"`
	RunID    uuid.UUID      `json:"run_id" format:"uuid"`
}

// AnalyzedFile is what an agent found in one file.
type AnalyzedFile struct {
	FileID   uuid.UUID `json:"file_id" format:"uuid"`
	Filename string    `json:"filename"`
	Text     string    `json:"text" doc:"The beginning of what was read."`
	Insights []string  `json:"insights"`
	Status   string    `json:"status"`
}

func (s *Server) agentAnalyzeFiles(ctx context.Context, in *struct{ Body FilesToAnalyze }) (*struct{ Body AnalyzedFiles }, error) {
	files, err := AttachmentInput{FileIDs: in.Body.Files}.parse(ctx)
	if err != nil {
		return nil, err
	}
	ask := commands.Ask{Agent: domain.FileAnalysis, Purpose: agentrun.AnalyzeFiles}
	for _, f := range files {
		ask.Files = append(ask.Files, f.FileID)
	}
	out, err := s.Agents.Run(ctx, request(ctx), callerOf(ctx), newID(ctx), ask)
	if err != nil {
		return nil, err
	}
	shown := AnalyzedFiles{Files: []AnalyzedFile{}, Summary: out.Result.FileSummary, Provider: out.Provider, Model: out.Model, RunID: out.Run}
	for _, f := range out.Result.Files {
		shown.Files = append(shown.Files, AnalyzedFile{FileID: f.FileID.UUID, Filename: f.Filename, Text: f.Text, Insights: orEmpty(f.Insights), Status: f.Status})
	}
	return &struct{ Body AnalyzedFiles }{shown}, nil
}
