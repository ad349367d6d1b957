package salesforce_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ticketd/adapters/integrations/salesforce"
	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
	"ticketd/internal/vendorfake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a Salesforce, and a connection to it.
type desk struct {
	*vendorfake.Salesforce
	commands.Connection

	platform *salesforce.Salesforce
	account  commands.Account
}

// open answers a desk. Its requests were all valid when the test ends.
func open(t *testing.T, settings map[string]string) *desk {
	t.Helper()
	return waiting(t, time.Minute, settings)
}

func waiting(t *testing.T, silence time.Duration, settings map[string]string) *desk {
	t.Helper()
	fake := vendorfake.NewSalesforce()
	client := outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Silence: silence, UserAgent: "ticketd"})
	t.Cleanup(func() {
		client.Close()
		fake.Close()
		require.Empty(t, fake.Invalid())
	})
	d := &desk{Salesforce: fake, platform: salesforce.New(client), account: fake.Account()}
	maps.Copy(d.account.Settings, settings)
	d.Connection = d.platform.Open(d.account)
	return d
}

// byMarker are settings without an external id field.
var byMarker = map[string]string{"external_id_field": ""}

var (
	draft = commands.Draft{
		Ticket: uuid.MustParse("0198a000-0000-7000-8000-000000000001"), Number: 7, Title: "The printer burns", Description: "It is on fire.\nSince noon.",
		Priority: "High", Status: "New", Tags: []string{"fire", "printer"}, Creator: commands.Person{Name: "Ann", Email: "ann@example.org"}, Link: "https://tickets.example/7",
	}
	note = commands.Note{Comment: uuid.MustParse("0198a000-0000-7000-8000-000000000002"), Author: "Ann", Text: "It is out.", Link: draft.Link}
)

func wrong(t *testing.T, err error) *commands.VendorError {
	t.Helper()
	v, ok := errors.AsType[*commands.VendorError](err)
	require.True(t, ok, "%v", err)
	return v
}

type bytesFile struct{ *bytes.Reader }

func (bytesFile) Close() error { return nil }

func file(name, text string, sent *[]int64) commands.Attachment {
	return commands.Attachment{
		File: uuid.MustParse("0198a000-0000-7000-8000-000000000003"), Name: name, Type: "text/plain", Size: int64(len(text)),
		Open: func(context.Context) (io.ReadSeekCloser, error) { return bytesFile{bytes.NewReader([]byte(text))}, nil },
		Sent: func(n int64) { *sent = append(*sent, n) },
	}
}

func made(t *testing.T, d *desk) commands.Ref {
	t.Helper()
	r, err := d.Create(t.Context(), draft)
	require.NoError(t, err)
	return commands.Ref{ID: r.ID, Place: r.Place}
}

