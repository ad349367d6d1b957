package backtest

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/google/uuid"
)

const (
	// buckets is into how many parts of equal width confidence is cut.
	buckets = 10
	// mostExamples is how many disagreements a report names.
	mostExamples = 20
)

// Report is what a comparison has shown. Shares are left to whoever shows it, with the counts beside them: three of four is
// no 75 %.
type Report struct {
	Tickets     int // of which something is told
	Judged      int // whose right category is known, and that the candidate said something about
	Agreed      int // of those judged, with the category people finally set
	ThenAgreed  int // of the same tickets, what was said when they were first categorized: the mark to beat
	ByBasis     map[Basis]Tally
	Priorities  Tally
	Then        Tally // with what was said when they were first categorized, of all that the candidate said something about
	Confusion   []Confused
	Categories  []CategoryScore
	Calibration []Bucket // those with something in them, the least sure first
	Unjudged    map[string]int
	Providers   map[string]int // how many each answered; "builtin" is no model
	Tokens      int
	Cost        int64 // millionths of a dollar
	P50, P99    int   // of the candidate's answers, in milliseconds
	Differing   []Judged
	Wrong       []Judged
}

// Tally counts comparisons and how many agreed.
type Tally struct{ Compared, Agreed int }

func (t Tally) and(agreed bool) Tally {
	t.Compared++
	if agreed {
		t.Agreed++
	}
	return t
}

// Confused says how often a category was taken for another, or for itself.
type Confused struct {
	Right, Said string
	Count       int
}

// CategoryScore says how good the candidate is at a category.
type CategoryScore struct {
	Category string
	Right    int // tickets that are of it
	Said     int // tickets that the candidate takes for it
	Agreed   int // both
}

// Bucket says how often the candidate was right of what it was about so sure of.
type Bucket struct {
	From, To float64
	Count    int
	Said     float64 // how sure it was on the average
	Right    int
}

// Measure makes a report of what was judged.
func Measure(facts []Judged) Report {
	r := Report{ByBasis: map[Basis]Tally{}, Unjudged: map[string]int{}, Providers: map[string]int{}}
	confused := map[[2]string]int{}
	var sure [buckets]Bucket
	var millis []int
	for _, f := range facts {
		r.Tickets++
		r.Cost += f.Cost
		r.Tokens += f.Tokens
		if f.Unjudged != "" {
			r.Unjudged[f.Unjudged]++
		}
		if f.Said.Category == "" {
			continue
		}
		r.Providers[f.Provider]++
		millis = append(millis, f.Millis)
		if f.Then.Category != "" {
			same := f.Then.Category == f.Said.Category
			r.Then = r.Then.and(same)
			r.Differing = example(r.Differing, f, same)
		}
		if f.Unjudged != "" || f.Right.Category == "" {
			continue
		}
		agreed := f.Said.Category == f.Right.Category
		r.count(f, agreed)
		confused[[2]string{f.Right.Category, f.Said.Category}]++
		b := &sure[bucketOf(f.Said.Confidence)]
		b.Count++
		b.Said += f.Said.Confidence
		if agreed {
			b.Right++
		}
	}
	slices.Sort(millis)
	r.P50, r.P99 = quantile(millis, 0.50), quantile(millis, 0.99)
	r.Confusion, r.Categories = scores(confused)
	for i, b := range sure {
		if b.Count > 0 {
			b.From, b.To, b.Said = float64(i)/buckets, float64(i+1)/buckets, b.Said/float64(b.Count)
			r.Calibration = append(r.Calibration, b)
		}
	}
	return r
}

func (r *Report) count(f Judged, agreed bool) {
	r.Judged++
	if agreed {
		r.Agreed++
	}
	if f.Then.Category == f.Right.Category {
		r.ThenAgreed++
	}
	r.ByBasis[f.Basis] = r.ByBasis[f.Basis].and(agreed)
	if f.Right.Priority != "" {
		r.Priorities = r.Priorities.and(f.Said.Priority == f.Right.Priority)
	}
	r.Wrong = example(r.Wrong, f, agreed)
}

func example(list []Judged, f Judged, agreed bool) []Judged {
	if agreed || len(list) == mostExamples {
		return list
	}
	return append(list, f)
}

func bucketOf(confidence float64) int {
	return max(0, min(buckets-1, int(confidence*buckets+1e-9))) // 0.7 is seven tenths, whatever the machine makes of it
}

// quantile answers the value below which that share of a sorted list lies: the nearest that there is.
func quantile(sorted []int, share float64) int {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(math.Ceil(share*float64(len(sorted))))-1]
}

// scores sorts what was confused, the most frequent first, and adds it up by category.
func scores(confused map[[2]string]int) ([]Confused, []CategoryScore) {
	var list []Confused
	by := map[string]CategoryScore{}
	for pair, count := range confused {
		list = append(list, Confused{Right: pair[0], Said: pair[1], Count: count})
		right := by[pair[0]]
		right.Right += count
		if pair[0] == pair[1] {
			right.Agreed += count
		}
		by[pair[0]] = right
		said := by[pair[1]]
		said.Said += count
		by[pair[1]] = said
	}
	slices.SortFunc(list, func(a, b Confused) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Right, b.Right), cmp.Compare(a.Said, b.Said))
	})
	var categories []CategoryScore
	for _, name := range slices.Sorted(maps.Keys(by)) {
		score := by[name]
		score.Category = name
		categories = append(categories, score)
	}
	return list, categories
}

// Facts answers what was judged, in the order of the sample.
func Facts(tickets []uuid.UUID, judged []Judged) []Judged {
	place := make(map[uuid.UUID]int, len(tickets))
	for i, id := range tickets {
		place[id] = i
	}
	sorted := slices.Clone(judged)
	slices.SortStableFunc(sorted, func(a, b Judged) int { return place[a.Ticket] - place[b.Ticket] })
	return sorted
}
