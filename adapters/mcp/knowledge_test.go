package mcp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain/article"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/projections"
)

// written makes an article and answers its id.
func (d *desk) written(token, title, body string, tags ...string) uuid.UUID {
	d.Helper()
	id := commands.NewID()
	d.tell(d.callers[token].Org, id, article.Written{By: d.callers[token].User, Title: title, Body: body, Tags: tags})
	b := &pgx.Batch{}
	projections.ArticleSearch().Refresh(b, []uuid.UUID{id})
	require.NoError(d, d.pool.SendBatch(d.Context(), b).Close())
	return id
}

func TestSearchTheKnowledgeBase(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ink := d.written("sam", "Printers without ink", "Buy some.", "ink")
	d.written("sam", "Printers that burn", "Call the fire brigade. "+strings.Repeat("x", shownArticle))
	for i := range 3 {
		d.written("sam", fmt.Sprint("Note ", i), "It mentions printers.")
	}
	d.written("eve", "Printers elsewhere", "Not yours.")
	found := d.ok("bob", "search_knowledge_base", anyMap{"query": "printers"})["articles"].([]any)
	require.Len(t, found, 5)
	for i, entry := range found {
		shown := entry.(anyMap)
		require.Equal(t, i < wholeArticles, shown["text"] != nil)
		require.NotContains(t, shown["title"], "elsewhere")
		if shown["title"] == "Printers that burn" {
			require.Equal(t, true, shown["text_truncated"])
			require.True(t, strings.HasSuffix(shown["text"].(string), cutMark))
		}
	}
	best := d.ok("aud", "search_knowledge_base", anyMap{"query": "ink", "limit": 1})["articles"].([]any)[0].(anyMap)
	require.Equal(t, ink.String(), best["id"])
	require.Equal(t, "Buy some.", best["text"])
	require.Equal(t, []any{"ink"}, best["tags"])
	require.Equal(t, false, best["some_words_only"])
	require.Equal(t, true, d.ok("bob", "search_knowledge_base", anyMap{"query": "ink dragons"})["articles"].([]any)[0].(anyMap)["some_words_only"])
	require.Equal(t, []any{}, d.ok("bob", "search_knowledge_base", anyMap{"query": "dragons"})["articles"])

	d.world.findFault = article.ErrNotFound // deleted between the two looks
	require.Len(t, d.ok("bob", "search_knowledge_base", anyMap{"query": "printers"})["articles"], 2)
	d.world.findFault = errPort
	d.refuses("internal", "bob", "search_knowledge_base", anyMap{"query": "printers"})
	d.refuses("arguments_invalid", "bob", "search_knowledge_base", anyMap{"query": "printer", "limit": 21})
	d.refuses("arguments_invalid", "bob", "search_knowledge_base", anyMap{"query": ""})
}

func TestFindSimilarTickets(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	printer, other, done, foreign := d.opened("bob", "The laserjet is on fire"), d.opened("cyd", "Fire in a laserjet"), d.opened("bob", "My laserjet was on fire"), d.opened("eve", "A laserjet on fire")
	d.ok("sam", "update_ticket", anyMap{"ticket_id": done, "status": "resolved", "resolution_summary": strings.Repeat("x", 600)})
	d.index(printer, other, done, foreign)
	idsOf := func(answer anyMap) (ids []string) {
		for _, like := range answer["tickets"].([]any) {
			ids = append(ids, like.(anyMap)["id"].(string))
		}
		return ids
	}
	answer := d.ok("sam", "find_similar_tickets", anyMap{"text": "laserjet on fire"})
	require.Equal(t, done, idsOf(answer)[0], "what is resolved comes first")
	require.ElementsMatch(t, []string{printer, other, done}, idsOf(answer))
	require.Equal(t, strings.Repeat("x", 500)+cutMark, answer["tickets"].([]any)[0].(anyMap)["resolution_summary"])
	require.Len(t, idsOf(d.ok("sam", "find_similar_tickets", anyMap{"text": "laserjet on fire", "limit": 1})), 1)
	require.ElementsMatch(t, []string{printer, done}, idsOf(d.ok("bob", "find_similar_tickets", anyMap{"text": "laserjet on fire"})), "only one's own")
	for _, ref := range []string{printer, fmt.Sprint(d.row("bob", printer).Number)} {
		require.ElementsMatch(t, []string{done, other}, idsOf(d.ok("sam", "find_similar_tickets", anyMap{"ticket_id": ref})), "it is like itself")
	}
	require.Equal(t, []any{}, d.ok("bob", "find_similar_tickets", anyMap{"text": "dragons"})["tickets"])
	d.refuses("arguments_invalid", "bob", "find_similar_tickets", anyMap{})
	d.refuses("arguments_invalid", "bob", "find_similar_tickets", anyMap{"text": "Smoke", "ticket_id": printer})
	d.refuses("ticket_not_found", "cyd", "find_similar_tickets", anyMap{"ticket_id": printer})
	d.refuses("ticket_not_found", "eve", "find_similar_tickets", anyMap{"ticket_id": printer})
}

