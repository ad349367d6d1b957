package projections

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain"
	"ticketd/domain/ticket"
)

const (
	mostCompared   = 8000 // characters of a text that are looked at
	mostWeighed    = 30   // words of it that may be telling: those it begins with
	mostTelling    = 12   // of them that tickets are looked for by
	sampled        = 200  // of the newest tickets tell which words are common
	commonInSample = 10   // of them hold a common word
	fewRare        = 3    // so many rare words find enough
	rareWord       = 50   // tickets: a word that so many hold tells little, and its tickets are too many to compare
	mostPaired     = 4    // where rare words find too few, so many others are looked for two at a time
	mostLike       = 1000 // tickets that are compared: the newest
	leastLike      = 0.15 // a ticket that shares less is not similar
)

// SimilarTicket is a ticket that shares telling words with a text.
type SimilarTicket struct {
	ID                ticket.ID
	Number            int64
	Title             string
	Status            ticket.Status
	Priority          ticket.Level
	Category          ticket.Category
	ResolutionSummary string
	Rank              float64 // how much of what is telling in the text the ticket shares, from 0 to 1
	ResolvedAt        *time.Time
	CreatedAt         time.Time
}

// Similar answers the tickets of the caller's organization that are like a text, of those that the caller may see:
// resolved and closed ones first, for they tell what helped, and then those that share the most.
func (t *Tickets) Similar(ctx context.Context, caller domain.Caller, text string, limit int) ([]SimilarTicket, error) {
	return t.similar(ctx, caller, uuid.Nil, text, limit)
}

// SimilarTo is Similar for what a ticket says, without the ticket itself.
func (t *Tickets) SimilarTo(ctx context.Context, caller domain.Caller, row TicketRow, limit int) ([]SimilarTicket, error) {
	return t.similar(ctx, caller, row.ID.UUID, row.Title+"\n"+row.Description, limit)
}

// similar looks for the most telling words of a text in the index of words.
//
// # Why
//
// Looking for all words of a text would find nearly every ticket, and reading their words to rank them would take seconds.
// How rare a word is decides: the newest tickets tell which words are common, and of each other one it is enough to count
// up to fifty tickets in the index.
func (t *Tickets) similar(ctx context.Context, caller domain.Caller, except uuid.UUID, text string, limit int) ([]SimilarTicket, error) {
	if !caller.Can(domain.ReadTickets) {
		return nil, nil
	}
	words, err := t.weigh(ctx, caller.Org, except, text)
	if err != nil {
		return nil, fmt.Errorf("weigh the words of a text: %w", err)
	}
	if len(words) == 0 {
		return nil, nil
	}
	similar, err := t.sharing(ctx, caller, except, words, limit)
	if err != nil {
		return nil, fmt.Errorf("find similar tickets: %w", err)
	}
	return similar, nil
}

// tellingWord is a word of a text, as the index has it.
type tellingWord struct {
	word    string
	times   int // that the text says it
	tickets int // that hold it, counted up to rareWord
}

func (w tellingWord) rare() bool { return w.tickets < rareWord }

// weight is higher the fewer tickets hold the word, and the more often the text says it.
func (w tellingWord) weight() float64 {
	return (1 + math.Log(float64(rareWord)/float64(w.tickets))) * (1 + math.Log(float64(w.times)))
}

// weigh answers the most telling words of a text that other tickets hold too, the most telling first.
func (t *Tickets) weigh(ctx context.Context, org domain.OrgID, except uuid.UUID, text string) ([]tellingWord, error) {
	words, err := t.wordsOf(ctx, org, text)
	if err != nil || len(words) == 0 {
		return nil, err
	}
	if err := t.countHolders(ctx, org, except, words); err != nil {
		return nil, err
	}
	words = slices.DeleteFunc(words, func(w tellingWord) bool { return w.tickets == 0 })
	slices.SortStableFunc(words, func(a, b tellingWord) int { return cmp.Compare(b.weight(), a.weight()) })
	return words[:min(mostTelling, len(words))], nil
}

// wordsOf answers the words that a text begins with. Those that many of the newest tickets hold count as no rare ones.
func (t *Tickets) wordsOf(ctx context.Context, org domain.OrgID, text string) ([]tellingWord, error) {
	rows, err := t.pool.Query(ctx, fmt.Sprintf(`
		WITH said AS MATERIALIZED (
			SELECT lexeme, cardinality(positions) AS times, positions[1] AS place FROM unnest(to_tsvector('english', $2)) ORDER BY place, lexeme LIMIT %d
		), sample AS MATERIALIZED (
			SELECT words FROM ticket_search WHERE org_id = $1 ORDER BY created_at DESC, ticket_id DESC LIMIT %d
		)
		SELECT lexeme, times, CASE WHEN lexeme IN (
			SELECT held.lexeme FROM sample CROSS JOIN unnest(tsvector_to_array(words)) AS held (lexeme)
			WHERE held.lexeme IN (SELECT lexeme FROM said) GROUP BY held.lexeme HAVING count(*) >= %d
		) THEN %d ELSE 0 END FROM said ORDER BY place, lexeme`, mostWeighed, sampled, commonInSample, rareWord), planning(true), [16]byte(org.UUID), storable(text, mostCompared))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (w tellingWord, err error) {
		return w, row.Scan(&w.word, &w.times, &w.tickets)
	})
}

