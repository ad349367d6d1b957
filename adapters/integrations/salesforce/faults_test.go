package salesforce_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

func TestFaultsAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  vendorfake.Fault
		kind   commands.VendorErrorKind
		says   string
		unsure bool
	}{
		"401":     {vendorfake.Fault{Status: 401, Body: `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`}, commands.Unauthorized, "Salesforce says: Session expired or invalid", false},
		"403":     {vendorfake.Fault{Status: 403, Body: `[{"errorCode":"INSUFFICIENT_ACCESS_OR_READONLY","message":"insufficient access rights on object id"}]`}, commands.Denied, "Salesforce says: insufficient access rights on object id", false},
		"404":     {vendorfake.Fault{Status: 404, Body: `[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]`}, commands.Missing, "Salesforce says: The requested resource does not exist", false},
		"409":     {vendorfake.Fault{Status: 409}, commands.Busy, "The vendor answered 409 Conflict.", false},
		"a lock":  {vendorfake.Fault{Status: 400, Body: `[{"errorCode":"UNABLE_TO_LOCK_ROW","message":"unable to obtain exclusive access to this record"}]`}, commands.Busy, "Salesforce says: unable to obtain exclusive access to this record", false},
		"413":     {vendorfake.Fault{Status: 413, Body: `<html>`}, commands.TooLarge, "The vendor answered 413 Request Entity Too Large.", false},
		"422":     {vendorfake.Fault{Status: 422, Body: `[{"message":"no"}]`}, commands.Rejected, "Salesforce says: no", false},
		"400":     {vendorfake.Fault{Status: 400, Body: `[{"errorCode":"REQUIRED_FIELD_MISSING","message":"Required fields are missing: [Area__c]","fields":["Area__c"]},{"errorCode":"OTHER"}]`}, commands.Rejected, "Salesforce says: Required fields are missing: [Area__c] (Area__c); OTHER", false},
		"429":     {vendorfake.Fault{Status: 429, Header: map[string]string{"Retry-After": "93"}}, commands.Limited, "The vendor answered 429 Too Many Requests.", false},
		"503":     {vendorfake.Fault{Status: 503, Body: `[{"errorCode":"SERVER_UNAVAILABLE","message":"Too busy"}]`}, commands.Down, "Salesforce says: Too busy", true},
		"500":     {vendorfake.Fault{Status: 500, Body: `[]`}, commands.Down, "The vendor answered 500 Internal Server Error.", true},
		"silence": {vendorfake.Fault{Silence: true}, commands.Down, "The vendor said nothing for too long.", true},
		"garbage": {vendorfake.Fault{Garbage: true}, commands.Down, "The vendor's answer makes no sense.", true},
		"dropped": {vendorfake.Fault{DropAfter: true}, commands.Down, "The vendor's answer was lost.", true},
		"no id":   {vendorfake.Fault{Status: 201, Body: `{}`}, commands.Down, "Salesforce did not say what it made.", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			silence := time.Minute
			if c.fault.Silence {
				silence = 100 * time.Millisecond
			}
			d := waiting(t, silence, byMarker)
			d.Next("POST *", c.fault)
			_, err := d.Create(t.Context(), draft)
			v := wrong(t, err)
			require.Equal(t, c.kind, v.Kind)
			require.Equal(t, c.says, v.Message)
			require.Equal(t, c.unsure, v.Unsure)

			d = waiting(t, silence, nil) // by the external id, nothing is ever unsure
			d.Next("PATCH *", c.fault)
			_, err = d.Create(t.Context(), draft)
			require.Equal(t, c.kind, wrong(t, err).Kind)
			require.False(t, wrong(t, err).Unsure)
		})
	}
}

func TestADayOfRequestsThatIsUsedUpRestsAnHour(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	ref := made(t, d)
	d.Limit(1, time.Hour)
	require.NoError(t, d.SetStatus(t.Context(), ref, "Closed"))
	for range 3 {
		v := wrong(t, d.SetStatus(t.Context(), ref, "New"))
		require.Equal(t, commands.Limited, v.Kind)
		require.WithinDuration(t, time.Now().Add(time.Hour), v.RetryAt, time.Minute)
	}
	require.Equal(t, 1, d.Refused()) // the others were not sent
}