func TestATicketLivesAsACaseAndBothSidesAgree(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{"by its external id": nil, "by its marker": byMarker} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, settings)
			require.NoError(t, d.Check(t.Context()))
			r, err := d.Create(t.Context(), draft)
			require.NoError(t, err)
			require.Empty(t, r.Note)
			require.Equal(t, d.URL()+"/lightning/r/Case/"+r.ID+"/view", r.URL)
			ref := commands.Ref{ID: r.ID}

			c, err := d.Comment(t.Context(), ref, note)
			require.NoError(t, err)
			like := "Thanks!\n\n[our comment " + strings.Repeat("-", 36) + "]"
			theirs := d.Say(ref.ID, "Bob", like)
			var sent []int64
			text := strings.Repeat("bytes ", 50_000)
			f, err := d.Attach(t.Context(), ref, file(`a "file".txt`, text, &sent))
			require.NoError(t, err)
			require.Contains(t, f.URL, f.ID)
			require.EqualValues(t, len(text), sent[len(sent)-1])
			require.NoError(t, d.SetStatus(t.Context(), ref, "Closed"))
			changed := draft
			changed.Title, changed.Priority, changed.Category, changed.Link, changed.Tags = "The printer burnt", "Low", "Problem", "", nil
			require.NoError(t, d.Update(t.Context(), ref, changed))

			there := d.Tickets()[0]
			require.Equal(t, "The printer burnt", there.Title)
			require.Equal(t, "It is on fire.\nSince noon.\n\n--\n[our ticket "+draft.Ticket.String()+"]", there.Description)
			require.Equal(t, "Low", there.Priority)
			require.Equal(t, "Closed", there.Status)
			require.Equal(t, "Problem", there.Own["Type"])
			require.Equal(t, "Web", there.Own["Origin"])
			require.Equal(t, "Ann", there.Own["SuppliedName"])
			require.Equal(t, "ann@example.org", there.Own["SuppliedEmail"])
			require.Equal(t, "Ann:\nIt is out.\n\n[our comment "+note.Comment.String()+"]", there.Comments[0].Text)
			require.Equal(t, f.ID, there.Files[0].ID)
			require.Equal(t, `a "file".txt`, there.Files[0].Name)
			require.Equal(t, `a "file"`, there.Files[0].Own["Title"])
			require.EqualValues(t, len(text), there.Files[0].Size)

			remote, err := d.Fetch(t.Context(), ref)
			require.NoError(t, err)
			require.Equal(t, "Closed", remote.Status)
			require.False(t, remote.Cut)
			require.Len(t, remote.Comments, 2)
			require.Equal(t, note.Comment, remote.Comments[0].Ours)
			require.Equal(t, c.ID, remote.Comments[0].ID)
			require.WithinDuration(t, time.Now(), remote.Comments[0].At, time.Minute)
			require.Zero(t, remote.Comments[1].Ours)
			require.Equal(t, theirs, remote.Comments[1].ID)
			require.Equal(t, "Bob", remote.Comments[1].Author)
			require.Equal(t, like, remote.Comments[1].Text)
			require.Equal(t, "Ann:\nIt is out.", remote.Comments[0].Text)
			require.False(t, remote.Comments[1].Internal)
		})
	}
}

func TestWhatACaseSaysEndsWithTheTicketAndItsTags(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	ref := made(t, d)
	there, _ := d.Ticket(ref.ID)
	require.Equal(t, "It is on fire.\nSince noon.\n\n--\nTicket 7: https://tickets.example/7\nTags: fire, printer\n[our ticket "+draft.Ticket.String()+"]", there.Description)
}

func TestWhatIsTooLongIsCutWithALink(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"origin": "Ticketd", "record_type_id": "012000000000001AAA"})
	long := draft
	long.Title, long.Description = strings.Repeat("ü", 300), strings.Repeat("ä", 40_000)
	long.Creator = commands.Person{Name: strings.Repeat("n", 100), Email: strings.Repeat("e", 80) + "@example.org"}
	r, err := d.Create(t.Context(), long)
	require.NoError(t, err)
	require.Equal(t, "The title was cut to 255 characters. The description was cut to 32000 characters.", r.Note)
	there := d.Tickets()[0]
	require.Len(t, []rune(there.Title), 255)
	require.Len(t, []rune(there.Description), 32_000)
	require.Contains(t, there.Description, "ä… https://tickets.example/7\n\n--\n")
	require.Len(t, []rune(there.Own["SuppliedName"]), 80)
	require.NotContains(t, there.Own, "SuppliedEmail")
	require.Equal(t, "Ticketd", there.Own["Origin"])
	require.Equal(t, "012000000000001AAA", there.Own["RecordTypeId"])

	words := note
	for _, text := range []string{strings.Repeat("ä", 5_000), strings.Repeat("x", 5_000), strings.Repeat("x", 3_950), strings.Repeat("😀", 1_500)} {
		words.Text = text
		c, err := d.Comment(t.Context(), commands.Ref{ID: r.ID}, words)
		require.NoError(t, err)
		require.Equal(t, "The comment was cut to 4000 bytes.", c.Note)
		all := d.Tickets()[0].Comments
		require.Contains(t, all[len(all)-1].Text, draft.Link)
		require.Greater(t, len(all[len(all)-1].Text), 3_900)
	}
	words.Author, words.Text = "", "short"
	c, err := d.Comment(t.Context(), commands.Ref{ID: r.ID}, words)
	require.NoError(t, err)
	require.Empty(t, c.Note)

	f, err := d.Attach(t.Context(), commands.Ref{ID: r.ID}, file(strings.Repeat("f", 600)+".txt", "", new([]int64)))
	require.NoError(t, err)
	require.Equal(t, "The file's title was cut to 255 characters.", f.Note)
	require.Len(t, d.Tickets()[0].Files[0].Name, 500)
	require.True(t, strings.HasSuffix(d.Tickets()[0].Files[0].Name, "f.txt"))
	_, err = d.Attach(t.Context(), commands.Ref{ID: r.ID}, file(".env", "x", new([]int64)))
	require.NoError(t, err)
	require.Equal(t, ".env", d.Tickets()[0].Files[1].Own["Title"])

	unread := file("a.txt", "a", new([]int64))
	unread.Open = func(context.Context) (io.ReadSeekCloser, error) { return nil, io.ErrUnexpectedEOF }
	_, err = d.Attach(t.Context(), commands.Ref{ID: r.ID}, unread)
	require.Equal(t, &commands.VendorError{Kind: commands.Down, Message: "What is to be sent cannot be read at the moment."}, wrong(t, err))

	huge := file("huge", "", new([]int64))
	huge.Size = 2<<30 + 1
	_, err = d.Attach(t.Context(), commands.Ref{ID: r.ID}, huge)
	require.Equal(t, commands.TooLarge, wrong(t, err).Kind)
}

