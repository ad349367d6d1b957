package github_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

func TestATokenThatHasEndedIsRenewedOnce(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	w.ExpireTokens()
	require.Equal(t, commands.Unauthorized, wrong(t, w.SetStatus(t.Context(), ref, "completed")).Kind)
	spent := w.account.Credentials[commands.RefreshToken]
	renewal := w.renewed(t)
	require.WithinDuration(t, time.Now().Add(8*time.Hour), renewal.Ends, time.Minute)
	require.NoError(t, w.SetStatus(t.Context(), ref, "completed"))
	require.NotEqual(t, spent, w.account.Credentials[commands.RefreshToken])

	w.account.Credentials[commands.RefreshToken] = spent
	_, err := w.platform.Renew(t.Context(), w.account)
	e := wrong(t, err)
	require.Equal(t, commands.Revoked, e.Kind)
	require.Equal(t, "GitHub gives no token: The refresh token passed is incorrect or expired.", e.Message)
	require.Equal(t, 1, w.SpentTwice())
}

func TestAPersonConsentsAndTheCodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	w := meet(t)
	consent := commands.Consent{State: "state", Verifier: "a-verifier-that-is-long-enough-to-be-one-of-pkce", Redirect: "https://help.example.com/back"}
	address, err := w.platform.Consent(w.account, consent)
	require.NoError(t, err)
	page, err := url.Parse(address)
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(consent.Verifier))
	require.Equal(t, w.URL()+"/login/oauth/authorize", page.Scheme+"://"+page.Host+page.Path)
	require.Equal(t, url.Values{
		"client_id": {"github-client"}, "redirect_uri": {consent.Redirect}, "scope": {"repo"}, "state": {"state"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}, page.Query())

	code := w.Base().Consent(page.Query().Get("code_challenge"))
	renewal, err := w.platform.Exchange(t.Context(), w.account, code, consent)
	require.NoError(t, err)
	require.True(t, w.Takes(renewal.Fields[commands.AccessToken]))
	require.NotEmpty(t, renewal.Fields[commands.RefreshToken])
	_, err = w.platform.Exchange(t.Context(), w.account, code, consent)
	require.Equal(t, commands.Rejected, wrong(t, err).Kind)

	w.account.BaseURL = ""
	address, err = w.platform.Consent(w.account, consent)
	require.NoError(t, err)
	require.Contains(t, address, "https://github.com/login/oauth/authorize?")
	for _, other := range []integration.AuthType{integration.Bearer, integration.App} {
		w.account.AuthType = other
		_, err = w.platform.Consent(w.account, consent)
		require.ErrorIs(t, err, commands.ErrNoConsent)
	}
}

func TestAnAnswerAboutTokensThatIsNoneIsNotTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  vendorfake.Fault
		kind   commands.VendorErrorKind
		unsure bool
	}{
		"a wrong secret":       {vendorfake.Fault{Status: 200, Body: `{"error":"incorrect_client_credentials","error_description":"The client_id and/or client_secret passed are incorrect."}`}, commands.Revoked, false},
		"an unknown client":    {vendorfake.Fault{Status: 404, Body: `{"error":"Not Found"}`}, commands.Revoked, false},
		"without words":        {vendorfake.Fault{Status: 400, Body: `no`}, commands.Down, false},
		"of somebody between":  {vendorfake.Fault{Status: 403, Body: `<html>`}, commands.Down, false},
		"an unknown code":      {vendorfake.Fault{Status: 200, Body: `{"error":"try_another_day"}`}, commands.Down, false},
		"too many logins":      {vendorfake.Fault{Status: 200, Body: `{"error":"bad_refresh_token","error_description":"Too many requests."}`}, commands.Limited, false},
		"nothing":              {vendorfake.Fault{Status: 200, Body: `{}`}, commands.Down, true},
		"nonsense":             {vendorfake.Fault{Garbage: true}, commands.Down, true},
		"the connection drops": {vendorfake.Fault{DropAfter: true}, commands.Down, true},
		"it is down":           {vendorfake.Fault{Status: 503, Body: `{"error":"x"}`}, commands.Down, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := meet(t)
			w.Next("POST /login/oauth/access_token", c.fault)
			_, err := w.platform.Renew(t.Context(), w.account)
			e := wrong(t, err)
			require.Equal(t, c.kind, e.Kind)
			require.Equal(t, c.unsure, e.Unsure)
		})
	}
	w := meet(t)
	w.Next("POST /login/oauth/access_token", vendorfake.Fault{Status: 200, Body: `{"access_token":"gho_1","token_type":"bearer","scope":"repo"}`})
	renewal, err := w.platform.Renew(t.Context(), w.account)
	require.NoError(t, err)
	require.Equal(t, commands.Renewal{Fields: map[string]string{commands.AccessToken: "gho_1"}}, renewal, "one that does not end")
}

func TestWhatCannotBeRenewedIsRevoked(t *testing.T) {
	t.Parallel()
	w := meet(t)
	delete(w.account.Credentials, commands.RefreshToken)
	_, err := w.platform.Renew(t.Context(), w.account)
	require.Equal(t, commands.Revoked, wrong(t, err).Kind)

	w = meet(t, (*vendorfake.GitHub).ConnectByToken)
	require.NoError(t, w.Check(t.Context()))
	w.made(t)
	w.RevokeTokens()
	require.Equal(t, commands.Unauthorized, wrong(t, w.Check(t.Context())).Kind)
	_, err = w.platform.Renew(t.Context(), w.account)
	require.Equal(t, commands.Revoked, wrong(t, err).Kind)
}

