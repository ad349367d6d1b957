package backtest_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain/backtest"
)

func verdict(category, priority string, confidence float64) backtest.Verdict {
	return backtest.Verdict{Category: category, Priority: priority, Confidence: confidence}
}

func TestAReportCountsWhatWasJudged(t *testing.T) {
	t.Parallel()
	id := func(n byte) uuid.UUID { return uuid.UUID{15: n} }
	facts := []backtest.Judged{
		{Ticket: id(1), Then: verdict("bug", "low", 0.5), Said: verdict("bug", "high", 0.95), Right: verdict("bug", "high", 0), Basis: backtest.Chosen, Provider: "p", Tokens: 10, Cost: 3, Millis: 10},
		{Ticket: id(2), Then: verdict("general", "low", 0.5), Said: verdict("bug", "low", 0.9), Right: verdict("billing", "", 0), Basis: backtest.Stood, Provider: "p", Tokens: 1, Cost: 4, Millis: 30},
		{Ticket: id(3), Then: verdict("billing", "low", 0.5), Said: verdict("billing", "low", 0.31), Right: verdict("billing", "high", 0), Basis: backtest.Chosen, Provider: "builtin", Millis: 20},
		{Ticket: id(4), Then: verdict("bug", "low", 0.5), Said: verdict("general", "low", 1), Unjudged: backtest.Undecided, Provider: "p", Millis: 1000},
		{Ticket: id(5), Unjudged: backtest.Erased},
		{Ticket: id(6), Then: verdict("bug", "low", 0.5), Right: verdict("bug", "low", 0), Basis: backtest.Stood, Unjudged: "timeout", Tokens: 5, Cost: 2},
	}
	r := backtest.Measure(facts)
	require.Equal(t, backtest.Report{
		Tickets: 6, Judged: 3, Agreed: 2, ThenAgreed: 2, Priorities: backtest.Tally{Compared: 2, Agreed: 1}, Then: backtest.Tally{Compared: 4, Agreed: 2},
		ByBasis: map[backtest.Basis]backtest.Tally{backtest.Chosen: {Compared: 2, Agreed: 2}, backtest.Stood: {Compared: 1}},
		Confusion: []backtest.Confused{
			{Right: "billing", Said: "billing", Count: 1}, {Right: "billing", Said: "bug", Count: 1}, {Right: "bug", Said: "bug", Count: 1},
		},
		Categories: []backtest.CategoryScore{{Category: "billing", Right: 2, Said: 1, Agreed: 1}, {Category: "bug", Right: 1, Said: 2, Agreed: 1}},
		Calibration: []backtest.Bucket{
			{From: 0.3, To: 0.4, Count: 1, Said: 0.31, Right: 1}, {From: 0.9, To: 1, Count: 2, Said: 0.925, Right: 1},
		},
		Unjudged: map[string]int{backtest.Undecided: 1, backtest.Erased: 1, "timeout": 1}, Providers: map[string]int{"p": 3, "builtin": 1},
		Tokens: 16, Cost: 9, P50: 20, P99: 1000, Differing: []backtest.Judged{facts[1], facts[3]}, Wrong: []backtest.Judged{facts[1]},
	}, r)
}

func TestAReportOfNothingIsEmpty(t *testing.T) {
	t.Parallel()
	r := backtest.Measure(nil)
	require.Zero(t, r.Judged+r.P50+r.P99+r.Tickets)
	require.Empty(t, r.Calibration)
	require.Empty(t, r.Confusion)
}

func TestAReportNamesFewExamples(t *testing.T) {
	t.Parallel()
	var facts []backtest.Judged
	for n := range byte(50) {
		facts = append(facts, backtest.Judged{Ticket: uuid.UUID{n}, Then: verdict("bug", "", 0), Said: verdict("general", "", 0), Right: verdict("bug", "", 0), Basis: backtest.Stood})
	}
	r := backtest.Measure(facts)
	require.Equal(t, facts[:20], r.Wrong)
	require.Equal(t, facts[:20], r.Differing)
	require.Equal(t, []backtest.Confused{{Right: "bug", Said: "general", Count: 50}}, r.Confusion)
}

// Seven tenths are in the bucket that begins with seven tenths, whatever a machine makes of them.
func TestEachTenthIsInItsBucket(t *testing.T) {
	t.Parallel()
	for n := range 11 {
		r := backtest.Measure([]backtest.Judged{{Said: verdict("bug", "", float64(n)/10), Right: verdict("bug", "", 0)}})
		require.Len(t, r.Calibration, 1)
		require.InDelta(t, float64(min(n, 9))/10, r.Calibration[0].From, 1e-12, n)
	}
}

// Whatever is judged, nothing is counted twice or lost.
func TestReportsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		categories := rapid.SampledFrom([]string{"", "bug", "billing", "general"})
		facts := rapid.SliceOf(rapid.Custom(func(t *rapid.T) backtest.Judged {
			return backtest.Judged{
				Ticket: uuid.UUID{rapid.Byte().Draw(t, "ticket")}, Then: verdict(categories.Draw(t, "then"), "", 0), Basis: backtest.Stood,
				Said:     verdict(categories.Draw(t, "said"), "", rapid.Float64Range(-1, 2).Draw(t, "confidence")),
				Right:    verdict(categories.Draw(t, "right"), "", 0),
				Unjudged: rapid.SampledFrom([]string{"", "", "undecided", "timeout"}).Draw(t, "why"), Millis: rapid.IntRange(0, 99).Draw(t, "millis"),
			}
		})).Draw(t, "facts")
		r := backtest.Measure(facts)
		var sure, confused, right, said, agreed int
		for _, b := range r.Calibration {
			sure += b.Count
			require.LessOrEqual(t, b.Right, b.Count)
		}
		for _, c := range r.Confusion {
			confused += c.Count
		}
		for _, c := range r.Categories {
			right, said, agreed = right+c.Right, said+c.Said, agreed+c.Agreed
		}
		require.Equal(t, []int{r.Judged, r.Judged, r.Judged, r.Judged, r.Agreed}, []int{sure, confused, right, said, agreed})
		require.LessOrEqual(t, r.P50, r.P99)
		require.LessOrEqual(t, r.Judged, r.Tickets)
	})
}

func TestFactsAreInTheOrderOfTheSample(t *testing.T) {
	t.Parallel()
	judged := []backtest.Judged{second, first}
	require.Equal(t, []backtest.Judged{first, second}, backtest.Facts([]uuid.UUID{one, two}, judged))
	require.Equal(t, []backtest.Judged{second, first}, judged, "what was given stays")
}
