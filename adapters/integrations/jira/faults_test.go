package jira_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

// What goes wrong in several tests.
var (
	down        = vendorfake.Fault{Status: 500, Body: `{"errorMessages":["Internal server error"],"errors":{}}`}
	badPriority = vendorfake.Fault{Status: 400, Body: `{"errorMessages":[],"errors":{"priority":"No."}}`}
	noCategory  = vendorfake.Fault{Status: 200, Body: `{"fields":{"status":{"name":"Limbo","statusCategory":{"key":"undefined"}},"attachment":null}}`}

	vendorfakeNothing = vendorfake.Happening{What: vendorfake.Changed}
)

func forgetProperties(t *vendorfake.Ticket) {
	for i := range t.Comments {
		delete(t.Comments[i].Own, "properties")
	}
}

func TestAFaultIsToldInWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault vendorfake.Fault
		kind  commands.VendorErrorKind
		says  string
	}{
		"401":               {vendorfake.Fault{Status: 401, Body: `{"code":401,"message":"Unauthorized"}`}, commands.Unauthorized, "Unauthorized"},
		"403":               {vendorfake.Fault{Status: 403, Body: `{"errorMessages":["You do not have permission to create issues in this project."],"errors":{}}`}, commands.Denied, "You do not have permission"},
		"404":               {vendorfake.Fault{Status: 404, Body: `{"errorMessages":["Issue does not exist"],"errors":{}}`}, commands.Missing, "Issue does not exist"},
		"404 by a stranger": {vendorfake.Fault{Status: 404, Header: map[string]string{"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}}, commands.Unauthorized, "Jira does not take the API token."},
		"409":               {vendorfake.Fault{Status: 409, Body: `{"errorMessages":["Issue update is in progress"],"errors":{}}`}, commands.Busy, "in progress"},
		"413":               {vendorfake.Fault{Status: 413, Body: `<html>`}, commands.TooLarge, "413"},
		"422":               {vendorfake.Fault{Status: 422, Body: `{"errorMessages":[],"errors":{"summary":"Too odd.","labels":"Too many."}}`}, commands.Rejected, "labels: Too many. summary: Too odd."},
		"another body":      {vendorfake.Fault{Status: 400, Body: `{"errorMessages":"text","errors":[1]}`}, commands.Rejected, "400"},
		"OAuth's":           {vendorfake.Fault{Status: 400, Body: `{"error":"invalid_request"}`}, commands.Rejected, "invalid_request"},
		"500":               {down, commands.Down, "Internal server error"},
		"silence":           {vendorfake.Fault{Silence: true}, commands.Down, "said nothing"},
		"garbage":           {vendorfake.Fault{Garbage: true}, commands.Down, "makes no sense"},
		"dropped before":    {vendorfake.Fault{DropBefore: true}, commands.Down, "lost"},
		"dropped after":     {vendorfake.Fault{DropAfter: true}, commands.Down, "lost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.fake.Base().Next("POST /rest/api/3/issue", c.fault)
			if c.fault.Silence {
				w.patient(100 * time.Millisecond)
			}
			_, err := w.open().Create(t.Context(), draft())
			wrong := vendorError(t, err)
			require.Equal(t, c.kind, wrong.Kind)
			require.Contains(t, wrong.Message, c.says)
			require.Equal(t, c.kind == commands.Down, wrong.Unsure)
			w.valid()
		})
	}
}

func TestTooManyRequestsWaitForAsLongAsJiraSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		header map[string]string
		wait   time.Duration
	}{
		"a burst":         {429, map[string]string{"Retry-After": "7", "RateLimit-Reason": "jira-burst-based"}, 7 * time.Second},
		"an issue":        {429, map[string]string{"Retry-After": "5", "RateLimit-Reason": "jira-per-issue-on-write"}, 5 * time.Second},
		"a quota":         {429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": time.Now().Add(40 * time.Minute).UTC().Format("2006-01-02T15:04Z")}, 40 * time.Minute},
		"503 with a wait": {503, map[string]string{"Retry-After": "9"}, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.fake.Base().Next("", vendorfake.Fault{Status: c.status, Header: c.header, Body: `{"errorMessages":["Rate limit exceeded."],"errors":{}}`})
			_, err := w.open().Create(t.Context(), draft())
			wrong := vendorError(t, err)
			require.Equal(t, commands.Limited, wrong.Kind)
			require.False(t, wrong.Unsure)
			require.WithinDuration(t, time.Now().Add(c.wait), wrong.RetryAt, 90*time.Second)
			require.True(t, wrong.RetryAt.After(time.Now()))
		})
	}
}

