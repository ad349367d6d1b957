package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/rules"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/ticket"
)

const fewIssues = "label,title,body\n" +
	"bug,The app crashes,It crashes every time.\nfeature,Please add dark mode,It would be nice.\nquestion,How do I log out?,\n"

// judge decides what a title says, with the confidence of its level.
type judge struct{}

func (judge) Classify(_ context.Context, _ domain.OrgID, r commands.HelpRequest) commands.Classification {
	confidence := 0.5
	if strings.HasSuffix(r.Title, "!") {
		confidence = 0.9
	}
	return commands.Classification{Category: ticket.Category(strings.TrimSuffix(r.Title, "!")), Confidence: confidence}
}

func TestQualityIsCounted(t *testing.T) {
	t.Parallel()
	counts := newTally()
	for _, i := range []issue{
		{"bug", "bug!", ""},
		{"bug", "performance!", ""},
		{"bug", "feature_request", ""},
		{"feature", "feature_request!", ""},
		{"question", "general", ""},
		{"question", "bug!", ""},
	} {
		counts.add(i.label, judge{}.Classify(t.Context(), domain.OrgID{}, commands.HelpRequest{Title: i.title}), 0)
	}
	require.InDelta(t, 2.0/3, counts.f1("bug"), 1e-9)      // precision 2/3, recall 2/3
	require.InDelta(t, 2.0/3, counts.f1("feature"), 1e-9)  // precision 1/2, recall 1
	require.InDelta(t, 2.0/3, counts.f1("question"), 1e-9) // precision 1, recall 1/2
	require.InDelta(t, 2.0/3, counts.macroF1(), 1e-9)
	said, share := counts.confirmedFrom(0.9)
	require.Equal(t, 4, said)
	require.InDelta(t, 0.75, share, 1e-9)
	require.Equal(t, "0.75", counts.right(0.9))
	require.Equal(t, "-", counts.right(0.1))
	require.Zero(t, newTally().macroF1())
	said, share = newTally().confirmedFrom(0)
	require.Zero(t, said)
	require.Zero(t, share)
}

func TestEveryCategoryHasALabel(t *testing.T) {
	t.Parallel()
	for _, category := range ticket.Categories {
		require.Contains(t, issueLabels, labelOf[category], category)
	}
}

func TestQualityIsPrinted(t *testing.T) {
	t.Parallel()
	issues, err := readIssues(strings.NewReader(fewIssues))
	require.NoError(t, err)
	require.Equal(t, issue{"question", "How do I log out?", ""}, issues[2])
	var out strings.Builder
	measureQuality(t.Context(), rules.New(), issues, &out)
	require.Contains(t, out.String(), "| all | 3 | 1.000 | 1.000 | 1.000 | 1.000 | at least 0.65 |")
	require.Contains(t, out.String(), "### Calibration of its confidence")
	require.Contains(t, out.String(), "| labelled | decided bug | decided feature | decided question |")
}

func TestLabelledReportsOfAnotherKindAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "a,b\n1,2\n", "label,title,body\n", "label,title,body\nart,a,b\n", "label,title,body\n\"bug,a"} {
		_, err := readIssues(strings.NewReader(bad))
		require.Error(t, err, bad)
	}
}

func TestQualityIsMeasuredOnAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "issues.csv")
	t.Setenv(issuesVariable, name)
	var out strings.Builder
	require.NoError(t, benchQuality(t.Context(), nil, options{}, &out))
	require.Contains(t, out.String(), "Not measured: there is no file "+name)
	require.NoError(t, os.WriteFile(name, []byte(fewIssues), 0o600))
	out.Reset()
	require.NoError(t, benchQuality(t.Context(), nil, options{}, &out))
	require.Contains(t, out.String(), "### Quality of the rules")
	require.NoError(t, os.WriteFile(name, []byte("x"), 0o600))
	require.Error(t, benchQuality(t.Context(), nil, options{}, &out))
	t.Setenv(issuesVariable, name+"/below a file")
	require.Error(t, benchQuality(t.Context(), nil, options{}, &out))
}
