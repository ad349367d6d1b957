package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestAStatusSaysWhatCanBeDone(t *testing.T) {
	t.Parallel()
	spent, soon := http.Header{}, http.Header{}
	spent.Set("X-Ratelimit-Remaining", "0")
	spent.Set("X-Ratelimit-Reset", "1772366430")
	soon.Set("Retry-After", "5")
	for _, c := range []struct {
		status int
		header http.Header
		want   commands.VendorErrorKind
		after  time.Duration
		unsure bool
	}{
		{401, nil, commands.Unauthorized, 0, false},
		{403, nil, commands.Denied, 0, false},
		{403, spent, commands.Limited, 30 * time.Second, false},
		{403, soon, commands.Limited, 5 * time.Second, false},
		{404, nil, commands.Missing, 0, false},
		{410, nil, commands.Missing, 0, false},
		{408, nil, commands.Down, 0, true},
		{409, nil, commands.Busy, 0, false},
		{423, nil, commands.Busy, 0, false},
		{413, nil, commands.TooLarge, 0, false},
		{400, nil, commands.Rejected, 0, false},
		{422, nil, commands.Rejected, 0, false},
		{418, soon, commands.Rejected, 0, false},
		{302, nil, commands.Rejected, 0, false},
		{429, nil, commands.Limited, time.Minute, false},
		{429, soon, commands.Limited, 5 * time.Second, false},
		{429, spent, commands.Limited, 30 * time.Second, false},
		{500, nil, commands.Down, 0, true},
		{502, soon, commands.Down, 0, true},
		{503, nil, commands.Down, 0, true},
		{503, soon, commands.Limited, 5 * time.Second, false},
	} {
		got := outbound.Fault(c.status, c.header, "", false, noon)
		require.Equal(t, c.want, got.Kind, c.status)
		require.Equal(t, c.unsure, got.Unsure, c.status)
		require.Contains(t, got.Message, fmt.Sprint(c.status))
		if c.after == 0 {
			require.Zero(t, got.RetryAt, c.status)
		} else {
			require.Equal(t, c.after, got.RetryAt.Sub(noon), c.status)
		}
		require.False(t, outbound.Fault(c.status, c.header, "", true, noon).Unsure, c.status)
	}
}

func TestAVendorsOwnWordsAreRepeatedButNotAllOfThem(t *testing.T) {
	t.Parallel()
	require.Equal(t, "The summary is missing.", outbound.Fault(422, nil, "The summary is missing.", false, noon).Message)
	require.Len(t, []rune(outbound.Fault(422, nil, strings.Repeat("ä", 2000), false, noon).Message), 500)
}

func TestAnErrorOfTheTransportIsReadAsWhatItMeans(t *testing.T) {
	t.Parallel()
	known := &commands.VendorError{Kind: commands.Limited, Message: "Later."}
	require.Same(t, known, outbound.Lost(fmt.Errorf("get: %w", known), false))

	strange := errors.New("unexpected end")
	require.Equal(t, &commands.VendorError{Kind: commands.Down, Message: "The vendor's answer was lost.", Unsure: true}, outbound.Lost(strange, false))
	require.Equal(t, &commands.VendorError{Kind: commands.Down, Message: "The vendor's answer was lost."}, outbound.Lost(strange, true))
	require.Equal(t, context.Canceled, outbound.Lost(fmt.Errorf("somebody else's library: %w", context.Canceled), false))
	require.Equal(t, context.DeadlineExceeded, outbound.Lost(fmt.Errorf("somebody else's library: %w", context.DeadlineExceeded), false))
}

func TestATextIsCutWithALinkToTheRest(t *testing.T) {
	t.Parallel()
	const link = "https://tickets.example/7"
	for _, c := range []struct {
		text string
		most int
		link string
		want string
		cut  bool
	}{
		{"short", 5, link, "short", false},
		{"äöüß", 4, "", "äöüß", false},
		{"äöüßx", 4, "", "äöü…", true},
		{"a word and more", 8, "", "a word…", true},
		{strings.Repeat("x", 50), 40, link, strings.Repeat("x", 13) + "… " + link, true},
		{strings.Repeat("x", 50), 20, link, strings.Repeat("x", 19) + "…", true},
		{"long", 1, "", "…", true},
		{"long", 0, "", "", true},
		{"", 0, "", "", false},
	} {
		got, cut := outbound.Cut(c.text, c.most, c.link)
		require.Equal(t, c.want, got)
		require.Equal(t, c.cut, cut)
		require.LessOrEqual(t, len([]rune(got)), c.most)
	}
}

func TestABaseTakesThePlaceOfAVendorsHost(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"", "https://slack.com/api/auth.test", "https://slack.com/api/auth.test"},
		{"http://127.0.0.1:8080", "https://slack.com/api/auth.test", "http://127.0.0.1:8080/api/auth.test"},
		{"http://127.0.0.1:8080/", "https://slack.com/api/auth.test?a=b%20c&d", "http://127.0.0.1:8080/api/auth.test?a=b%20c&d"},
		{"https://github.acme.example/api/v3", "https://api.github.com/repos/a%2Fb/c", "https://github.acme.example/api/v3/repos/a%2Fb/c"},
		{"https://acme.example", "https://auth.atlassian.com", "https://acme.example"},
		{"no address", "https://slack.com/api", "https://slack.com/api"},
		{"http://[", "https://slack.com/api", "https://slack.com/api"},
		{"https://acme.example", "https://[", "https://["},
	} {
		require.Equal(t, c[2], outbound.Host(c[0], c[1]))
	}
}
