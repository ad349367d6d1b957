package guard_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/internal/guard"
)

func TestPeopleGetPlaceholders(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Mail bob@example.com, or Ann.O'Neil+x@mail.example.co.uk.": "Mail [EMAIL_1], or [EMAIL_2].",
		"<jürgen@müller.example>; (a_b@x.io)":                       "<[EMAIL_1]>; ([EMAIL_2])",
		"mailto:x@y.org?subject=1":                                  "mailto:[EMAIL_1]?subject=1",
		"bob@example.com-":                                          "[EMAIL_1]-",
		"bob@example.com.5":                                         "[EMAIL_1].5",
		`{"email":"bob@example.com"}`:                               `{"email":"[EMAIL_1]"}`,
		"5551234567@sms.example.com":                                "[EMAIL_1]",
		"163 users at x@163.com":                                    "163 users at [EMAIL_1]",

		"Call +1 (555) 123-4567 today":         "Call [PHONE_1] today",
		"(555) 123-4567 or (5551234567)":       "[PHONE_1] or ([PHONE_2])",
		"555-123-4567 555.123.4568":            "[PHONE_1] [PHONE_2]",
		"1-800-555-1234x12":                    "[PHONE_1]x12",
		"+49 151 12345678, +4915112345678":     "[PHONE_1], [PHONE_2]",
		"030/12345678 and 0171 1234567":        "[PHONE_1] and [PHONE_2]",
		"01.23.45.67.89 or 01 23 45 67 89":     "[PHONE_1] or [PHONE_2]",
		"+44 (0)20 7946 0958":                  "[PHONE_1]",
		"00 49 151 12345678":                   "[PHONE_1]",
		"phone=5551234567&x=1":                 "phone=[PHONE_1]&x=1",
		"tel:5551234567":                       "tel:[PHONE_1]",
		"Reach me on 2025550143.":              "Reach me on [PHONE_1].",
		"My mobile: 1732270000":                "My mobile: [PHONE_1]",
		"WhatsApp 49 151 12345678":             "WhatsApp [PHONE_1]",
		"call 4915112345678":                   "call [PHONE_1]",
		"...2025550143":                        "...[PHONE_1]",
		"bob,2025550143,2025550144,b@x.com":    "bob,[PHONE_1],[PHONE_2],[EMAIL_1]",
		"555-1234567":                          "[PHONE_1]",
		"555\u2011123\u20114567":               "[PHONE_1]",
		"4111 1111 1111 1111 123, exp 12/27":   "[CARD_1] 123, exp 12/27",
		"4111-1111-1111-1111":                  "[CARD_1]",
		"card 4111111111111111.":               "card [CARD_1].",
		"378282246310005 3782 822463 10005":    "[CARD_1] [CARD_2]",
		"2223003122003222":                     "[CARD_1]",
		"3056 930902 5904":                     "[CARD_1]",
		"SSN 123-45-6789":                      "SSN [SSN_1]",
		"social security number: 123456789":    "social security number: [SSN_1]",
		"ssn 123 45 6789":                      "ssn [SSN_1]",
		"bob@example.com, bob@example.com":     "[EMAIL_1], [EMAIL_1]",
		"[EMAIL_1] is what I see, bob@x.com":   "[TEXT_1] is what I see, [EMAIL_1]",
		"[[PHONE_2]] and [TEXT_1], [TEXT_1]":   "[[TEXT_1]] and [TEXT_2], [TEXT_2]",
		"[EMAIL_1@x.com]":                      "[[EMAIL_1]]",
		"Error 500 for bob@x.com at 10.0.0.12": "Error 500 for [EMAIL_1] at 10.0.0.12",
	} {
		p := guard.NewPseudonyms()
		hidden := p.Hide(text)
		assert.Equal(t, want, hidden)
		assert.Equal(t, text, p.Restore(hidden))
	}
}

