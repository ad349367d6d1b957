package rules_test

import (
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/rules"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/ticket"
)

var _ commands.Classifier = (*rules.Rules)(nil)

// shared is what every test asks; it does not change.
var shared = rules.New()

func classify(t *testing.T, r commands.HelpRequest) commands.Classification {
	t.Helper()
	return shared.Classify(t.Context(), domain.OrgID{}, r)
}

func about(t *testing.T, description string) commands.Classification {
	t.Helper()
	return classify(t, commands.HelpRequest{Description: description})
}

func TestRequestsOfEveryCategoryAreToldApart(t *testing.T) {
	t.Parallel()
	all := rules.New()
	seen := map[ticket.Category]int{}
	for _, r := range requests {
		got := all.Classify(t.Context(), domain.OrgID{}, commands.HelpRequest{Description: r.text})
		require.Equal(t, r.category, string(got.Category), "%s\n%q", r.text, got.Reasons)
		if r.priority != "" {
			require.Equal(t, r.priority, string(got.Priority), "%s\n%q", r.text, got.Reasons)
		}
		require.NotEmpty(t, got.Reasons, r.text)
		require.NotEmpty(t, got.Title, r.text)
		seen[got.Category]++
	}
	for _, category := range ticket.Categories {
		require.GreaterOrEqual(t, seen[category], 10, category)
	}
}

func TestWhatSaysNothingIsGeneralWithLittleConfidence(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " ", "Hello", "asdf", "See attachment.", "???", "It's about what we discussed.", "🙂", "1234", "Please."} {
		got := about(t, text)
		require.Equal(t, ticket.General, got.Category, text)
		require.LessOrEqual(t, got.Confidence, 0.3, text)
		require.Empty(t, got.Department, text)
		require.Equal(t, ticket.Medium, got.Priority, text)
		require.LessOrEqual(t, got.PriorityConfidence, 0.5, text)
		require.Equal(t, []string{"Nothing in the request speaks clearly for any category."}, got.Reasons)
	}
}

func TestAsMuchForOneThingAsForAnotherIsGeneral(t *testing.T) {
	t.Parallel()
	got := about(t, "The dashboard is slow, and the webhook too.")
	require.Equal(t, ticket.General, got.Category)
	require.InDelta(t, 0.3, got.Confidence, 0)
	require.Equal(t, []string{
		"As much speaks for integration as for performance, so neither is named.",
		`"webhook" in the description speaks for integration.`, `"slow" in the description speaks for performance.`,
	}, got.Reasons)
}

func TestWhatIsDeniedDoesNotCount(t *testing.T) {
	t.Parallel()
	require.Equal(t, ticket.Category("bug"), about(t, "The app crashes.").Category)
	require.Equal(t, ticket.General, about(t, "There was no crash.").Category)
	require.Equal(t, ticket.General, about(t, "It's not a bug.").Category)
	require.Equal(t, ticket.Category("performance"), about(t, "No. It is slow.").Category, "a denial ends with its sentence")
	require.Equal(t, ticket.Category("billing"), about(t, "I have not received my invoice.").Category, "a thing stays what it is")
	require.Equal(t, ticket.Low, about(t, "This is not urgent.").Priority)
}

func TestATitleCountsMoreThanTheDescription(t *testing.T) {
	t.Parallel()
	got := classify(t, commands.HelpRequest{Title: "Invoice missing", Description: "The printer is fine."})
	require.Equal(t, ticket.Category("billing"), got.Category)
	require.Contains(t, got.Reasons, `"Invoice" in the title speaks for billing.`)
	got = classify(t, commands.HelpRequest{Title: "Printer", Description: "I have an invoice for it."})
	require.Equal(t, ticket.Category("technical"), got.Category)
}

func TestRepeatingAWordProvesNothing(t *testing.T) {
	t.Parallel()
	once, often := about(t, "The invoice."), about(t, "The invoice. "+strings.Repeat("Invoice! ", 200))
	require.Equal(t, once.Confidence, often.Confidence)
	require.Equal(t, once.Reasons, often.Reasons)
}

