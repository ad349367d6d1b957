package projections_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/article"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// library is a desk whose store writes articles only.
type library struct {
	desk
	articles *projections.Articles
}

func newLibrary(t *testing.T) library {
	t.Helper()
	l := library{desk: newDesk(t)}
	l.articles = projections.NewArticles(l.pool)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: l.pool})
	require.NoError(t, err)
	l.store = eventstore.Open(t.Context(), l.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{l.articles}, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(l.store.Close)
	return l
}

// written makes an article of Ann's.
func (l library) written(title, body string, tags ...string) article.ID {
	l.Helper()
	id := article.ID{UUID: uuid.Must(uuid.NewV7())}
	l.revise(id, article.Written{By: l.ann, Title: title, Body: body, Tags: tags})
	return id
}

func (l library) revise(id article.ID, events ...any) {
	l.Helper()
	stream := l.happen(ticket.ID{UUID: id.UUID}, events...)
	l.index(stream.Events[stream.Version()-len(events):]...)
}

// index tells the full-text index of events, as the feed does.
func (l library) index(events ...eventstore.Recorded) {
	l.Helper()
	b := &pgx.Batch{}
	require.NoError(l, projections.ArticleSearch().Handle(l.Context(), b, events))
	require.NoError(l, l.pool.SendBatch(l.Context(), b).Close())
}

func utcArticle(a projections.ArticleRow) projections.ArticleRow {
	a.CreatedAt, a.UpdatedAt = a.CreatedAt.UTC(), a.UpdatedAt.UTC()
	return a
}

func TestAnArticlesRowFollowsItsEvents(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	id := article.ID{UUID: uuid.Must(uuid.NewV7())}
	var want projections.ArticleRow
	for _, step := range []struct {
		event any
		then  func()
	}{
		{article.Written{By: l.ann, Title: "Printers", Body: "Do not burn them.", Tags: []string{"hardware"}}, func() {
			want = projections.ArticleRow{ID: id, Org: l.org, Title: "Printers", Body: "Do not burn them.", Tags: []string{"hardware"}, WrittenBy: l.ann, RevisedBy: l.ann}
		}},
		{article.Revised{By: l.bob, Title: new("Fire"), Tags: new([]string{})}, func() { want.Title, want.Tags, want.RevisedBy = "Fire", nil, l.bob }},
		{article.Revised{By: l.ann, Body: new("Run."), Tags: new([]string{"a", "b"})}, func() { want.Body, want.Tags, want.RevisedBy = "Run.", []string{"a", "b"}, l.ann }},
	} {
		stream := l.happen(ticket.ID{UUID: id.UUID}, step.event)
		step.then()
		last := stream.Events[stream.Version()-1]
		want.Version, want.CreatedAt, want.UpdatedAt = last.Version, stream.Events[0].At, last.At
		row, err := l.articles.Find(t.Context(), l.org, id)
		require.NoError(t, err)
		require.Equal(t, want, utcArticle(row), "%T", step.event)
		require.True(t, row.Exists())
	}
	for _, err := range []error{
		second(l.articles.Find(t.Context(), newOrg(), id)), second(l.articles.FindEver(t.Context(), newOrg(), id)),
		second(l.articles.Find(t.Context(), l.org, article.ID{UUID: uuid.New()})),
	} {
		require.ErrorIs(t, err, article.ErrNotFound)
	}

	l.revise(id, article.Deleted{By: l.bob})
	require.ErrorIs(t, second(l.articles.Find(t.Context(), l.org, id)), article.ErrNotFound)
	row, err := l.articles.FindEver(t.Context(), l.org, id)
	require.NoError(t, err)
	require.True(t, row.Deleted)
	require.False(t, row.Exists())
	require.Zero(t, projections.ApplyArticle(projections.ArticleRow{}, eventstore.Recorded{Version: 1, Event: "other"}))
}

func TestARowOfAnArticleNeedsACommittedEvent(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	id := l.written("Printers", "Do not burn them.")
	stream, err := l.store.Load(t.Context(), l.org.UUID, id.UUID)
	require.NoError(t, err)
	next := stream.Events[0]
	next.Version, next.Event = 2, article.Revised{Title: new("Forged")}
	stream.Events = append(stream.Events, next)
	b := &pgx.Batch{}
	l.articles.Queue(b, []eventstore.Stream{stream, {Org: l.org.UUID, ID: uuid.New(), Events: []eventstore.Recorded{{Version: 1, Type: "ticket.opened", Event: ticket.Opened{}}}}})
	require.Equal(t, 1, b.Len(), "nothing is written of another noun")
	require.NoError(t, l.pool.SendBatch(t.Context(), b).Close())
	row, err := l.articles.Find(t.Context(), l.org, id)
	require.NoError(t, err)
	require.Equal(t, "Printers", row.Title)
	require.Nil(t, l.articles.Rows(eventstore.Stream{Events: []eventstore.Recorded{{Version: 1, Type: "ticket.opened"}}}))
}

func TestArticlesAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	var titles []string
	for n := range 5 {
		titles = append([]string{fmt.Sprint("Article ", n)}, titles...)
		l.written(titles[0], " Line one\n\n\tline two "+strings.Repeat("and more ", 100*n), "a")
	}
	l.revise(l.written("Gone", "gone"), article.Deleted{})
	other := l
	other.org = newOrg()
	other.written("Not ours", "not ours")
	list := func(limit, offset int) (found []string) {
		page, total, err := l.articles.List(t.Context(), l.org, limit, offset)
		require.NoError(t, err)
		require.Equal(t, 5, total)
		for _, e := range page {
			found = append(found, e.Title)
			require.Equal(t, []string{"a"}, e.Tags)
			require.Equal(t, 1, e.Version)
			require.Equal(t, l.ann, e.WrittenBy)
			require.Equal(t, l.ann, e.RevisedBy)
			require.False(t, e.CreatedAt.IsZero())
			require.Equal(t, e.CreatedAt, e.UpdatedAt)
		}
		return found
	}
	require.Equal(t, titles, list(10, 0))
	require.Equal(t, titles[1:3], list(2, 1))
	require.Empty(t, list(2, 5))
	page, _, err := l.articles.List(t.Context(), l.org, 10, 0)
	require.NoError(t, err)
	require.Equal(t, "Line one line two", page[4].Excerpt)
	require.True(t, strings.HasPrefix(page[0].Excerpt, "Line one line two and more"), page[0].Excerpt)
	require.True(t, strings.HasSuffix(page[0].Excerpt, " and more and …") || strings.HasSuffix(page[0].Excerpt, " and more …"), page[0].Excerpt)
}

// titles are those of the hits of a search, and whether they hold only some of the words.
func (l library) search(question string) (titles []string, some bool) {
	l.Helper()
	hits, err := l.articles.Search(l.Context(), l.org, question, 10)
	require.NoError(l, err, "%.200q", question)
	for i, h := range hits {
		titles = append(titles, h.Title)
		require.Equal(l, hits[0].Some, h.Some)
		require.Positive(l, h.Rank)
		require.LessOrEqual(l, h.Rank, hits[max(0, i-1)].Rank)
	}
	return titles, len(hits) > 0 && hits[0].Some
}

func TestASearchFindsArticles(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.written("Printers", "Never burn a printer. It's the paper tray's fault, says C:\\spool\\tray.", "hardware")
	l.written("Paper", "Where the paper for the printers is kept.", "office supplies")
	l.written("VPN", "The VPN drops every ten minutes; see vpn.example.org/help?id=1 and ask ops@example.org.", "network")
	l.written("Batteries", "Happy batteries last. "+strings.Repeat("Charging is dull. ", 50)+"Their chemistry is lithium.", "hardware")
	l.revise(l.written("Old printers", "printer paper"), article.Deleted{})
	other := l
	other.org = newOrg()
	other.written("Not ours", "printer paper vpn")
	for _, c := range []struct {
		question string
		titles   []string
		some     bool
	}{
		{"printers", []string{"Printers", "Paper"}, false},
		{"PRINTER paper", []string{"Paper", "Printers"}, false},
		{`"paper tray"`, []string{"Printers"}, false},
		{"hardware", []string{"Batteries", "Printers"}, false},
		{"printer -burn", []string{"Paper"}, false},
		{"vpn or lithium", []string{"VPN", "Batteries"}, false},
		{"ops@example.org", []string{"VPN"}, false},
		{"vpn.example.org/help?id=1", []string{"VPN"}, false},
		{`c:\spool\tray`, []string{"Printers"}, false},
		{"lithium vpn", []string{"VPN", "Batteries"}, true},
		{"nobody wrote of lithium", []string{"Batteries"}, true},
		{`"tray paper"`, []string{"Paper", "Printers"}, true},
		{"lithium vpn -burn", []string{"VPN", "Batteries"}, true},
		{"zebra", nil, false},
		{"zebra unicorn", nil, false},
		{"the", nil, false},
		{"-burn", nil, false},
		{"", nil, false},
		{"%", nil, false},
	} {
		titles, some := l.search(c.question)
		require.ElementsMatch(t, c.titles, titles, c.question)
		require.Equal(t, c.some, some, c.question)
	}
	titles, _ := l.search("printers")
	require.Equal(t, "Printers", titles[0], "a word of the title counts most")
	limited, err := l.articles.Search(t.Context(), l.org, "printers", 1)
	require.NoError(t, err)
	require.Len(t, limited, 1)
}