func TestWhatIsNobodysStays(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		// UUIDs
		"550e8400-e29b-41d4-a716-446655440000", "12345678-1234-1234-1234-123456789012", "0190b5e0-7c4d-7000-8000-000000000001",
		// ticket numbers
		"TICKET-1234567890", "#1234567890", "ticket 5551234567", "INC0012345678", "order no. 2025550143", "case_id=2025550143", "GH-4821, PR #77",
		// IP addresses
		"192.168.100.200", "10.0.0.1:8080", "255.255.255.255", "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "100.200.100.200/24",
		// versions
		"1.2.3", "10.0.19045.3803", "Chrome/120.0.6099.129", "v2024.10.31.1234", "lodash@4.17.21", "pkg@1.2.3-beta.rc", "logo@2x.png", "Windows 10.0.22631.2861",
		// timestamps
		"2024-01-31T12:30:45.123456789Z", "2024-01-31 12:30:45,123", "1732270000", "1732270000123", "1732270000123456", "20240131123045", "202401311230", "31.01.2024 12:30",
		"01/02/2024 1200", "2024/01/31 12:30", "12:30:45.123456789",
		// hashes
		"d41d8cd98f00b204e9800998ecf8427e", "88f56e1", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		// error codes
		"0x80070005", "0x00000000deadbeef", "error code 2147942405", "-2147024891", "SQLSTATE 22P02", "ORA-00942", "ERR_0000000001", "errno: 2025550143", "HTTP 500",
		// other numbers
		"4294967296", "2147483647 rows", "1073741824 bytes", "2025550143 bytes", "3.14159265358979", "1,234,567,890", "$2025550143", "1 234 567 890", "12345 67890",
		"0000000000", "4111 1111 1111 1112", "6111-1111-1111-1111-1111-1111", "000-12-3456", "666-12-3456", "912-34-5678", "123-00-6789", "123-45-0000", "123 45 6789", "123456789",
		"/orders/2025550143", "x2025550143", "2025550143x", "2025550143-7", "2025550143_a", "2025550143/7", "2025550143%", "12345678901234567890", "1.5551234567",
		"id 49 151 12345678", "49 151 12345678", "555/1234/567", "1-2-3-4-5-6-7-8-9-0-1-2", "0 1 2 3 4 5 6 7 8 9", "555..123..4567", "(5", "+", "+1", "(555", "1 1 1 1 1 1 1 1 1 1",
		"12 34.56 78 90 12", "9111 1111 1111 1111", "5123 45 6789 0123 45",
		// no addresses
		"user@host", "@example.com", "a@", "a@.com", "a@b..com", ".@x.com", "a.@x.com", "git@10.0.0.1", "@scope/pkg", "a @ b.com", "Object@7f31245a",
		// no placeholders
		"[EMAIL]", "[EMAIL_]", "[EMAIL_x]", "[email_1]", "[USER_1]", "[EMAIL_1", "[EMAIL_1234567890]", "[", "[]",
	} {
		assert.Equal(t, text, guard.NewPseudonyms().Hide(text))
	}
}

func TestARunHasOnePlaceholderForAValue(t *testing.T) {
	t.Parallel()
	p := guard.NewPseudonyms()
	require.Equal(t, "[EMAIL_1]", p.Restore("[EMAIL_1]"))
	require.Equal(t, "[EMAIL_1] [PHONE_1]", p.Hide("a@x.com +1 555 123 4567"))
	require.Equal(t, "[EMAIL_2] [EMAIL_1] [TEXT_1]", p.Hide("b@x.com a@x.com [EMAIL_1]"))
	require.Equal(t, "a@x.com wrote [EMAIL_1], not [EMAIL_3]", p.Restore("[EMAIL_1] wrote [TEXT_1], not [EMAIL_3]"))
	require.Equal(t, map[guard.Personal]int{guard.Email: 2, guard.Phone: 1}, p.Counts())
	require.Equal(t, map[guard.Personal]int{}, guard.NewPseudonyms().Counts())
}

func TestReadersOfSeveralToolsShareARun(t *testing.T) {
	t.Parallel()
	p := guard.NewPseudonyms()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			text := fmt.Sprintf("u%d@x.com and shared@x.com", i)
			hidden := p.Hide(text)
			if p.Restore(hidden) != text {
				t.Errorf("%q was not restored", hidden)
			}
		})
	}
	all.Wait()
	require.Equal(t, 9, p.Counts()[guard.Email])
}

var numberPieces = []string{
	"bob@x.com", "@", ".", "[EMAIL_1]", "[TEXT_1]", "[", "_", "1]", "EMAIL", "+", "(", ")", "-", " ", "/", ":", "555", "123", "4567", "4111", "1111", "0", "00", "\u00a0", "é", "\xff", "a", "ssn ", "tel ", "x", ",",
}

func TestWhatWasHiddenComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := guard.NewPseudonyms()
		var texts, hidden []string
		for range rapid.IntRange(1, 4).Draw(t, "texts") {
			text := strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(numberPieces), rapid.StringN(0, 3, 8)), 0, 40).Draw(t, "text"), "")
			texts, hidden = append(texts, text), append(hidden, p.Hide(text))
		}
		for i, text := range texts {
			assert.Equal(t, text, p.Restore(hidden[i]))
			require.Equal(t, hidden[i], p.Hide(text), "the same value, the same placeholder")
		}
	})
}

func FuzzPseudonyms(f *testing.F) {
	for _, seed := range []string{"a@x.com +1 (555) 123-4567", "[EMAIL_1] [TEXT_1]", "4111 1111 1111 1111", "123-45-6789\xff", "[EMAIL_1@x.com]", "ssn 123 45 6789"} {
		f.Add(seed, "b@x.com")
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		p := guard.NewPseudonyms()
		first, second := p.Hide(one), p.Hide(other)
		require.Equal(t, one, p.Restore(first))
		require.Equal(t, other, p.Restore(second))
	})
}