func TestAFormWithoutAnswersSaysNothing(t *testing.T) {
	t.Parallel()
	const form = "<!-- Describe the bug. Did it crash? -->\n### Steps to reproduce\n\n_No response_\n\n### Expected behavior\n\nN/A\n\n" +
		"**Error message**\n\n- [ ] I searched for the same bug\n- [x] I agree that a crash report is public and may be read by anybody\n\n" +
		"<!--\nFeature request?\n-->\n### Describe the solution you'd like\n\nNone\n| error | crash |\n"
	require.Equal(t, ticket.General, about(t, form).Category)
	answered := strings.Replace(form, "_No response_", "1. Open the list\n2. Press Delete", 1)
	got := about(t, answered)
	require.Equal(t, ticket.Category("bug"), got.Category)
	require.Contains(t, got.Reasons, `"Steps to reproduce" in a heading speaks for bug.`)
}

func TestWhatWasChosenInAFormCounts(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]ticket.Category{
		"### Issue Type\n\nFeature Request\n\n### Details\n\nThe list of customers": "feature_request",
		"Type: <b>Bug</b>\n\nThe list of customers":                                 "bug",
		"**Category:** Security\n\nThe list of customers":                           "security",
		"Category:\n- [ ] Bug\n- [x] Billing\n\nThe list":                           "billing",
		"**Would you report a *bug* or request a *feature*?**\nfeature\n\nThe list": "feature_request",
		"Type: Banana\n\nThe list of customers":                                     ticket.General,
	} {
		require.Equal(t, want, about(t, form).Category, form)
	}
}

func TestWhatAProgramPrintedIsNoRequest(t *testing.T) {
	t.Parallel()
	got := about(t, "See below.\n```\nTraceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nValueError: invoice(password)\n```\n")
	require.Equal(t, ticket.Category("bug"), got.Category)
	require.Contains(t, got.Reasons[0], "in the output of a program speaks for bug.")
	require.Equal(t, ticket.General, about(t, "See below.\n    invoice = slow(password); invoice = slow(webhook);\n").Category)
	require.Equal(t, ticket.Category("billing"), about(t, "```shell\nI did not get my invoice for the last month\n```").Category, "some forms frame every answer")
}

func TestAddressesAndNamesInCodeAreNoWords(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"See https://example.com/invoice/crash?slow=password", "See www.invoice.example", "Look at `invoice crash password`.",
		"Look at my_invoice and invoice.slow and invoice::crash and invoice() and key=invoice", "[this](https://invoice.example/slow) ![crash](invoice)",
	} {
		require.Equal(t, ticket.General, about(t, text).Category, text)
	}
}

func TestWhatAFileSaysCountsLittle(t *testing.T) {
	t.Parallel()
	file := "Invoice 7\nPayment due in 30 days\nEverybody is affected, it is urgent!"
	got := classify(t, commands.HelpRequest{Description: "See the file.", Attached: []string{file}})
	require.Equal(t, ticket.Category("billing"), got.Category)
	require.Contains(t, got.Reasons, `"Invoice" in an attached file speaks for billing.`)
	require.Equal(t, ticket.Medium, got.Priority, "a file does not make a request urgent")
	require.Empty(t, got.Tags)
	got = classify(t, commands.HelpRequest{Description: "My printer is broken.", Attached: []string{file}})
	require.Equal(t, ticket.Category("technical"), got.Category)
	got = classify(t, commands.HelpRequest{Description: "See the files.", Attached: []string{"", "", "", "", "", file}})
	require.Equal(t, ticket.General, got.Category, "five files are read")
}

