package rules_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
)

func TestATitleIsMadeOfTheRequestsOwnWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Hi,\n\nI cannot log in.\n\nBest regards\nAnn":                                "I cannot log in",
		"Hello team my printer is broken":                                             "My printer is broken",
		"Dear Sir or Madam, the invoice for March is wrong. Please correct it.":       "The invoice for March is wrong",
		"Good morning!\nMy name is Bob Smith. The export to PDF crashes. Thanks, Bob": "The export to PDF crashes",
		"Sehr geehrte Damen und Herren,\ndie Rechnung ist falsch.":                    "Die Rechnung ist falsch",
		"Hello world program does not work":                                           "Hello world program does not work",
		"iPhone app crashes e.g. when I open the camera. It's new.":                   "iPhone app crashes e.g. when I open the camera",
		"Error on https://app.example.com/tickets/17?filter=open&x=1, please fix it":  "Error on app.example.com please fix it",
		"See [the page](https://example.com/a/b), it crashes":                         "See the page, it crashes",
		"### Steps to reproduce\n\n1. **Open** the `list`\n2. It crashes!":            "It crashes!",
		"can you help me? i forgot my password":                                       "I forgot my password",
		"Something is odd here today. Thank you!":                                     "Something is odd here today",
		"odd":           "Odd",
		"odd. very odd": "Odd. very odd",
		"```\nValueError: {x=1} in (a, b, c)\n```":               "ValueError: {x=1} in (a, b, c)",
		"The report is late\n-- \nAnn Example, Example Street 1": "The report is late",
		"Thanks!": "Thanks!",
		"":        "",
		"The first part of a long request that goes on and on, the invoice is wrong and nobody knows why": "The first part of a long request that goes on and on, the invoice is wrong and…",
	} {
		require.Equal(t, want, about(t, text).Title, text)
	}
}

func TestAGivenTitleIsKeptWhenItSaysSomething(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"Printer  on\tfire": "Printer on fire", "Help!!": "The invoice is wrong", "": "The invoice is wrong", "problem": "The invoice is wrong",
		"printer": "printer", " . ": "The invoice is wrong",
	} {
		require.Equal(t, want, classify(t, commands.HelpRequest{Title: title, Description: "Hello, the invoice is wrong."}).Title, title)
	}
	require.Equal(t, "Help", classify(t, commands.HelpRequest{Title: "Help", Description: ""}).Title)
	require.Equal(t, "Scan of a letter", classify(t, commands.HelpRequest{Attached: []string{"\n\nScan of a letter\nof May"}}).Title)
}

func TestATitleIsNotCutInAWord(t *testing.T) {
	t.Parallel()
	text := "the invoice of our supplier for replacement batteries and überlange wörter in March is wrong, as it was in April and in May"
	for length := 60; length <= len(text); length++ {
		title := about(t, text[:length]).Title
		require.LessOrEqual(t, utf8.RuneCountInString(title), 80)
		if cut, found := strings.CutSuffix(title, "…"); found {
			require.Contains(t, []string{" ", ","}, text[len(cut):len(cut)+1], title)
		}
	}
	require.Equal(t, strings.Repeat("a", 79)+"…", classify(t, commands.HelpRequest{Title: strings.Repeat("a", 100)}).Title, "one word is all there is")
}