func TestTheExcerptOfAHit(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	long := strings.Repeat("Lorem ipsum dolor. ", 500)
	l.written("Deep", long+"The treasuries lie\nhere. "+long, "gold")
	l.written("Short", "A treasury.")
	l.written("Unbroken", strings.Repeat("漢", 3000)+"! The Kraken. "+strings.Repeat("字", 3000))
	excerpt := func(question, title string) string {
		hits, err := l.articles.Search(t.Context(), l.org, question, 10)
		require.NoError(t, err)
		for _, h := range hits {
			if h.Title == title {
				require.LessOrEqual(t, utf8.RuneCountInString(h.Excerpt), 410)
				return h.Excerpt
			}
		}
		return "not found"
	}
	deep := excerpt("treasury", "Deep")
	require.Contains(t, deep, "The treasuries lie here. Lorem")
	require.True(t, strings.HasPrefix(deep, "… ") && strings.HasSuffix(deep, " …"), deep)
	require.Equal(t, "A treasury.", excerpt("treasury", "Short"))
	require.True(t, strings.HasPrefix(excerpt("gold", "Deep"), "Lorem ipsum"), "the body has no such word")
	require.Contains(t, excerpt("krakens", "Unbroken"), "! The Kraken. 字")
}

// Whatever somebody asks, PostgreSQL understands it: a statement that failed would stand as an ERROR in its log.
func TestNoQuestionIsTooOdd(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.written("Robert'); DROP TABLE articles;--", "or 1=1 '' \\ \"quoted\" ( [brackets] {braces} x* + ? . ^ $ | # & ! <-> : 42", "o'neil")
	long := strings.Repeat("x", 10_000)
	for _, question := range []string{
		"' OR 1=1 --", `'`, `''`, `"`, `""`, `"'"`, `\`, `\\`, `\'`, `'\''`, "\x00", "a\x00b", "\xff\xfe", "or", "OR", "-", "--", "- -", "!", "!!", "&", "|", "a & | b", "<->", "a <-> b", "(", ")", "((", "a:*",
		"'a':*", "T", "*", "[", "]", "{", "}", "x{1", "(?", "\\m", "***:", "***=a", "^$", "o'neil", "O''Neil", `"o'neil drop"`, "robert'); DROP TABLE articles;--", "\u2028", "\u200b", "é", "ß", "İ", "漢字", "😀", "a\u0301",
		long, strings.Repeat("é", 10_000), strings.Repeat("漢", 10_000), strings.Repeat("a ", 5000), strings.Repeat("abc'", 2500), strings.Repeat("(", 10_000), strings.Repeat(`"a`, 5000), strings.Repeat("-a ", 3333),
		strings.Repeat("a or ", 2000), strings.Repeat(`\`, 10_000), strings.Repeat("w1-w2-", 1500), strings.Repeat("x.y/", 2500), "http://" + long + ".org/" + long, "42 -17 3.14 1e10 0x1f",
	} {
		l.search(question)
	}
	titles, _ := l.search("o'neil")
	require.Len(t, titles, 1)
	rapid.Check(t, func(r *rapid.T) {
		l.search(rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune(`ab1'"\-|&!<>():*. é`)))).Draw(r, "question"))
	})
}