func TestOtherLanguagesAreNeverJudgedWithMuchConfidence(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"Die Rechnung ist falsch und die Zahlung wurde nicht gutgeschrieben. Ich kann die Rechnung nicht bezahlen, weil sie für ein Abo ist, das payment invoice billing refund",
		"La facture est fausse et je ne peux pas accepter le paiement pour vous, refund invoice billing payment vat",
	} {
		got := about(t, text)
		require.Equal(t, ticket.Category("billing"), got.Category)
		require.InDelta(t, 0.55, got.Confidence, 0)
		require.Contains(t, got.Reasons, "The request is not in English, of which the rules know most, so confidence is limited.")
	}
	require.Greater(t, about(t, "The invoice is wrong and I want a refund of the payment for my subscription.").Confidence, 0.7)
}

func TestEveryCategoryHasItsTeam(t *testing.T) {
	t.Parallel()
	for text, team := range map[string]string{
		"My printer is broken.": "IT", "I forgot my password.": "IT", "Where is my invoice?": "Billing", "Please add dark mode.": "Product",
		"The app crashes.": "Engineering", "The page takes 40 seconds to load.": "Engineering", "The webhook to Slack stopped.": "Integrations",
		"We were hacked.": "Security", "Hello": "",
	} {
		require.Equal(t, team, about(t, text).Department, text)
	}
}

func TestTagsAreOfAFixedVocabulary(t *testing.T) {
	t.Parallel()
	got := classify(t, commands.HelpRequest{Title: "VPN on Windows 11", Description: "I can't log in from Chrome. The VPN times out, says the e-mail."})
	require.Equal(t, []string{"vpn", "windows", "login", "email", "timeout"}[:2], got.Tags[:2])
	require.Len(t, got.Tags, 5)
	require.Nil(t, about(t, "Hello").Tags)
}

func TestPrioritiesFollowVisibleRules(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ticket.Level{
		"The whole company cannot print.":                           ticket.Critical,
		"We have lost all data of last week.":                       ticket.Critical,
		"There is an outage in production, this is urgent.":         ticket.Critical,
		"This blocks our release, we need it as soon as possible.":  ticket.High,
		"The deadline for the report is tomorrow.":                  ticket.High,
		"My mouse is broken.":                                       ticket.Medium,
		"A minor thing, no rush: the logo has the wrong colour.":    ticket.Low,
		"It would be nice to have a darker theme.":                  ticket.Low,
		"Dringend! Der Drucker geht nicht.":                         ticket.High,
		"Not urgent, but the site is slow for all users right now.": ticket.High,
	} {
		got := about(t, text)
		require.Equal(t, want, got.Priority, "%s\n%q", text, got.Reasons)
	}
	sure, torn := about(t, "Outage in production, urgent!"), about(t, "Urgent, but no rush.")
	require.Greater(t, sure.PriorityConfidence, torn.PriorityConfidence)
	require.Contains(t, sure.Reasons, `"Outage" in the description speaks for a higher priority.`)
}

func TestTheSameRequestHasTheSameAnswer(t *testing.T) {
	t.Parallel()
	all := rules.New()
	text := strings.Repeat("Urgent: the invoice is wrong, I can't log in, the app crashes, please add dark mode, webhook slow hacked. ", 20)
	want := all.Classify(t.Context(), domain.OrgID{}, commands.HelpRequest{Description: text})
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 20 {
				got := all.Classify(t.Context(), domain.OrgID{}, commands.HelpRequest{Description: text})
				if !equal(want, got) {
					t.Errorf("%v is not %v", got, want)
				}
			}
		})
	}
	work.Wait()
	require.Equal(t, want, rules.New().Classify(t.Context(), domain.OrgID{}, commands.HelpRequest{Description: text}))
}

func equal(a, b commands.Classification) bool {
	return a.Category == b.Category && a.Confidence == b.Confidence && a.Priority == b.Priority && a.Title == b.Title &&
		strings.Join(a.Tags, "|") == strings.Join(b.Tags, "|") && strings.Join(a.Reasons, "|") == strings.Join(b.Reasons, "|")
}

