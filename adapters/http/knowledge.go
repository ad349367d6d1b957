package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/article"
	"ticketd/eventstore"
	"ticketd/projections"
)

// tagKnowledge groups what helps to answer a ticket.
const tagKnowledge = "knowledge"

func (s *Server) knowledgeRoutes() {
	register(s, op("write-article", nethttp.MethodPost, "/api/v1/knowledge/articles", "Write an article of the knowledge base", tagKnowledge, status201, errs(409, 415)), s.writeArticle)
	register(s, op("list-articles", nethttp.MethodGet, "/api/v1/knowledge/articles", "List articles, newest first", tagKnowledge), s.listArticles)
	register(s, op("search-articles", nethttp.MethodGet, "/api/v1/knowledge/search", "Find articles by their words", tagKnowledge, described(howArticlesAreFound)), s.searchArticles)
	register(s, op("get-article", nethttp.MethodGet, "/api/v1/knowledge/articles/{article_id}", "Get an article, as it is or as it was", tagKnowledge, described(asItWas), errs(404)), s.getArticle)
	register(s, op("update-article", nethttp.MethodPatch, "/api/v1/knowledge/articles/{article_id}", "Change the supplied fields", tagKnowledge, errs(404, 409, 412, 415)), s.reviseArticle)
	register(s, op("put-article", nethttp.MethodPut, "/api/v1/knowledge/articles/{article_id}", "Change the supplied fields, as PATCH does", tagKnowledge, errs(404, 409, 412, 415)), s.reviseArticle)
	register(s, op("delete-article", nethttp.MethodDelete, "/api/v1/knowledge/articles/{article_id}", "Delete an article; its history stays", tagKnowledge, status204, errs(404, 409, 412)), s.deleteArticle)
	register(s, op("similar-tickets", nethttp.MethodGet, "/api/v1/tickets/{ticket_id}/similar", "Tickets that are like this one", tagTickets, described(howTicketsAreAlike), errs(404)), s.similarTickets)
}

const howArticlesAreFound = "Best first: articles that hold all the words of q or, when there are none, those that hold any of them, whose match is \"some\". " +
	"An article is found a moment after it was written or changed: its words are read after the answer."

// ArticleID is the path parameter of every article route.
type ArticleID struct {
	ID uuid.UUID `path:"article_id" format:"uuid"`
}

func (in ArticleID) article() article.ID { return article.ID{UUID: in.ID} }

// Article is a page of the knowledge base.
type Article struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	Tags      []string  `json:"tags"`
	CreatedBy Person    `json:"created_by"`
	UpdatedBy Person    `json:"updated_by" doc:"Who changed it last."`
	Version   int       `json:"version"`
	CreatedAt Timestamp `json:"created_at"`
	UpdatedAt Timestamp `json:"updated_at"`
}

// ListedArticle is an article without its body, which may be long.
type ListedArticle struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Title     string    `json:"title"`
	Excerpt   string    `json:"excerpt" doc:"How the body begins or, of a search, the part of it where the words stand; on one line, cut with an ellipsis."`
	Tags      []string  `json:"tags"`
	CreatedBy Person    `json:"created_by"`
	UpdatedBy Person    `json:"updated_by" doc:"Who changed it last."`
	Version   int       `json:"version"`
	CreatedAt Timestamp `json:"created_at"`
	UpdatedAt Timestamp `json:"updated_at"`
}

// FoundArticle is an article that a search found.
type FoundArticle struct {
	ListedArticle
	Rank  float64 `json:"rank" doc:"Higher is better; it compares the articles of one answer only."`
	Match string  `json:"match" enum:"all,some" doc:"Whether it holds all the words that were asked for."`
}

// ArticleAnswer is one article.
type ArticleAnswer struct {
	ETag          string   `header:"ETag"`
	Location      string   `header:"Location"`
	EventPosition Position `header:"X-Event-Position"`
	Body          Article
}

func (s *Server) writeArticle(ctx context.Context, in *struct {
	Body struct {
		Title string   `json:"title" minLength:"1" maxLength:"500" example:"Resetting a password"`
		Body  string   `json:"body" minLength:"1" maxLength:"200000" example:"Choose \"Forgotten\" on the page where you sign in."`
		Tags  []string `json:"tags,omitempty"`
	}
},
) (*ArticleAnswer, error) {
	stream, err := s.Articles.Create(ctx, request(ctx), newID(ctx), article.Write{
		Content: article.Content{Title: in.Body.Title, Body: in.Body.Body, Tags: in.Body.Tags}, By: callerOf(ctx).Actor,
	})
	if err != nil {
		return nil, err
	}
	answer, err := s.answerArticle(ctx, stream)
	if err == nil {
		answer.Location = "/api/v1/knowledge/articles/" + stream.ID.String()
	}
	return answer, err
}

// answerArticle renders the row that a stream leads to: what the next GET will show.
func (s *Server) answerArticle(ctx context.Context, stream eventstore.Stream) (*ArticleAnswer, error) {
	answer, err := s.showArticle(ctx, projections.Fold(projections.ApplyArticle, stream.Events))
	if err == nil {
		answer.EventPosition = positionOf(stream)
	}
	return answer, err
}

func (s *Server) showArticle(ctx context.Context, row projections.ArticleRow) (*ArticleAnswer, error) {
	people, err := s.People.Names(ctx, row.Org, []domain.UserID{row.WrittenBy, row.RevisedBy})
	if err != nil {
		return nil, err
	}
	return &ArticleAnswer{ETag: etag(row.Version), Body: Article{
		ID: row.ID.UUID, Title: row.Title, Body: row.Body, Tags: orEmpty(row.Tags), CreatedBy: renderPerson(row.WrittenBy, people),
		UpdatedBy: renderPerson(row.RevisedBy, people), Version: row.Version, CreatedAt: Timestamp(row.CreatedAt), UpdatedAt: Timestamp(row.UpdatedAt),
	}}, nil
}