func TestACaseThatAnAttemptBeforeMadeIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	first := made(t, d)
	require.Equal(t, first, made(t, d))
	d.Hush()
	require.Equal(t, first, made(t, d))
	require.Len(t, d.Tickets(), 1)
	d.Next("GET *", vendorfake.Fault{Status: 200, Body: `{"done": true, "records": []}`})
	_, err := d.Create(t.Context(), draft)
	require.Equal(t, "Salesforce did not say what it made.", wrong(t, err).Message)
}

func TestACaseIsFoundAmongManyByItsMarker(t *testing.T) {
	t.Parallel()
	d := open(t, byMarker)
	for range 250 {
		d.Add(vendorfake.Ticket{ID: "50" + strings.Repeat("0", 10) + uuid.NewString()[:6], Title: "Another", Status: "New"})
	}
	ref := made(t, d)
	mark := commands.Mark{Kind: commands.TicketMark, Key: draft.Ticket, Since: time.Now()}
	r, ok, err := d.Find(t.Context(), mark)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, ref.ID, r.ID)

	mark.Since = time.Now().Add(time.Hour) // long before it was tried
	_, ok, err = d.Find(t.Context(), mark)
	require.NoError(t, err)
	require.False(t, ok)
}

// Retries go on for days, and any of them may have made it.
func TestACaseThatALaterTryMadeIsFound(t *testing.T) {
	t.Parallel()
	d := open(t, byMarker)
	ref := made(t, d)
	mark := commands.Mark{Kind: commands.TicketMark, Key: draft.Ticket, Since: time.Now().Add(-70 * time.Hour), Last: time.Now()}
	r, ok, err := d.Find(t.Context(), mark)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, ref.ID, r.ID)

	mark.Last = time.Now().Add(-2 * time.Hour) // before it was made
	_, ok, err = d.Find(t.Context(), mark)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestACaseThatCanBeNoneIsNotTheLastOne(t *testing.T) {
	t.Parallel()
	d := open(t, byMarker)
	d.Next("GET *", vendorfake.Fault{Status: 200, Body: `{"done":true,"records":[{"Id":"500' OR Id != '"}]}`})
	_, _, err := d.Find(t.Context(), commands.Mark{Kind: commands.TicketMark, Key: draft.Ticket, Since: time.Now()})
	require.Equal(t, commands.Down, wrong(t, err).Kind)
}

func TestMoreCommentsThanAreReadAreCut(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	ref := made(t, d)
	for range 501 {
		d.Say(ref.ID, "Bob", "again")
	}
	last := d.Say(ref.ID, "Bob", "the last")
	remote, err := d.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.True(t, remote.Cut)
	require.Len(t, remote.Comments, 500)
	require.Equal(t, last, remote.Comments[499].ID)
}

