package mcp

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/article"
	"ticketd/domain/ticket"
	"ticketd/projections"
)

// Knowledge is the articles of organizations.
type Knowledge interface {
	// Search answers the articles that hold the words of a question, the best first.
	Search(ctx context.Context, org domain.OrgID, question string, limit int) ([]projections.ArticleHit, error)

	// Find answers one article. article.ErrNotFound when there is none in the organization.
	Find(ctx context.Context, org domain.OrgID, id article.ID) (projections.ArticleRow, error)
}

// Similar finds tickets that are about the same, of those that the caller may see: resolved ones first.
type Similar interface {
	// Similar answers tickets that are like a text.
	Similar(ctx context.Context, caller domain.Caller, text string, limit int) ([]projections.SimilarTicket, error)

	// SimilarTo is Similar for what a ticket says, without the ticket itself.
	SimilarTo(ctx context.Context, caller domain.Caller, row projections.TicketRow, limit int) ([]projections.SimilarTicket, error)
}

func (s *Server) knowledgeTools() {
	add(s, description{
		name: "search_knowledge_base", title: "Search the knowledge base", needs: domain.ReadArticles,
		text: "Full text search over the organization's articles, the best first. The best three come with their text, of which long ones are cut.",
	}, s.searchKnowledge)
	add(s, description{
		name: "find_similar_tickets", title: "Find similar tickets", needs: domain.ReadTickets,
		text: "Finds tickets that are about the same as a text, or as another ticket; resolved ones first, with what was done about them.",
	}, s.findSimilar)
}

type knowledgeArguments struct {
	Query string `json:"query" minLength:"1" maxLength:"500" doc:"Words to look for; as in a web search, with quotes, or and -."`
	Limit int    `json:"limit,omitempty" minimum:"1" maximum:"20" default:"10"`
}

// KnowledgeList is what was found in the knowledge base.
type KnowledgeList struct {
	Articles []KnowledgeArticle `json:"articles"`
}

// KnowledgeArticle is a page of the knowledge base.
type KnowledgeArticle struct {
	ID        uuid.UUID `json:"id"`
	Title     string    `json:"title"`
	Excerpt   string    `json:"excerpt" doc:"Where the words are in it, or how it begins."`
	Text      string    `json:"text,omitempty" doc:"What it says."`
	Truncated bool      `json:"text_truncated,omitempty" doc:"There is more of the text."`
	Tags      []string  `json:"tags"`
	Score     float64   `json:"score" doc:"How well it fits; only good to compare with the others."`
	SomeWords bool      `json:"some_words_only" doc:"No article holds all the words; this one holds some."`
	UpdatedAt Timestamp `json:"updated_at"`
}

const (
	wholeArticles = 3    // that a search shows the text of
	shownArticle  = 4000 // characters of it
)

func (s *Server) searchKnowledge(ctx context.Context, c call, in knowledgeArguments) (answer KnowledgeList, err error) {
	hits, err := s.Knowledge.Search(ctx, c.caller.Org, in.Query, limit(in.Limit))
	if err != nil {
		return answer, err
	}
	answer.Articles = []KnowledgeArticle{}
	for i, hit := range hits {
		shown := KnowledgeArticle{
			ID: hit.ID.UUID, Title: hit.Title, Excerpt: hit.Excerpt, Tags: orEmpty(hit.Tags), Score: hit.Rank, SomeWords: hit.Some, UpdatedAt: Timestamp(hit.UpdatedAt),
		}
		if i < wholeArticles {
			row, err := s.Knowledge.Find(ctx, c.caller.Org, hit.ID)
			if errors.Is(err, article.ErrNotFound) { // deleted meanwhile
				continue
			}
			if err != nil {
				return answer, err
			}
			shown.Text, shown.Truncated = cut(row.Body, shownArticle)
		}
		answer.Articles = append(answer.Articles, shown)
	}
	return answer, nil
}

type similarArguments struct {
	Text   string `json:"text,omitempty" minLength:"1" maxLength:"50000" doc:"What it is about. Either this or ticket_id."`
	Ticket string `json:"ticket_id,omitempty" minLength:"1" maxLength:"64" doc:"A ticket, by its id or its number as a text, that the others shall be like."`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"20" default:"10"`
}

// SimilarTickets are tickets that are about the same, resolved ones first.
type SimilarTickets struct {
	Tickets []TicketLike `json:"tickets"`
}

// TicketLike is a ticket that is about the same.
type TicketLike struct {
	ID                uuid.UUID       `json:"id" doc:"For get_ticket."`
	Number            int64           `json:"number"`
	Title             string          `json:"title"`
	Status            ticket.Status   `json:"status"`
	Category          ticket.Category `json:"category"`
	Priority          ticket.Level    `json:"priority"`
	ResolutionSummary string          `json:"resolution_summary,omitempty" doc:"What was done about it."`
	Score             float64         `json:"score" doc:"How alike they are, from 0 to 1."`
	CreatedAt         Timestamp       `json:"created_at"`
}

func (s *Server) findSimilar(ctx context.Context, c call, in similarArguments) (answer SimilarTickets, err error) {
	found, err := s.similarTo(ctx, c, in)
	if err != nil {
		return answer, err
	}
	answer.Tickets = make([]TicketLike, len(found))
	for i, t := range found {
		summary, _ := cut(t.ResolutionSummary, shownDescription)
		answer.Tickets[i] = TicketLike{
			ID: t.ID.UUID, Number: t.Number, Title: t.Title, Status: t.Status, Category: t.Category, Priority: t.Priority, ResolutionSummary: summary,
			Score: t.Rank, CreatedAt: Timestamp(t.CreatedAt),
		}
	}
	return answer, nil
}

func (s *Server) similarTo(ctx context.Context, c call, in similarArguments) ([]projections.SimilarTicket, error) {
	switch {
	case (in.Text == "") == (in.Ticket == ""):
		return nil, wrong("text", "Give either text or ticket_id.")
	case in.Text != "":
		return s.Similar.Similar(ctx, c.caller, in.Text, limit(in.Limit))
	}
	row, err := s.find(ctx, c, ticketRef{in.Ticket})
	if err != nil {
		return nil, err
	}
	return s.Similar.SimilarTo(ctx, c.caller, row, limit(in.Limit))
}