func TestWithoutATokenNothingIsSent(t *testing.T) {
	t.Parallel()
	w := meet(t)
	delete(w.account.Credentials, commands.AccessToken)
	w.open()
	ref := commands.Ref{ID: "1", Place: "octo/help"}
	_, created := w.Create(t.Context(), draft())
	_, said := w.Comment(t.Context(), ref, commands.Note{})
	_, picture := w.Attach(t.Context(), ref, attachment("a.png", "image/png", "x"))
	_, text := w.Attach(t.Context(), ref, attachment("a.txt", "text/plain", "x"))
	_, _, issue := w.Find(t.Context(), commands.Mark{Kind: commands.TicketMark})
	_, _, comment := w.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Ref: ref})
	_, fetched := w.Fetch(t.Context(), ref)
	for _, err := range []error{created, said, picture, text, issue, comment, fetched, w.Update(t.Context(), ref, draft()), w.SetStatus(t.Context(), ref, "open"), w.Check(t.Context())} {
		require.Equal(t, commands.Unauthorized, wrong(t, err).Kind)
	}
	require.Empty(t, w.Requests())
}

func TestAnAppMintsItsTokens(t *testing.T) {
	t.Parallel()
	w := meet(t, (*vendorfake.GitHub).ConnectByApp)
	require.Equal(t, commands.Unauthorized, wrong(t, w.Check(t.Context())).Kind)
	renewal := w.renewed(t)
	require.WithinDuration(t, time.Now().Add(time.Hour), renewal.Ends, time.Minute)
	require.NoError(t, w.Check(t.Context()))
	ref := w.made(t)
	w.ExpireTokens()
	require.Equal(t, commands.Unauthorized, wrong(t, w.SetStatus(t.Context(), ref, "completed")).Kind)
	w.renewed(t)
	require.NoError(t, w.SetStatus(t.Context(), ref, "completed"))
}

func TestAnAppThatCannotProveItselfIsRevoked(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(map[string]string){
		"another app":          func(c map[string]string) { c["app_id"] = "Iv1.other" },
		"another installation": func(c map[string]string) { c["installation_id"] = "4712" },
		"no number":            func(c map[string]string) { c["installation_id"] = "x" },
		"no key":               func(c map[string]string) { c["private_key"] = "-----BEGIN" },
	} {
		w := meet(t, (*vendorfake.GitHub).ConnectByApp)
		spoil(w.account.Credentials)
		_, err := w.platform.Renew(t.Context(), w.account)
		require.Equal(t, commands.Revoked, wrong(t, err).Kind, name)
	}
	w := meet(t, (*vendorfake.GitHub).ConnectByApp)
	for _, c := range []struct {
		fault vendorfake.Fault
		kind  commands.VendorErrorKind
	}{
		{vendorfake.Fault{Status: 403, Body: `{"message":"This installation has been suspended"}`}, commands.Denied},
		{vendorfake.Fault{Status: 500}, commands.Down},
		{vendorfake.Fault{Status: 201, Body: `{}`}, commands.Down},
		{vendorfake.Fault{DropAfter: true}, commands.Down},
	} {
		w.Next("POST /app/*", c.fault)
		_, err := w.platform.Renew(t.Context(), w.account)
		e := wrong(t, err)
		require.Equal(t, c.kind, e.Kind)
		require.False(t, e.Unsure, "minting one in vain does no harm")
	}
}

func TestACheckSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(w *world)
		kind  commands.VendorErrorKind
		says  string
	}{
		"nothing":              {func(*world) {}, "", ""},
		"the repository":       {func(w *world) { w.account.Settings["repo"] = "gone" }, commands.Missing, "The repository octo/gone is not on GitHub, or the token does not reach it."},
		"issues":               {func(w *world) { w.DropIssues() }, commands.Rejected, "The repository octo/help has no issues: they are switched off in its settings."},
		"life":                 {func(w *world) { w.Archive() }, commands.Denied, "The repository octo/help is archived: nobody may write to it."},
		"the right to write":   {func(w *world) { w.ReadOnly() }, commands.Denied, "Whoever the token is for may not write to the repository octo/help, which labels and files need."},
		"the token":            {func(w *world) { w.RevokeTokens() }, commands.Unauthorized, "GitHub says: Bad credentials."},
		"an answer with sense": {func(w *world) { w.Next("", vendorfake.Fault{Status: 200, Body: `{}`}) }, commands.Down, "GitHub's answer makes no sense, or ends in the middle."},
	} {
		w := meet(t)
		c.spoil(w)
		err := w.Check(t.Context())
		if c.kind == "" {
			require.NoError(t, err, name)
			continue
		}
		e := wrong(t, err)
		require.Equal(t, c.kind, e.Kind, name)
		require.Equal(t, c.says, e.Message, name)
	}
	w := meet(t)
	w.DropIssues()
	_, err := w.Create(t.Context(), draft())
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
	w = asApp(t)
	w.Next("GET /repos/octo/help/issues", vendorfake.Fault{Status: 403, Body: `{"message":"Resource not accessible by integration"}`})
	require.Equal(t, commands.Denied, wrong(t, w.Check(t.Context())).Kind)
}
