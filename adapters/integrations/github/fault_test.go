package github_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

func TestRefusalsSayInWordsWhatCanBeDone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  vendorfake.Fault
		kind   commands.VendorErrorKind
		says   string
		unsure bool
	}{
		"401": {vendorfake.Fault{Status: 401, Body: `{"message":"Bad credentials"}`}, commands.Unauthorized, "GitHub says: Bad credentials.", false},
		"403": {vendorfake.Fault{Status: 403, Body: `{"message":"Resource not accessible by personal access token"}`}, commands.Denied, "GitHub says: Resource not accessible by personal access token.", false},
		"404": {vendorfake.Fault{Status: 404, Body: `{"message":"Not Found"}`}, commands.Missing, "GitHub says: Not Found.", false},
		"409": {vendorfake.Fault{Status: 409, Body: `{"message":"Conflict"}`}, commands.Busy, "GitHub says: Conflict.", false},
		"410": {vendorfake.Fault{Status: 410, Body: `{"message":"This issue was deleted"}`}, commands.Missing, "GitHub says: This issue was deleted.", false},
		"413": {vendorfake.Fault{Status: 413, Body: `too large`}, commands.TooLarge, "The vendor answered 413 Request Entity Too Large.", false},
		"422": {
			vendorfake.Fault{Status: 422, Body: `{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title","code":"missing_field"},"and more",{"code":"custom","message":"body is too long (maximum is 65536 characters)"},7]}`},
			commands.Rejected, "GitHub says: Validation Failed: Issue title missing field; and more; body is too long (maximum is 65536 characters).", false,
		},
		"spam":        {vendorfake.Fault{Status: 422, Body: `{"message":"Validation failed, or the endpoint has been spammed."}`}, commands.Rejected, "GitHub says: Validation failed, or the endpoint has been spammed.", false},
		"moved":       {vendorfake.Fault{Status: 301, Body: `{"message":"Moved Permanently"}`}, commands.Rejected, "GitHub says: Moved Permanently.", false},
		"451":         {vendorfake.Fault{Status: 451, Body: `{"message":"Repository access blocked","block":{"reason":"dmca"}}`}, commands.Rejected, "GitHub says: Repository access blocked.", false},
		"500":         {vendorfake.Fault{Status: 500, Body: `<html>`}, commands.Down, "The vendor answered 500 Internal Server Error.", true},
		"502":         {vendorfake.Fault{Status: 502, Body: `{"message":"Server Error"}`}, commands.Down, "GitHub says: Server Error.", true},
		"202":         {vendorfake.Fault{Status: 202, Body: `{}`}, commands.Down, "GitHub's answer makes no sense, or ends in the middle.", true},
		"an array":    {vendorfake.Fault{Status: 201, Body: `[]`}, commands.Down, "GitHub's answer makes no sense, or ends in the middle.", true},
		"no number":   {vendorfake.Fault{Status: 201, Body: `{}`}, commands.Down, "GitHub's answer makes no sense, or ends in the middle.", true},
		"nonsense":    {vendorfake.Fault{Garbage: true}, commands.Down, "GitHub's answer makes no sense, or ends in the middle.", true},
		"silence":     {vendorfake.Fault{Silence: true}, commands.Down, "The vendor said nothing for too long.", true},
		"dropped":     {vendorfake.Fault{DropAfter: true}, commands.Down, "The vendor's answer was lost.", true},
		"not started": {vendorfake.Fault{DropBefore: true}, commands.Down, "The vendor's answer was lost.", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := meet(t)
			w.Next("POST /repos/octo/help/issues", c.fault)
			facing := w.facing(t, c.fault)
			_, err := facing.Create(t.Context(), draft())
			e := wrong(t, err)
			require.Equal(t, c.kind, e.Kind)
			require.Equal(t, c.says, e.Message)
			require.Equal(t, c.unsure, e.Unsure)

			ref := w.made(t)
			w.Next("PATCH *", c.fault)
			if err := facing.SetStatus(t.Context(), ref, "completed"); name != "no number" {
				e = wrong(t, err)
				require.Equal(t, c.kind, e.Kind)
				require.False(t, e.Unsure, "closing twice is closing once")
			}
			w.Next("POST /repos/octo/help/issues/"+ref.ID+"/comments", c.fault)
			_, err = facing.Comment(t.Context(), ref, commands.Note{Comment: uuid.New(), Text: "Hello"})
			e = wrong(t, err)
			require.Equal(t, c.kind, e.Kind)
			require.Equal(t, c.unsure, e.Unsure)
		})
	}
}

func TestEveryLimitSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	const secondary = `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.","documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`
	const soon = "in 20 minutes"
	for name, c := range map[string]struct {
		fault vendorfake.Fault
		in    time.Duration
	}{
		"primary as 403":                    {vendorfake.Fault{Status: 403, Header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "5000", "X-RateLimit-Reset": soon}, Body: `{"message":"API rate limit exceeded"}`}, 20 * time.Minute},
		"primary as 429":                    {vendorfake.Fault{Status: 429, Header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "5000", "X-RateLimit-Reset": soon}, Body: `{"message":"API rate limit exceeded"}`}, 20 * time.Minute},
		"secondary with Retry-After":        {vendorfake.Fault{Status: 403, Header: map[string]string{"Retry-After": "90"}, Body: secondary}, 90 * time.Second},
		"secondary as 429 with Retry-After": {vendorfake.Fault{Status: 429, Header: map[string]string{"Retry-After": "90"}, Body: secondary}, 90 * time.Second},
		"secondary without a word of time":  {vendorfake.Fault{Status: 403, Body: secondary}, time.Minute},
		"secondary as 429 without":          {vendorfake.Fault{Status: 429, Body: secondary}, time.Minute},
		"secondary with a far reset of the primary": {
			vendorfake.Fault{Status: 403, Header: map[string]string{"X-RateLimit-Remaining": "4000", "X-RateLimit-Limit": "5000", "X-RateLimit-Reset": soon}, Body: secondary}, time.Minute,
		},
		"secondary as 429 with a far reset": {
			vendorfake.Fault{Status: 429, Header: map[string]string{"X-RateLimit-Remaining": "4000", "X-RateLimit-Limit": "5000", "X-RateLimit-Reset": soon}, Body: secondary}, time.Minute,
		},
		"by its address alone":        {vendorfake.Fault{Status: 403, Body: `{"message":"No.","documentation_url":"https://docs.github.com/en/free-pro-team@latest/rest/overview#secondary-rate-limits"}`}, time.Minute},
		"what it was called once":     {vendorfake.Fault{Status: 403, Body: `{"message":"You have triggered an abuse detection mechanism."}`}, time.Minute},
		"a 429 without any words":     {vendorfake.Fault{Status: 429}, time.Minute},
		"a 503 that names the moment": {vendorfake.Fault{Status: 503, Header: map[string]string{"Retry-After": "90"}}, 90 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, try := range []func(*world) error{
				func(w *world) error { _, err := w.Create(t.Context(), draft()); return err },
				func(w *world) error { // by hand
					w.account.AuthType, w.account.Credentials["refresh_token"] = "oauth2", "spent"
					w.Next("POST /login/oauth/access_token", c.fault)
					_, err := w.platform.Renew(t.Context(), w.account)
					return err
				},
			} {
				w := meet(t)
				if c.fault.Header["X-RateLimit-Reset"] != "" {
					c.fault.Header["X-RateLimit-Reset"] = strconv.FormatInt(time.Now().Add(20*time.Minute).Unix(), 10)
				}
				w.Next("POST /repos/octo/help/issues", c.fault)
				e := wrong(t, try(w))
				require.Equal(t, commands.Limited, e.Kind)
				require.False(t, e.Unsure)
				require.WithinDuration(t, time.Now().Add(c.in), e.RetryAt, 10*time.Second)
			}
		})
	}
}

func TestNoRequestIsRefusedAfterTheLimitIsKnown(t *testing.T) {
	t.Parallel()
	w := meet(t)
	w.Limit(4, time.Minute)
	ref := w.made(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var err error
	for range 5 {
		if err = w.SetStatus(ctx, ref, "completed"); err != nil {
			break
		}
	}
	require.Equal(t, commands.Limited, wrong(t, err).Kind)
	require.Zero(t, w.Refused())
}

func TestACallerWhoGivesUpHearsItsOwnEnd(t *testing.T) {
	t.Parallel()
	w := meet(t)
	w.Next("", vendorfake.Fault{Silence: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := w.Create(ctx, draft())
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = w.Fetch(ctx, commands.Ref{ID: "1"})
	require.ErrorIs(t, err, context.Canceled)
}

func TestAServerThatIsNotThereOrMayNotBeReachedHasDoneNothing(t *testing.T) {
	t.Parallel()
	w := meet(t)
	w.account.BaseURL = "http://127.0.0.1:1"
	w.open()
	_, err := w.Create(t.Context(), draft())
	e := wrong(t, err)
	require.Equal(t, commands.Down, e.Kind)
	require.False(t, e.Unsure)
	for _, base := range []string{"http://10.0.0.1", "http://169.254.169.254"} {
		w.account.BaseURL = base
		w.open()
		_, err = w.Create(t.Context(), draft())
		require.Equal(t, commands.Rejected, wrong(t, err).Kind, base)
	}
}

func TestAnotherHostNeverHearsTheToken(t *testing.T) {
	t.Parallel()
	w, other := meet(t), meet(t)
	w.Next("GET *", vendorfake.Fault{Status: http.StatusTemporaryRedirect, Header: map[string]string{"Location": other.URL() + "/repos/octo/help"}})
	other.Fix(w.account.Credentials[commands.AccessToken]) // who hears it would take it
	require.Equal(t, commands.Unauthorized, wrong(t, w.Check(t.Context())).Kind)
	require.Len(t, other.Requests(), 1)
}

func TestWhatComesBackFromAnotherHostHasNoProof(t *testing.T) {
	t.Parallel()
	w, other := meet(t), meet(t)
	w.Next("GET *", vendorfake.Fault{Status: http.StatusTemporaryRedirect, Header: map[string]string{"Location": other.URL() + "/repos/octo/help"}})
	other.Next("GET *", vendorfake.Fault{Status: http.StatusTemporaryRedirect, Header: map[string]string{"Location": w.URL() + "/repos/octo/help"}})
	require.Equal(t, commands.Unauthorized, wrong(t, w.Check(t.Context())).Kind)
	require.Len(t, w.Requests(), 2)
}