// An article may say what does not fit into an index entry. It is kept all the same, and found by what fits.
func TestNoArticleIsTooLargeForTheIndex(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	full := func(word func(n int) string) string {
		var b strings.Builder
		for n, length := 0, 0; ; n++ {
			w := word(n)
			if length += utf8.RuneCountInString(w) + 1; length > article.MaxBody-10 {
				return b.String()
			}
			b.WriteString(w + " ")
		}
	}
	wide := []rune("𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯𐐰𐐱𐐲𐐳𐐴𐐵𐐶𐐷𐐸𐐹𐐺𐐻𐐼𐐽𐐾𐐿𐑀𐑁𐑂𐑃𐑄𐑅")
	letters := func(n int) (w string) {
		for range 4 {
			w += string(wide[n%len(wide)])
			n /= len(wide)
		}
		return w
	}
	tags := make([]string, article.MaxTags)
	for i := range tags {
		tags[i] = strings.Repeat(letters(i)+"-", 19) + letters(i)
	}
	for name, body := range map[string]string{
		"short":    full(func(n int) string { return fmt.Sprintf("w%d", n) }),
		"wide":     full(letters),
		"compound": full(func(n int) string { return letters(2*n) + "-" + letters(2*n+1) }),
		"numbers":  full(func(n int) string { return fmt.Sprint(n) }),
		"paths":    full(func(n int) string { return fmt.Sprintf("h%d.de/%s", n, letters(n)) }),
		"unbroken": strings.Repeat("x", article.MaxBody-10),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := l
			l.T = t
			id := l.written(name+" "+strings.Repeat(letters(7), 120), "beginning "+body, tags...)
			row, err := l.articles.Find(t.Context(), l.org, id)
			require.NoError(t, err)
			require.Greater(t, utf8.RuneCountInString(row.Body), 190_000)
			hits, err := l.articles.Search(t.Context(), l.org, name+" beginning", 10)
			require.NoError(t, err)
			require.Len(t, hits, 1)
			require.Equal(t, id, hits[0].ID)
		})
	}
}

// The words of an article are made by PostgreSQL, and a rebuild makes the same.
func TestARebuildMakesTheSameArticles(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.written("Printers", "Never burn a printer.", "hardware")
	l.revise(l.written("Paper", "White."), article.Revised{Body: new("It burns."), Tags: new([]string{"office"})})
	l.revise(l.written("Gone", "Burnt too."), article.Deleted{})
	_, err := l.pool.Exec(t.Context(), `INSERT INTO checkpoints (name, position) SELECT 'article_search', max(position) FROM events`)
	require.NoError(t, err)
	rebuilder := &projections.Rebuilder{
		Pool: l.pool, Codec: catalog.Codec, Progress: func(string, int64, int64) {},
		Keys: func(from eventstore.Database) (*eventstore.Keyring, error) {
			return eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: from})
		},
	}
	did, err := rebuilder.Run(t.Context(), projections.ArticleSearch(), l.articles.Projection())
	require.NoError(t, err)
	require.Len(t, did.Tables, 2)
	for _, table := range did.Tables {
		require.True(t, table.Equal(), "%+v", table)
		require.EqualValues(t, 3, table.Rows)
	}
	l.written("Afterwards", "Burning, still.")
	titles, some := l.search("burn")
	require.ElementsMatch(t, []string{"Printers", "Paper", "Afterwards"}, titles)
	require.False(t, some)
}

// What is indexed is what is committed, however often and however late the index hears of it.
func TestAnArticleIsFoundAfterTheIndexHasHeardOfIt(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	id := article.ID{UUID: uuid.Must(uuid.NewV7())}
	first := l.happen(ticket.ID{UUID: id.UUID}, article.Written{By: l.ann, Title: "Printers", Body: "Do not burn them."}).Events
	found := func(question string) int {
		titles, _ := l.search(question)
		return len(titles)
	}
	require.Zero(t, found("burn"), "a moment later")
	l.index(append(first, eventstore.Recorded{Event: ticket.Deleted{}, Stream: id.UUID})...)
	require.Equal(t, 1, found("burn"))
	l.happen(ticket.ID{UUID: id.UUID}, article.Revised{By: l.ann, Body: new("Let them freeze.")})
	require.Equal(t, 1, found("burn"), "by what it said")
	l.index(first...)
	require.Equal(t, []int{0, 1}, []int{found("burn"), found("freezing")})
	gone := l.happen(ticket.ID{UUID: id.UUID}, article.Deleted{By: l.ann}).Events
	require.Zero(t, found("freezing"), "what was deleted is found no more, before the index hears of it")
	l.index(gone...)
	l.index(gone...)
	l.index()
	require.Zero(t, found("freezing"))
}

func TestATableOfArticlesThatIsAway(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.pool.Close()
	org := domain.OrgID{UUID: uuid.New()}
	require.Error(t, second(l.articles.Find(t.Context(), org, article.ID{})))
	require.Error(t, second(l.articles.Search(t.Context(), org, "x", 1)))
	_, _, err := l.articles.List(t.Context(), org, 1, 0)
	require.Error(t, err)
}