// valid requires what every answer has to be, whatever the request is.
func valid(t *testing.T, c commands.Classification) {
	t.Helper()
	require.Contains(t, ticket.Categories, c.Category)
	require.Contains(t, ticket.Levels, c.Priority)
	for _, confidence := range []float64{c.Confidence, c.PriorityConfidence} {
		require.Greater(t, confidence, 0.0)
		require.LessOrEqual(t, confidence, 0.9)
	}
	require.LessOrEqual(t, utf8.RuneCountInString(c.Title), 80)
	require.LessOrEqual(t, len(c.Tags), 5)
	require.NotEmpty(t, c.Reasons)
	require.LessOrEqual(t, len(c.Reasons), 8)
	for _, text := range append(append([]string{c.Title, c.Department}, c.Tags...), c.Reasons...) {
		require.True(t, domain.Storable(text), "%q", text)
		require.LessOrEqual(t, utf8.RuneCountInString(text), 400)
		require.NotContains(t, text, "\n")
	}
}

// hostile are requests that nobody means well.
var hostile = []string{
	strings.Repeat("a", 50_000), strings.Repeat("ü", 50_000), strings.Repeat("not ", 12_000), strings.Repeat("takes ", 10_000), strings.Repeat("`", 50_000),
	strings.Repeat("<a", 25_000), strings.Repeat("![", 25_000), strings.Repeat("](", 25_000), strings.Repeat("<!--", 12_000), strings.Repeat("```\n", 12_000),
	strings.Repeat("**", 25_000), strings.Repeat("\n", 50_000), strings.Repeat("?", 50_000), strings.Repeat(".", 50_000), strings.Repeat("a: ", 16_000),
	strings.Repeat("hi, ", 12_000), strings.Repeat("hi team ", 6_000), strings.Repeat("#", 50_000), strings.Repeat("> ", 25_000), strings.Repeat("- [ ", 12_000),
	"\x00", "a\x00b crash\x00es", "\xff\xfe\xfd invoice \xc3", strings.Repeat("\xf0\x9f", 25_000), "\u202eecioвni", "a\u2028b invoice", "--", "** **", "**", "- [x]", "### ", "Type:", "`", "'", "''s", "n't", "-\n--\n-",
}

func TestNobodyMakesItFailOrWait(t *testing.T) {
	t.Parallel()
	for _, text := range hostile {
		valid(t, classify(t, commands.HelpRequest{Title: text, Description: text, Attached: []string{text, text}}))
		valid(t, about(t, text))
	}
}

func FuzzClassify(f *testing.F) {
	for _, text := range hostile {
		f.Add("", text[:min(len(text), 300)], "")
	}
	for _, r := range requests[:20] {
		f.Add(r.text, "Hi,\n\n### Type\n\n"+r.category+"\n```\n"+r.text, r.text)
	}
	all := rules.New()
	f.Fuzz(func(t *testing.T, title, description, file string) {
		request := commands.HelpRequest{Title: title, Description: description, Attached: []string{file}}
		got := all.Classify(t.Context(), domain.OrgID{}, request)
		valid(t, got)
		require.Equal(t, got, all.Classify(t.Context(), domain.OrgID{}, request))
	})
}

func BenchmarkTwoThousandCharacters(b *testing.B) {
	var text strings.Builder
	for i := 0; text.Len() < 2000; i++ {
		text.WriteString(requests[i%len(requests)].text + "\n")
	}
	benchmark(b, text.String()[:2000])
}

func BenchmarkTheLongestRequest(b *testing.B) {
	var text strings.Builder
	for i := 0; text.Len() < ticket.MaxDescription; i++ {
		text.WriteString(requests[i%len(requests)].text + "\n")
	}
	benchmark(b, text.String())
}

func benchmark(b *testing.B, text string) {
	b.Helper()
	all := rules.New()
	b.ReportAllocs()
	for b.Loop() {
		all.Classify(b.Context(), domain.OrgID{}, commands.HelpRequest{Title: "The invoice is wrong", Description: text})
	}
}