// countHolders counts the tickets that hold each word that may be rare. Each count is planned by itself.
func (t *Tickets) countHolders(ctx context.Context, org domain.OrgID, except uuid.UUID, words []tellingWord) error {
	args := []any{planning(true), [16]byte(org.UUID), [16]byte(except)}
	var counts []string
	var into []any
	for i := range words {
		if !words[i].rare() {
			continue
		}
		args, into = append(args, joinWords([]string{words[i].word}, "")), append(into, &words[i].tickets)
		counts = append(counts, fmt.Sprintf(`(SELECT count(*) FROM (SELECT FROM ticket_search WHERE org_id = $1 AND ticket_id <> $2 AND words @@ $%d::tsquery LIMIT %d) AS holders)`,
			len(args)-1, rareWord))
	}
	if len(counts) == 0 {
		return nil
	}
	return t.pool.QueryRow(ctx, `SELECT `+strings.Join(counts, ", "), args...).Scan(into...)
}

// pairsOf answers the query for what holds any two of the words.
func pairsOf(words []string) string {
	var pairs []string
	for i, one := range words {
		for _, other := range words[i+1:] {
			pairs = append(pairs, joinWords([]string{one, other}, " & "))
		}
	}
	return strings.Join(pairs, " | ")
}

// sharing answers the tickets that share some of the words.
func (t *Tickets) sharing(ctx context.Context, caller domain.Caller, except uuid.UUID, words []tellingWord, limit int) ([]SimilarTicket, error) {
	var all, rare, queries []string
	var weights []float64
	var total float64
	for _, w := range words {
		all = append(all, w.word)
		if w.rare() {
			rare = append(rare, w.word)
		}
		queries, weights = append(queries, joinWords([]string{w.word}, "")), append(weights, w.weight())
		total += w.weight()
	}
	for i := range weights {
		weights[i] /= total
	}
	args := []any{planning(true), [16]byte(caller.Org.UUID), [16]byte(except), queries, weights}
	own := ""
	if !caller.May(domain.ReadTickets) {
		args = append(args, [16]byte(caller.User.UUID))
		own = ` AND ticket_id IN (
			SELECT id FROM tickets WHERE org_id = $1 AND NOT deleted AND created_by = $5
			UNION ALL SELECT id FROM tickets WHERE org_id = $1 AND NOT deleted AND assignee = $5)`
	}
	walk := func(query string) string {
		args = append(args, query)
		return fmt.Sprintf(`(SELECT ticket_id, words FROM ticket_search WHERE org_id = $1 AND ticket_id <> $2 AND words @@ $%d::tsquery%s
			ORDER BY created_at DESC, ticket_id DESC LIMIT %d)`, len(args)-1, own, mostLike)
	}
	var found string
	switch {
	case len(rare) >= fewRare:
		found = walk(anyOf(rare))
	case len(all) > 1:
		found = walk(pairsOf(all[:min(mostPaired, len(all))])) + ` UNION ALL ` + walk(anyOf(all))
	default:
		found = walk(anyOf(all))
	}
	rows, err := t.pool.Query(ctx, fmt.Sprintf(`
		WITH telling AS MATERIALIZED (
			SELECT query::tsquery AS word, weight FROM unnest($3::text[], $4::float8[]) AS w (query, weight)
		), found AS MATERIALIZED (
			SELECT DISTINCT ON (ticket_id) ticket_id, words FROM (%s) AS walks
		), alike AS MATERIALIZED (
			SELECT ticket_id, (SELECT least(sum(weight), 1) FROM telling WHERE found.words @@ word) AS rank FROM found
		)
		SELECT t.id, t.number, t.title, t.status, t.priority, t.category, t.resolution_summary, t.resolved_at, t.created_at, alike.rank
		FROM alike JOIN tickets t ON t.id = alike.ticket_id AND NOT t.deleted
		WHERE alike.rank >= %g ORDER BY t.status IN ('resolved', 'closed') DESC, alike.rank DESC, t.created_at DESC, t.id DESC LIMIT %d`,
		found, leastLike, limit), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s SimilarTicket, err error) {
		return s, row.Scan((*[16]byte)(&s.ID.UUID), &s.Number, &s.Title, &s.Status, &s.Priority, &s.Category, &s.ResolutionSummary, &s.ResolvedAt, &s.CreatedAt, &s.Rank)
	})
}