// renderEntries shows articles without their bodies.
func (s *Server) renderEntries(ctx context.Context, entries []projections.ArticleEntry) ([]ListedArticle, error) {
	var ids []domain.UserID
	for _, e := range entries {
		ids = append(ids, e.WrittenBy, e.RevisedBy)
	}
	people, err := s.People.Names(ctx, callerOf(ctx).Org, ids)
	if err != nil {
		return nil, err
	}
	listed := make([]ListedArticle, len(entries))
	for i, e := range entries {
		listed[i] = ListedArticle{
			ID: e.ID.UUID, Title: e.Title, Excerpt: e.Excerpt, Tags: orEmpty(e.Tags), CreatedBy: renderPerson(e.WrittenBy, people),
			UpdatedBy: renderPerson(e.RevisedBy, people), Version: e.Version, CreatedAt: Timestamp(e.CreatedAt), UpdatedAt: Timestamp(e.UpdatedAt),
		}
	}
	return listed, nil
}

type listArticlesAnswer struct {
	TotalCount int `header:"X-Total-Count"`
	Body       []ListedArticle
}

func (s *Server) listArticles(ctx context.Context, in *struct {
	Limit  int `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Offset int `query:"offset" minimum:"0" maximum:"100000"`
},
) (*listArticlesAnswer, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ReadArticles) {
		return nil, domain.ErrForbidden
	}
	page, total, err := s.ArticleRows.List(ctx, caller.Org, in.Limit, in.Offset)
	if err != nil {
		return nil, err
	}
	listed, err := s.renderEntries(ctx, page)
	if err != nil {
		return nil, err
	}
	return &listArticlesAnswer{TotalCount: total, Body: listed}, nil
}

func (s *Server) searchArticles(ctx context.Context, in *struct {
	Query string `query:"q" required:"true" minLength:"1" maxLength:"500" doc:"As in a web search, with quotes, or and -."`
	Limit int    `query:"limit" minimum:"1" maximum:"50" default:"10"`
},
) (*struct{ Body []FoundArticle }, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ReadArticles) {
		return nil, domain.ErrForbidden
	}
	if !domain.Storable(in.Query) {
		return nil, newProblem(ctx, nethttp.StatusUnprocessableEntity, "", "q holds characters that are not text.", ProblemField{Location: "query.q", Message: "not text"})
	}
	hits, err := s.ArticleRows.Search(ctx, caller.Org, in.Query, in.Limit)
	if err != nil {
		return nil, err
	}
	entries := make([]projections.ArticleEntry, len(hits))
	for i, hit := range hits {
		entries[i] = hit.ArticleEntry
	}
	listed, err := s.renderEntries(ctx, entries)
	if err != nil {
		return nil, err
	}
	found := make([]FoundArticle, len(hits))
	for i, hit := range hits {
		found[i] = FoundArticle{ListedArticle: listed[i], Rank: hit.Rank, Match: "all"}
		if hit.Some {
			found[i].Match = "some"
		}
	}
	return &struct{ Body []FoundArticle }{found}, nil
}

func (s *Server) getArticle(ctx context.Context, in *struct {
	ArticleID
	Then
},
) (*ArticleAnswer, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ReadArticles) {
		return nil, domain.ErrForbidden
	}
	past, err := in.past(ctx)
	if err != nil {
		return nil, err
	}
	row, err := s.ArticleRows.FindEver(ctx, caller.Org, in.article())
	switch {
	case err != nil:
		return nil, err
	case row.Deleted && (past.isNow() || !caller.Can(domain.ReadAudit)):
		return nil, article.ErrNotFound
	}
	if !past.isNow() {
		stream, err := s.pastStream(ctx, in.ID, past, article.ErrNotFound)
		if err != nil {
			return nil, err
		}
		if row = projections.Fold(projections.ApplyArticle, stream.Events); !row.Exists() {
			return nil, article.ErrNotFound
		}
	}
	return s.showArticle(ctx, row)
}

func (s *Server) reviseArticle(ctx context.Context, in *struct {
	ArticleID
	IfMatch
	Body struct {
		Title Optional[string]   `json:"title,omitzero" minLength:"1" maxLength:"500"`
		Body  Optional[string]   `json:"body,omitzero" minLength:"1" maxLength:"200000"`
		Tags  Optional[[]string] `json:"tags,omitzero"`
	}
},
) (*ArticleAnswer, error) {
	b := in.Body
	stream, err := s.changeArticle(ctx, in.ArticleID, in.IfMatch, article.Revise{Title: b.Title.ptr(), Body: b.Body.ptr(), Tags: b.Tags.ptr(), By: callerOf(ctx).Actor})
	if err != nil {
		return nil, err
	}
	return s.answerArticle(ctx, stream)
}

func (s *Server) deleteArticle(ctx context.Context, in *struct {
	ArticleID
	IfMatch
},
) (*DeletedAnswer, error) {
	stream, err := s.changeArticle(ctx, in.ArticleID, in.IfMatch, article.Delete{By: callerOf(ctx).Actor})
	if err != nil {
		return nil, err
	}
	return &DeletedAnswer{EventPosition: positionOf(stream)}, nil
}

func (s *Server) changeArticle(ctx context.Context, in ArticleID, match IfMatch, cmd article.Command) (eventstore.Stream, error) {
	r, err := match.request(ctx)
	if err != nil {
		return eventstore.Stream{}, err
	}
	return s.Articles.Handle(ctx, r, in.ID, cmd)
}