func TestWhatCanBeNoCaseIsMissing(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	for _, id := range []string{"", "../Account/001000000000000001", "500' OR Id != '", "500000000000000099", "short"} {
		ref := commands.Ref{ID: id}
		_, fetched := d.Fetch(t.Context(), ref)
		_, commented := d.Comment(t.Context(), ref, note)
		_, attached := d.Attach(t.Context(), ref, file("a.txt", "a", new([]int64)))
		for _, err := range []error{fetched, commented, attached, d.SetStatus(t.Context(), ref, "New"), d.Update(t.Context(), ref, draft)} {
			require.Equal(t, commands.Missing, wrong(t, err).Kind, id)
		}
	}
	_, _, err := d.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Ref: commands.Ref{ID: "no"}})
	require.Equal(t, commands.Missing, wrong(t, err).Kind)

	ref := made(t, d)
	d.Delete(ref.ID)
	_, err = d.Fetch(t.Context(), ref)
	require.Equal(t, "Salesforce says: entity is deleted", wrong(t, err).Message)
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
}

func TestACheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(d *desk)
		kind   commands.VendorErrorKind
		says   string
	}{
		"a field that is none":       {func(d *desk) { d.account.Settings["external_id_field"] = "Subject" }, commands.Rejected, "external_id_field"},
		"a field that there is not":  {func(d *desk) { d.account.Settings["external_id_field"] = "Other__c" }, commands.Rejected, "Cases have no external id field Other__c."},
		"a record type there is not": {func(d *desk) { d.account.Settings["record_type_id"] = "012000000000009AAA" }, commands.Rejected, "no record type 012000000000009AAA"},
		"a status":                   {func(d *desk) { d.account.Mapping.Status["open"] = "Open" }, commands.Rejected, `The mapping names the Status "Open", and cases have none such but New, Working, Escalated, Closed.`},
		"a status of before":         {func(d *desk) { d.account.Mapping.Status["open"] = "Retired" }, commands.Rejected, "Retired"},
		"a priority":                 {func(d *desk) { d.account.Mapping.Priority["low"] = "P4" }, commands.Rejected, "Priority"},
		"a category":                 {func(d *desk) { d.account.Mapping.Category["bug"] = "Bug" }, commands.Rejected, "Type"},
		"permissions":                {func(d *desk) { d.Deny() }, commands.Denied, "may not make and change cases"},
		"a token":                    {func(d *desk) { d.RevokeTokens() }, commands.Unauthorized, "Session expired or invalid"},
		"no token":                   {func(d *desk) { delete(d.account.Credentials, commands.AccessToken) }, commands.Unauthorized, "no access token yet"},
		"cases that are not seen": {func(d *desk) {
			d.Next("GET *", vendorfake.Fault{Status: 400, Body: `[{"errorCode":"INVALID_TYPE","message":"sObject type 'Case' is not supported."}]`})
		}, commands.Denied, "not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, map[string]string{"record_type_id": "012000000000001"})
			require.NoError(t, d.Check(t.Context()))
			c.change(d)
			err := d.platform.Open(d.account).Check(t.Context())
			require.Equal(t, c.kind, wrong(t, err).Kind)
			require.Contains(t, wrong(t, err).Message, c.says)
		})
	}
	d := open(t, map[string]string{"external_id_field": "x' OR Id != '"})
	_, created := d.Create(t.Context(), draft)
	_, _, found := d.Find(t.Context(), commands.Mark{Kind: commands.TicketMark})
	require.Equal(t, commands.Rejected, wrong(t, created).Kind)
	require.Equal(t, commands.Rejected, wrong(t, found).Kind)
}