func TestWhatWasDoneWithoutAnAnswerIsFound(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]vendorfake.Fault{"dropped": {DropAfter: true}, "garbage": {Garbage: true}} {
		for by, settings := range map[string]map[string]string{"the external id": nil, "the marker": byMarker} {
			t.Run(name+", by "+by, func(t *testing.T) {
				t.Parallel()
				d := open(t, settings)
				d.Next("", fault)
				_, err := d.Create(t.Context(), draft)
				require.Error(t, err)
				find := func(kind commands.MarkKind, m commands.Mark) commands.Receipt {
					m.Kind, m.Since = kind, time.Now()
					r, ok, err := d.Find(t.Context(), m)
					require.NoError(t, err)
					require.True(t, ok)
					return r
				}
				ref := commands.Ref{ID: find(commands.TicketMark, commands.Mark{Key: draft.Ticket}).ID}
				require.Equal(t, d.Tickets()[0].ID, ref.ID)

				d.Next("POST *", fault)
				_, err = d.Comment(t.Context(), ref, note)
				require.True(t, wrong(t, err).Unsure)
				require.Equal(t, d.Tickets()[0].Comments[0].ID, find(commands.CommentMark, commands.Mark{Key: note.Comment, Ref: ref}).ID)

				u := file("a.txt", "bytes", new([]int64))
				d.Next("POST *", fault)
				_, err = d.Attach(t.Context(), ref, u)
				require.True(t, wrong(t, err).Unsure)
				require.Equal(t, d.Tickets()[0].Files[0].ID, find(commands.AttachmentMark, commands.Mark{Key: u.File, Ref: ref, Name: u.Name, Size: u.Size}).ID)

				for kind, key := range map[commands.MarkKind]commands.Mark{
					commands.TicketMark: {Key: u.File}, commands.CommentMark: {Key: u.File, Ref: ref}, commands.AttachmentMark: {Key: note.Comment, Ref: ref},
				} {
					key.Kind, key.Since = kind, time.Now()
					_, ok, err := d.Find(t.Context(), key)
					require.NoError(t, err)
					require.False(t, ok)
				}
			})
		}
	}
}

func TestWhoCannotLookDoesNotSayThereIsNothing(t *testing.T) {
	t.Parallel()
	for _, settings := range []map[string]string{nil, byMarker} {
		d := open(t, settings)
		ref := made(t, d)
		for _, kind := range []commands.MarkKind{commands.TicketMark, commands.CommentMark, commands.AttachmentMark} {
			d.Next("GET *", vendorfake.Fault{Status: 500})
			_, _, err := d.Find(t.Context(), commands.Mark{Kind: kind, Key: draft.Ticket, Ref: ref, Since: time.Now()})
			require.Equal(t, commands.Down, wrong(t, err).Kind)
		}
		d.Next("GET /services/data/{version}/query", vendorfake.Fault{Status: 500})
		_, err := d.Fetch(t.Context(), ref)
		require.Equal(t, commands.Down, wrong(t, err).Kind)
		d.Next("GET *", vendorfake.Fault{Status: 200, Body: `{"done":true,"records":[{"Id":"x","CreatedDate":"yesterday"}]}`, Times: 2})
		_, err = d.Fetch(t.Context(), ref)
		require.Equal(t, commands.Down, wrong(t, err).Kind)
	}
}

func TestWhatAnOrganizationDoesNotHaveIsRefusedInItsWords(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	ref := made(t, d)
	bad := draft
	bad.Priority = "P9"
	_, err := d.Create(t.Context(), bad)
	require.Equal(t, &commands.VendorError{Kind: commands.Rejected, Message: "Salesforce says: bad value for restricted picklist field: P9 (Priority)"}, wrong(t, err))
	require.Equal(t, commands.Rejected, wrong(t, d.SetStatus(t.Context(), ref, "Open")).Kind)

	d.account.Settings["external_id_field"] = "Other__c"
	_, err = d.platform.Open(d.account).Create(t.Context(), draft)
	require.Equal(t, commands.Missing, wrong(t, err).Kind)

	other := commands.Ref{ID: "500000000000000099"}
	_, err = d.Comment(t.Context(), other, note)
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
	_, err = d.Attach(t.Context(), other, file("a.txt", "a", new([]int64)))
	require.Equal(t, commands.Missing, wrong(t, err).Kind)

	d.account.Credentials["client_secret"] = "another"
	_, err = d.platform.Renew(t.Context(), d.account)
	require.Equal(t, commands.Revoked, wrong(t, err).Kind)
}

func TestWhatAPersonChangesThereIsFetched(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	ref := made(t, d)
	d.Move(ref.ID, "Escalated")
	remote, err := d.Fetch(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, "Escalated", remote.Status)
	require.Empty(t, remote.Comments)
}

func TestAListThatIsCutDoesNotSayThereIsNothing(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	ref := made(t, d)
	for _, kind := range []commands.MarkKind{commands.CommentMark, commands.AttachmentMark} {
		d.Next("GET *", vendorfake.Fault{Status: 200, Body: `{"done":false,"records":[]}`})
		_, _, err := d.Find(t.Context(), commands.Mark{Kind: kind, Key: draft.Ticket, Ref: ref})
		require.Equal(t, commands.Rejected, wrong(t, err).Kind)
		require.True(t, wrong(t, err).Unsure)
	}
	for range 501 {
		d.Say(ref.ID, "Eve", "Word")
	}
	_, _, err := d.Find(t.Context(), commands.Mark{Kind: commands.CommentMark, Key: note.Comment, Ref: ref})
	require.True(t, wrong(t, err).Unsure)
}