func TestTheLimitOfTheFakeIsUnderstood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fake.Base().Limit(1, time.Hour)
	w.made()
	for range 3 {
		_, err := w.open().Create(t.Context(), draft())
		require.Equal(t, commands.Limited, vendorError(t, err).Kind)
		require.WithinDuration(t, time.Now().Add(time.Hour), vendorError(t, err).RetryAt, 2*time.Minute)
	}
	require.LessOrEqual(t, w.fake.Base().Refused(), 1, "after the first, none is sent")
}

func TestALostAnswerIsSettled(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]vendorfake.Fault{
		"silence": {Silence: true}, "garbage": {Garbage: true}, "dropped before": {DropBefore: true}, "dropped after": {DropAfter: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			done := fault.Garbage || fault.DropAfter
			during := func(match string, do func() error) error {
				t.Helper()
				w.fake.Base().Next(match, fault)
				if fault.Silence {
					w.patient(100 * time.Millisecond)
					defer w.patient(time.Minute)
				}
				return do()
			}
			settled := func(kind commands.MarkKind, key uuid.UUID, ref commands.Ref, file commands.Attachment, err error) {
				t.Helper()
				require.True(t, vendorError(t, err).Unsure)
				receipt, found, err := w.open().Find(t.Context(), commands.Mark{Kind: kind, Key: key, Ref: ref, Name: file.Name, Size: file.Size, Since: time.Now().Add(-4 * time.Second)})
				require.NoError(t, err)
				require.Equal(t, done, found)
				require.Equal(t, done, receipt.ID != "")
			}
			d := draft()
			err := during("", func() error { _, err := w.open().Create(t.Context(), d); return err })
			settled(commands.TicketMark, d.Ticket, commands.Ref{}, commands.Attachment{}, err)

			ref := w.made()
			note := commands.Note{Comment: uuid.New(), Text: "Hello"}
			err = during("", func() error { _, err := w.open().Comment(t.Context(), ref, note); return err })
			settled(commands.CommentMark, note.Comment, ref, commands.Attachment{}, err)

			file, _ := upload("a.txt", "bytes")
			err = during("", func() error { _, err := w.open().Attach(t.Context(), ref, file); return err })
			settled(commands.AttachmentMark, file.File, ref, file, err)

			if !fault.Garbage { // nothing is read of an answer that says nothing
				err = during("PUT *", func() error { return w.open().Update(t.Context(), ref, d) })
				require.False(t, vendorError(t, err).Unsure, "it may be done twice")
			}
			w.valid()
		})
	}
}

func TestEveryMethodTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.made()
	c := w.open()
	file, _ := upload("a.txt", "bytes")
	big, _ := upload("b.bin", string(make([]byte, 6<<20)))
	mark := func(kind commands.MarkKind) commands.Mark {
		return commands.Mark{Kind: kind, Key: uuid.New(), Ref: ref}
	}
	for name, do := range map[string]func() error{
		"update":  func() error { return c.Update(t.Context(), ref, draft()) },
		"status":  func() error { return c.SetStatus(t.Context(), ref, "done") },
		"comment": func() error { _, err := c.Comment(t.Context(), ref, commands.Note{Text: "x"}); return err },
		"attach":  func() error { _, err := c.Attach(t.Context(), ref, file); return err },
		"big":     func() error { _, err := c.Attach(t.Context(), ref, big); return err },
		"issue":   func() error { _, _, err := c.Find(t.Context(), mark(commands.TicketMark)); return err },
		"said":    func() error { _, _, err := c.Find(t.Context(), mark(commands.CommentMark)); return err },
		"file":    func() error { _, _, err := c.Find(t.Context(), mark(commands.AttachmentMark)); return err },
		"fetch":   func() error { _, err := c.Fetch(t.Context(), ref); return err },
	} {
		w.fake.Base().Next("", vendorfake.Fault{Status: 403, Body: `{"errorMessages":["No."]}`})
		require.Equal(t, commands.Denied, vendorError(t, do()).Kind, name)
	}
	w.fake.Base().Next("GET /rest/api/3/issue/{issueIdOrKey}/comment", down)
	_, err := c.Fetch(t.Context(), ref)
	require.Equal(t, commands.Down, vendorError(t, err).Kind)

	w.fake.Base().Next("POST *", vendorfake.Fault{Status: 200, Body: `[]`})
	_, err = c.Attach(t.Context(), ref, file)
	require.True(t, vendorError(t, err).Unsure, "no file is in the answer")

	w.fake.Base().Delete(ref.ID)
	_, err = c.Fetch(t.Context(), ref)
	require.Equal(t, commands.Missing, vendorError(t, err).Kind)
}