func TestAPersonConsentsAndTheTokenIsRenewed(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	consent := commands.Consent{State: "state", Verifier: strings.Repeat("v", 43), Redirect: "https://tickets.example/back"}
	address, err := d.platform.Consent(d.account, consent)
	require.NoError(t, err)
	at, err := url.Parse(address)
	require.NoError(t, err)
	require.Equal(t, d.URL()+"/services/oauth2/authorize", at.Scheme+"://"+at.Host+at.Path)
	asked := at.Query()
	require.Equal(t, "code", asked.Get("response_type"))
	require.Equal(t, "state", asked.Get("state"))
	require.Equal(t, "S256", asked.Get("code_challenge_method"))
	require.Equal(t, consent.Redirect, asked.Get("redirect_uri"))

	r, err := d.platform.Exchange(t.Context(), d.account, d.Consent(asked.Get("code_challenge")), consent)
	require.NoError(t, err)
	require.True(t, d.Takes(r.Fields[commands.AccessToken]))
	require.NotEmpty(t, r.Fields[commands.RefreshToken])
	require.Equal(t, d.URL(), r.Fields["instance_url"])
	require.Zero(t, r.Ends)
	other := consent
	other.Verifier = strings.Repeat("w", 43)
	_, err = d.platform.Exchange(t.Context(), d.account, d.Consent(asked.Get("code_challenge")), other)
	require.Equal(t, commands.Revoked, wrong(t, err).Kind)

	d.ExpireTokens()
	require.Equal(t, commands.Unauthorized, wrong(t, d.Check(t.Context())).Kind)
	r, err = d.platform.Renew(t.Context(), d.account)
	require.NoError(t, err)
	require.NotContains(t, r.Fields, commands.RefreshToken)
	d.account.Credentials[commands.AccessToken] = r.Fields[commands.AccessToken]
	require.NoError(t, d.platform.Open(d.account).Check(t.Context()))

	d.RevokeTokens()
	_, err = d.platform.Renew(t.Context(), d.account)
	require.Equal(t, &commands.VendorError{Kind: commands.Revoked, Message: "Salesforce gives no token: expired access/refresh token."}, wrong(t, err))
	delete(d.account.Credentials, commands.RefreshToken)
	_, err = d.platform.Renew(t.Context(), d.account)
	require.Equal(t, commands.Revoked, wrong(t, err).Kind)
	d.account.AuthType = integration.Bearer
	_, err = d.platform.Consent(d.account, consent)
	require.ErrorIs(t, err, commands.ErrNoConsent)
}

func TestAnAnswerWithoutATokenIsNone(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	for _, c := range []struct {
		fault vendorfake.Fault
		kind  commands.VendorErrorKind
	}{
		{vendorfake.Fault{Status: 200, Body: `{}`}, commands.Down},
		{vendorfake.Fault{Status: 500}, commands.Down},
		{vendorfake.Fault{Status: 400, Body: `<html>`}, commands.Down},
		{vendorfake.Fault{Status: 401, Body: `{"error":"invalid_client_id"}`}, commands.Revoked},
	} {
		d.Next("POST /services/oauth2/token", c.fault)
		_, err := d.platform.Renew(t.Context(), d.account)
		require.Equal(t, c.kind, wrong(t, err).Kind)
	}
	d.Next("POST /services/oauth2/token", vendorfake.Fault{Status: 200, Body: `{"access_token":"a","expires_in":3600}`})
	r, err := d.platform.Renew(t.Context(), d.account)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), r.Ends, time.Minute)
	d.Next("POST /services/oauth2/token", vendorfake.Fault{Status: 400, Body: `{"error":"invalid_grant","error_description":"login rate exceeded"}`})
	_, err = d.platform.Renew(t.Context(), d.account)
	require.Equal(t, commands.Limited, wrong(t, err).Kind)
}

func TestWithoutABaseTheOrganizationsOwnHostIsAsked(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	d.account.BaseURL, d.account.Credentials["instance_url"] = "", d.URL()+"/"
	require.NoError(t, d.platform.Open(d.account).Check(t.Context()))
	delete(d.account.Credentials, "instance_url")
	require.Equal(t, commands.Unauthorized, wrong(t, d.platform.Open(d.account).Check(t.Context())).Kind)
}

func TestWhoCopiesUsSaysItThemselves(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	ref := made(t, d)
	_, err := d.Comment(t.Context(), ref, note)
	require.NoError(t, err)
	all, _ := d.Ticket(ref.ID)
	d.Say(ref.ID, "Eve", all.Comments[0].Text)
	remote, err := d.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Len(t, remote.Comments, 2)
	require.Equal(t, []uuid.UUID{note.Comment, uuid.Nil}, []uuid.UUID{remote.Comments[0].Ours, remote.Comments[1].Ours})
}
