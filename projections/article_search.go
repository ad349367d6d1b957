package projections

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain"
	"ticketd/domain/article"
	"ticketd/eventstore"
)

const (
	mostSearched  = 1000 // characters of a question that are looked at: nobody types more
	mostMarked    = 30   // words of a question that an excerpt is looked for around
	excerptLength = 400  // characters
	excerptLead   = 120  // of them before the first hit
	longWord      = 40   // characters: what is longer is no word
)

// ArticleHit is an article that a search found.
type ArticleHit struct {
	ArticleEntry

	Rank float64 // higher is better; it compares hits of one search only
	Some bool    // it holds only some of the words that were asked for
}

// indexArticles makes the words of some articles anew from the rows that are committed with their events. One that was
// deleted keeps none.
const indexArticles = `
INSERT INTO article_search (article_id, org_id, words)
SELECT id, org_id, CASE WHEN deleted THEN '' ELSE article_words(title, tags, body) END FROM articles WHERE id = ANY($1)
ON CONFLICT (article_id) DO UPDATE SET words = excluded.words WHERE article_search.words <> excluded.words`

// ArticleSearch tells how the full-text index of the knowledge base is made: after the commit, because the words of a long
// article take a tenth of a second, in which nobody else could append. So an article is found a moment after it was
// written, and as long by the words that it had before.
func ArticleSearch() Projection {
	return Projection{
		Name: "article_search", Key: "article_id", Nouns: []string{article.Decider.Category}, Code: 1, Handle: searchArticle,
		Refresh: func(b *pgx.Batch, streams []uuid.UUID) { b.Queue(indexArticles, raw(streams)) },
	}
}

// searchArticle keeps the index. It is the Handle of the feed "article_search".
func searchArticle(_ context.Context, w *pgx.Batch, events []eventstore.Recorded) error {
	var changed []uuid.UUID
	for _, r := range events {
		if _, ok := r.Event.(article.Event); ok && !slices.Contains(changed, r.Stream) {
			changed = append(changed, r.Stream)
		}
	}
	if len(changed) > 0 {
		w.Queue(indexArticles, raw(changed))
	}
	return nil
}

// Search answers the articles that hold the words of a question, best first: those with all of them, or if there are none,
// those with any. The question is one for a web search, with quotes, or and -. One that holds no words, because they are
// too common or all excluded, finds nothing.
//
// # Why
//
// An excerpt is cut where the first word begins that looks like one of the question, by a regular expression and of the few
// articles that are shown: PostgreSQL's own headlines read each article from its beginning to its end, word by word.
func (a *Articles) Search(ctx context.Context, org domain.OrgID, question string, limit int) ([]ArticleHit, error) {
	all, indexable, err := a.parse(ctx, question)
	if err != nil {
		return nil, fmt.Errorf("read a question: %w", err)
	}
	words := wordsOf(indexable)
	if len(words) == 0 {
		return nil, nil
	}
	hits, err := a.search(ctx, org, all, words, limit)
	if err != nil || len(hits) > 0 || len(words) == 1 {
		return hits, err
	}
	hits, err = a.search(ctx, org, anyOf(words), words, limit)
	for i := range hits {
		hits[i].Some = true
	}
	return hits, err
}

// parse answers what a question asks for, and that part of it which an index can find: what is left out is what the
// question excludes.
func (a *Articles) parse(ctx context.Context, question string) (query, indexable string, err error) {
	err = a.pool.QueryRow(ctx, `SELECT q::text, querytree(q) FROM websearch_to_tsquery('english', $1) AS q`, storable(question, mostSearched)).Scan(&query, &indexable)
	return query, indexable, err
}

const searchArticles = `
SELECT ` + entryColumns + `, substr(a.body, place.at, $5), place.at, char_length(a.body), hit.rank
FROM (
	SELECT article_id AS id, ts_rank(words, $2::tsquery, 1)::float8 AS rank FROM article_search WHERE org_id = $1 AND words @@ $2::tsquery
	ORDER BY rank DESC, id DESC LIMIT $3
) AS hit JOIN articles a ON a.id = hit.id AND NOT a.deleted
CROSS JOIN LATERAL (SELECT greatest(regexp_instr(a.body, $4, 1, 1, 0, 'i') - $6, 1) AS at) AS place
ORDER BY hit.rank DESC, a.id DESC`

func (a *Articles) search(ctx context.Context, org domain.OrgID, query string, words []string, limit int) ([]ArticleHit, error) {
	rows, err := a.pool.Query(ctx, searchArticles, planning(true), [16]byte(org.UUID), query, limit, beginningOf(words), excerptLength, excerptLead)
	if err != nil {
		return nil, fmt.Errorf("search articles: %w", err)
	}
	hits, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h ArticleHit, err error) {
		h.ArticleEntry, err = scanEntry(row, &h.Rank)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("search articles: %w", err)
	}
	return hits, nil
}

// storable answers as much of a text as is looked at, in characters, without what PostgreSQL takes for no text.
func storable(text string, most int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", " "), " ")
	for i := range text {
		if most == 0 {
			return text[:i]
		}
		most--
	}
	return text
}

// quoted is a word in PostgreSQL's way of writing a query. A quote in it is there twice.
var quoted = regexp.MustCompile(`'((?:[^']|'')+)'`)

// wordsOf answers the words of a query, as the index has them and each once.
func wordsOf(query string) []string {
	var words []string
	seen := map[string]bool{}
	for _, match := range quoted.FindAllStringSubmatch(query, -1) {
		word := strings.NewReplacer(`''`, `'`, `\\`, `\`).Replace(match[1])
		if !seen[word] {
			seen[word] = true
			words = append(words, word)
		}
	}
	return words
}

// anyOf answers the query for what holds any of the words.
func anyOf(words []string) string { return joinWords(words, " | ") }

func joinWords(words []string, operator string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = `'` + strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(word) + `'`
	}
	return strings.Join(quoted, operator)
}

// beginningOf answers the regular expression that finds where one of the words begins. A word of the index is cut to its
// stem, which ends in i where the words themselves end in y.
func beginningOf(words []string) string {
	var b strings.Builder
	b.WriteString(`\m(?:`)
	for i, word := range words[:min(mostMarked, len(words))] {
		if i > 0 {
			b.WriteByte('|')
		}
		stem, cut := strings.CutSuffix(word, "i")
		for _, r := range stem {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r):
				b.WriteRune(r)
			case r > ' ' && r < unicode.MaxASCII:
				b.WriteByte('\\')
				b.WriteRune(r)
			default:
				b.WriteByte('.')
			}
		}
		if cut {
			b.WriteString(`[iy]`)
		}
	}
	b.WriteByte(')')
	return b.String()
}

// excerpt makes one line of a part of a text, and where it was cut, cuts it once more between two words: unless it has
// none there, as in a language without blanks.
func excerpt(part string, before, behind bool) string {
	words := strings.Fields(part)
	cut := func(at int) bool { return len(words) > 1 && utf8.RuneCountInString(words[at]) < longWord }
	if before && cut(0) {
		words = words[1:]
	}
	if behind && cut(len(words)-1) {
		words = words[:len(words)-1]
	}
	line := strings.Join(words, " ")
	if before {
		line = "… " + line
	}
	if behind {
		line += " …"
	}
	return line
}
