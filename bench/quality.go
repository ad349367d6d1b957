package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"ticketd/adapters/rules"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/ticket"
)

const (
	// issuesVariable names the file of labelled reports, with the columns label, title and body. It is not part of the
	// program: it belongs to others, and no row of it may go into the rules.
	issuesVariable = "ISSUES_CSV"
	issuesUsual    = "../shared/data/issues_train.csv"
	// qualityTarget is the macro F1 to reach, and qualityHonest what of the decisions with at least that confidence has
	// to be right.
	qualityTarget = 0.65
	qualityHonest = 0.9
)

// issueLabels are what the reports are labelled with.
var issueLabels = []string{"bug", "feature", "question"}

// labelOf maps a category to the label that a report of that kind has there. What works too slowly or is not safe is a
// bug; whatever is neither that nor a wish is a question, and so is what the rules left open.
var labelOf = map[ticket.Category]string{
	"bug": "bug", "performance": "bug", "security": "bug",
	"feature_request": "feature",
	"technical":       "question", "integration": "question", "user_access": "question", "billing": "question", ticket.General: "question",
}

// issue is a report that others labelled.
type issue struct{ label, title, body string }

// tuned reports the half whose reports were gone through while the rules were written. Of the other half only the scores
// and a handful of reports were seen, so it tells how the rules do on what they were not made for.
func (i issue) tuned() bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(i.title + "\n" + i.body))
	return h.Sum32()>>8&1 == 0
}

// benchQuality measures the classifier that needs no model on labelled reports. There is no limit to put beside it but
// the labels themselves.
func benchQuality(ctx context.Context, _ *lab, _ options, out io.Writer) error {
	name := os.Getenv(issuesVariable)
	if name == "" {
		name = issuesUsual
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(out, "\n### Quality of the rules\n\nNot measured: there is no file %s. %s names another.\n", name, issuesVariable)
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the labelled reports: %w", err)
	}
	defer func() { _ = f.Close() }()
	issues, err := readIssues(f)
	if err != nil {
		return err
	}
	measureQuality(ctx, rules.New(), issues, out)
	return nil
}

// readIssues answers the rows of a file with a header. Other columns than label, title and body are an error.
func readIssues(r io.Reader) ([]issue, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the labelled reports: %w", err)
	}
	if len(rows) < 2 || !slices.Equal(rows[0], []string{"label", "title", "body"}) {
		return nil, errors.New("the labelled reports need the columns label, title, body, and a row")
	}
	var issues []issue
	for _, row := range rows[1:] {
		if !slices.Contains(issueLabels, row[0]) {
			return nil, fmt.Errorf("a report is labelled %q, which is none of %v", row[0], issueLabels)
		}
		issues = append(issues, issue{row[0], row[1], row[2]})
	}
	return issues, nil
}

// tally counts decisions by the label of the report and the label decided.
type tally struct {
	counts    map[[2]string]int
	said      map[float64]int // decisions by confidence
	confirmed map[float64]int // and those that were right
	took      []time.Duration
}

func newTally() *tally {
	return &tally{counts: map[[2]string]int{}, said: map[float64]int{}, confirmed: map[float64]int{}}
}

func (t *tally) add(label string, c commands.Classification, took time.Duration) {
	decided := labelOf[c.Category]
	t.counts[[2]string{label, decided}]++
	t.said[c.Confidence]++
	if decided == label {
		t.confirmed[c.Confidence]++
	}
	t.took = append(t.took, took)
}

// f1 answers the harmonic mean of precision and recall of a label; zero when nothing was decided right.
func (t *tally) f1(label string) float64 {
	right, decided, labelled := t.counts[[2]string{label, label}], 0, 0
	for _, other := range issueLabels {
		decided += t.counts[[2]string{other, label}]
		labelled += t.counts[[2]string{label, other}]
	}
	if right == 0 {
		return 0
	}
	return 2 * float64(right) / float64(decided+labelled)
}

func (t *tally) macroF1() float64 {
	sum := 0.0
	for _, label := range issueLabels {
		sum += t.f1(label)
	}
	return sum / float64(len(issueLabels))
}

// confirmedFrom answers how many decisions had at least a confidence, and which share of them was right.
func (t *tally) confirmedFrom(confidence float64) (said int, share float64) {
	confirmed := 0
	for c, n := range t.said {
		if c >= confidence {
			said, confirmed = said+n, confirmed+t.confirmed[c]
		}
	}
	if said == 0 {
		return 0, 0
	}
	return said, float64(confirmed) / float64(said)
}

func measureQuality(ctx context.Context, classifier commands.Classifier, issues []issue, out io.Writer) {
	all, tuned, unseen := newTally(), newTally(), newTally()
	for _, i := range issues {
		start := time.Now()
		c := classifier.Classify(ctx, domain.OrgID{}, commands.HelpRequest{Title: i.title, Description: i.body})
		took := time.Since(start)
		half := unseen
		if i.tuned() {
			half = tuned
		}
		all.add(i.label, c, took)
		half.add(i.label, c, took)
	}
	halves := []struct {
		name string
		*tally
	}{{"all", all}, {"the half the rules were tuned on", tuned}, {"the other half", unseen}}

	scores := newTable("reports", "number:", "F1 bug:", "F1 feature:", "F1 question:", "macro F1:", "target:", "right of what says 0.9:", "target:")
	for _, h := range halves {
		said, share := h.confirmedFrom(qualityHonest)
		scores.add(h.name, strconv.Itoa(len(h.took)), three(h.f1("bug")), three(h.f1("feature")), three(h.f1("question")),
			three(h.macroF1()), "at least "+ratio(qualityTarget), fmt.Sprintf("%s of %d", ratio(share), said), "at least "+ratio(qualityHonest))
	}
	slices.Sort(all.took)
	scores.write(out, "Quality of the rules", fmt.Sprintf("Real reports of other people's projects, labelled by them. One takes %s ms (p50) and %s ms (p99).",
		three(all.took[len(all.took)/2].Seconds()*1e3), three(percentile(all.took, .99).Seconds()*1e3)))

	confusion := newTable("labelled", "decided bug:", "decided feature:", "decided question:")
	for _, label := range issueLabels {
		cells := []string{label}
		for _, decided := range issueLabels {
			cells = append(cells, strconv.Itoa(unseen.counts[[2]string{label, decided}]))
		}
		confusion.add(cells...)
	}
	confusion.write(out, "Confusion, on the other half")

	calibration := newTable("it says", "tuned half:", "was right:", "other half:", "was right:")
	for _, c := range slices.Sorted(maps.Keys(all.said)) {
		calibration.add(ratio(c), strconv.Itoa(tuned.said[c]), tuned.right(c), strconv.Itoa(unseen.said[c]), unseen.right(c))
	}
	calibration.write(out, "Calibration of its confidence")
}

// right answers the share of right decisions at one confidence.
func (t *tally) right(confidence float64) string {
	if t.said[confidence] == 0 {
		return "-"
	}
	return ratio(float64(t.confirmed[confidence]) / float64(t.said[confidence]))
}

func three(v float64) string { return fmt.Sprintf("%.3f", v) }