func TestCategorizeIssue(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.world.said = commands.Classification{
		Category: "bug", Confidence: 0.8, Priority: ticket.High, PriorityConfidence: 0.6, Title: "It burns", Tags: []string{"fire"}, Department: "IT", Reasons: []string{"It says burns.", "It is hot."},
	}
	note := d.uploaded("bob", "a.txt", file.Text, readings{file.Extraction: {Text: strings.Repeat("é", shownText+1)}})
	picture := d.uploaded("bob", "a.png", file.Image, readings{file.Validation: {Engine: "probe"}, file.OCR: {Text: "Out of paper"}})
	unread := d.uploading("bob", "b.txt", file.Text)
	said := d.ok("bob", "categorize_issue", anyMap{"title": "Printer", "description": "It burns.", "attachments": []anyMap{{"file_id": note}, {"file_id": unread}, {"file_id": picture}}})
	require.Equal(t, anyMap{
		"category": "bug", "confidence": 0.8, "priority": "high", "priority_confidence": 0.6, "title": "It burns", "tags": []any{"fire"}, "department": "IT",
		"reasoning": "It says burns. It is hot.", "reasons": []any{"It says burns.", "It is hot."},
	}, said)
	require.Equal(t, commands.HelpRequest{Title: "Printer", Description: "It burns.", Attached: []string{strings.Repeat("é", shownText), "Out of paper"}}, d.world.request)

	d.world.said = commands.Classification{Category: ticket.General, Priority: ticket.Medium}
	require.Equal(t, []any{}, d.ok("bob", "categorize_issue", anyMap{"description": "?"})["reasons"])
	require.Nil(t, d.world.request.Attached)
	require.Contains(t, d.refuses("unknown_files", "cyd", "categorize_issue", anyMap{"description": "?", "attachments": []anyMap{{"file_id": note}}}).Message, note)
	d.refuses("unknown_files", "eve", "categorize_issue", anyMap{"description": "?", "attachments": []anyMap{{"file_id": note}}})
	d.refuses("arguments_invalid", "bob", "categorize_issue", anyMap{"title": "Printer"})
}

func TestSystemHealth(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	require.Equal(t, anyMap{"status": "healthy", "database": "connected", "problems": []any{}, "version": "test"}, d.ok("aud", "get_system_health", nil))
	d.world.broken = map[string]string{"tickets": "has stopped", "program": "is stopping"}
	ill := d.ok("bob", "get_system_health", nil)
	require.Equal(t, "degraded", ill["status"])
	require.Equal(t, []any{anyMap{"part": "program", "reason": "is stopping"}, anyMap{"part": "tickets", "reason": "has stopped"}}, ill["problems"])
	d.world.broken, d.world.away = nil, errPort
	require.Equal(t, "unreachable", d.ok("bob", "get_system_health", nil)["database"])
	require.Equal(t, "degraded", d.ok("bob", "get_system_health", anyMap{})["status"])
	d.refuses("arguments_invalid", "bob", "get_system_health", anyMap{"verbose": true})
}
