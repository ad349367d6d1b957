package http

import (
	"maps"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain/backtest"
)

// Comparison is what a candidate said of tickets, beside what people finally set and what was said when each was first
// categorized.
type Comparison struct {
	Tickets           int                 `json:"tickets"`
	Judged            int                 `json:"judged" doc:"Whose right category is known, and that the candidate said something about."`
	Agreed            int                 `json:"agreed" doc:"Of those judged: with the category that people finally set."`
	Agreement         *float64            `json:"agreement" doc:"agreed of judged, from 0 to 1; null when none was judged."`
	AgreementThen     *float64            `json:"agreement_then" doc:"The same of what was said when those tickets were first categorized: the mark to beat."`
	ByBasis           []BasisAgreement    `json:"by_basis" doc:"Agreement by how the right category is known: set by a person, or stood until the ticket was resolved, which is the weaker proof."`
	PriorityAgreement *float64            `json:"priority_agreement"`
	WithThen          CountedAgreement    `json:"with_then" doc:"Agreement with what was said when they were first categorized, whatever is right."`
	Confusion         []ConfusionCell     `json:"confusion" doc:"The most frequent first."`
	Categories        []CategoryAgreement `json:"categories"`
	Calibration       []CalibrationBucket `json:"calibration" doc:"How often it was right of what it was about so sure of; empty buckets are left out."`
	NotJudged         []NotJudged         `json:"not_judged" doc:"How many could not be judged, and why."`
	Providers         []ProviderCount     `json:"providers" doc:"Who answered; builtin is no model."`
	Tokens            int                 `json:"tokens"`
	CostUSD           float64             `json:"cost_usd"`
	LatencyMS         ComparisonLatency   `json:"latency_ms" doc:"Of the candidate's answers."`
	Wrong             []ComparisonExample `json:"wrong" doc:"Examples of what it said that people did not set."`
	Differing         []ComparisonExample `json:"differing" doc:"Examples of what it said otherwise than was said then."`
}

// CountedAgreement is how often two agree.
type CountedAgreement struct {
	Compared  int      `json:"compared"`
	Agreed    int      `json:"agreed"`
	Agreement *float64 `json:"agreement"`
}

// BasisAgreement is how often the candidate agrees with what is known in one way.
type BasisAgreement struct {
	Basis string `json:"basis" enum:"set,stood"`
	CountedAgreement
}

// ConfusionCell says how often a category was taken for another, or for itself.
type ConfusionCell struct {
	Right string `json:"right"`
	Said  string `json:"said"`
	Count int    `json:"count"`
}

// CategoryAgreement says how good the candidate is at a category.
type CategoryAgreement struct {
	Category  string   `json:"category"`
	Right     int      `json:"right" doc:"Tickets that are of it."`
	Said      int      `json:"said" doc:"Tickets that the candidate takes for it."`
	Agreed    int      `json:"agreed"`
	Precision *float64 `json:"precision" doc:"agreed of said."`
	Recall    *float64 `json:"recall" doc:"agreed of right."`
}

// CalibrationBucket says how often the candidate was right of what it was about so sure of.
type CalibrationBucket struct {
	From  float64  `json:"from"`
	To    float64  `json:"to"`
	Count int      `json:"count"`
	Said  float64  `json:"said" doc:"How sure it was, on the average."`
	Was   *float64 `json:"was" doc:"How often it was right."`
}

// NotJudged counts tickets that could not be judged for one reason.
type NotJudged struct {
	Reason string `json:"reason" example:"undecided" doc:"undecided: it is not resolved, and nobody has set its category. Or not_categorized, deleted, erased, out_of_time, running, budget, or the code of what went wrong with the question."`
	Count  int    `json:"count"`
}

// ProviderCount says how many tickets a provider answered.
type ProviderCount struct {
	Provider string `json:"provider"`
	Count    int    `json:"count"`
}

// ComparisonLatency is how long answers took.
type ComparisonLatency struct {
	P50 int `json:"p50"`
	P99 int `json:"p99"`
}

// ComparisonExample is one ticket of a comparison.
type ComparisonExample struct {
	TicketID uuid.UUID  `json:"ticket_id" format:"uuid"`
	Then     SaidOfOne  `json:"then" doc:"When it was first categorized."`
	Now      SaidOfOne  `json:"now" doc:"By the candidate."`
	Right    *SaidOfOne `json:"right" doc:"What people finally set; null: nobody knows."`
}

// SaidOfOne is what a ticket is taken for.
type SaidOfOne struct {
	Category   string  `json:"category"`
	Priority   string  `json:"priority"`
	Confidence float64 `json:"confidence,omitempty"`
}

func renderComparison(facts []backtest.Judged) Comparison {
	r := backtest.Measure(facts)
	shown := Comparison{
		Tickets: r.Tickets, Judged: r.Judged, Agreed: r.Agreed, Agreement: share(r.Agreed, r.Judged), AgreementThen: share(r.ThenAgreed, r.Judged),
		ByBasis: []BasisAgreement{}, PriorityAgreement: share(r.Priorities.Agreed, r.Priorities.Compared), WithThen: counted(r.Then), Confusion: []ConfusionCell{},
		Categories: []CategoryAgreement{}, Calibration: []CalibrationBucket{}, NotJudged: []NotJudged{}, Providers: []ProviderCount{}, Tokens: r.Tokens,
		CostUSD: float64(r.Cost) * millionth, LatencyMS: ComparisonLatency{P50: r.P50, P99: r.P99}, Wrong: examples(r.Wrong), Differing: examples(r.Differing),
	}
	for _, basis := range slices.Sorted(maps.Keys(r.ByBasis)) {
		shown.ByBasis = append(shown.ByBasis, BasisAgreement{string(basis), counted(r.ByBasis[basis])})
	}
	for _, c := range r.Confusion {
		shown.Confusion = append(shown.Confusion, ConfusionCell{Right: c.Right, Said: c.Said, Count: c.Count})
	}
	for _, c := range r.Categories {
		shown.Categories = append(shown.Categories, CategoryAgreement{
			Category: c.Category, Right: c.Right, Said: c.Said, Agreed: c.Agreed, Precision: share(c.Agreed, c.Said), Recall: share(c.Agreed, c.Right),
		})
	}
	for _, b := range r.Calibration {
		shown.Calibration = append(shown.Calibration, CalibrationBucket{From: b.From, To: b.To, Count: b.Count, Said: b.Said, Was: share(b.Right, b.Count)})
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Unjudged)) {
		shown.NotJudged = append(shown.NotJudged, NotJudged{Reason: reason, Count: r.Unjudged[reason]})
	}
	for _, provider := range slices.Sorted(maps.Keys(r.Providers)) {
		shown.Providers = append(shown.Providers, ProviderCount{Provider: provider, Count: r.Providers[provider]})
	}
	return shown
}

// share answers a part of a whole; nil when there is no whole.
func share(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	return new(float64(part) / float64(whole))
}

func counted(t backtest.Tally) CountedAgreement {
	return CountedAgreement{Compared: t.Compared, Agreed: t.Agreed, Agreement: share(t.Agreed, t.Compared)}
}

func examples(facts []backtest.Judged) []ComparisonExample {
	list := make([]ComparisonExample, len(facts))
	for i, f := range facts {
		list[i] = ComparisonExample{TicketID: f.Ticket, Then: SaidOfOne(f.Then), Now: SaidOfOne(f.Said)}
		if f.Right.Category != "" {
			list[i].Right = new(SaidOfOne(f.Right))
		}
	}
	return list
}
