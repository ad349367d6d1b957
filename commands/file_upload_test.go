package commands_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

func TestAFileIsTakenIn(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := fileID()
	stream, err := c.upload(id, "pixels", commands.Details{Description: "What I saw."})
	require.NoError(t, err)
	require.Equal(t, 2, stream.Version())
	require.Equal(t, []string{"upload_started", "uploaded"}, c.facts(id.UUID))
	fact := last[file.Uploaded](c, id)
	require.EqualValues(t, 6, fact.Size)
	require.Equal(t, "What I saw.", fact.Description)
	require.Equal(t, file.Scan{Status: file.Clean}, fact.Scan)
	require.Equal(t, "pixels", string(c.kept[file.BlobKey(c.org, fact.ContentHash)]))
	require.Equal(t, []string{file.BlobKey(c.org, fact.ContentHash)}, c.claimed)
}

func TestTheSameUploadAgainIsOneUpload(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := c.uploaded()
	_, err := c.upload(id, "pixels", commands.Details{})
	require.NoError(t, err)
	_, err = c.upload(id, "others", commands.Details{})
	require.ErrorIs(t, err, file.ErrExists)
	require.Equal(t, []string{"upload_started", "uploaded"}, c.facts(id.UUID))
}

func (c *cabinet) ticketOf(a domain.Actor) ticket.ID {
	c.t.Helper()
	id := ticket.ID{UUID: commands.NewID()}
	_, err := c.tickets.Handle(c.t.Context(), c.by(a), id, ticket.OpenTicket{Content: ticket.Content{Title: "a", Description: "b"}, By: a})
	require.NoError(c.t, err)
	return id
}

func to(id ticket.ID) commands.Details {
	return commands.Details{Ticket: func(context.Context) (ticket.ID, error) { return id, nil }}
}

func TestAnUploadToATicketIsAttachedInTheSameBreath(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	mine, id := c.ticketOf(c.member), fileID()
	_, err := c.upload(id, "pixels", to(mine))
	require.NoError(t, err)
	require.Equal(t, []ticket.Attachment{{FileID: id}}, c.state(t.Context(), mine).Attachments)
	require.Equal(t, mine.UUID, last[file.Uploaded](c, id).Ticket)
	_, err = c.upload(id, "pixels", to(mine))
	require.NoError(t, err)
	require.Len(t, c.facts(mine.UUID), 2, "and once")
}

func TestAnUploadToATicketThatCannotBeChangedIsNotTakenIn(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	others, id := c.ticketOf(c.admin), fileID()
	_, err := c.upload(id, "pixels", to(others))
	require.ErrorIs(t, err, ticket.ErrNotFound)
	unknown := commands.Details{Ticket: func(context.Context) (ticket.ID, error) { return ticket.ID{}, ticket.ErrNotFound }}
	_, err = c.upload(id, "pixels", unknown)
	require.ErrorIs(t, err, ticket.ErrNotFound)
	require.Equal(t, []string{"upload_started", "upload_refused", "upload_started", "upload_refused"}, c.facts(id.UUID))
}

func TestWhatIsWrongWithBytesIsFoundInOrderAndNoted(t *testing.T) {
	t.Parallel()
	refused := &domain.Error{Kind: domain.BadReference, Code: "file_type_not_allowed", Message: "File type .exe not allowed"}
	for _, wrong := range []struct {
		name    string
		content string
		part    string
		trouble error
		want    error
		code    string
	}{
		{"too large", strings.Repeat("x", 101), "", nil, commands.ErrTooLarge, "file_too_large"},
		{"too large and refused", strings.Repeat("x", 101), "types", refused, commands.ErrTooLarge, "file_too_large"},
		{"of a type", "x", "types", refused, refused, "file_type_not_allowed"},
		{"no room for the bytes", "x", "stage", commands.ErrStorageFull, commands.ErrStorageFull, "storage_full"},
		{"no room in the store", "x", "keep", commands.ErrStorageFull, commands.ErrStorageFull, "storage_full"},
		{"no room for the organization", "x", "claim", commands.ErrQuotaExceeded, commands.ErrQuotaExceeded, "quota_exceeded"},
		{"the disk broke", "x", "stage", errBroken, errBroken, "internal"},
		{"the store broke", "x", "keep", errBroken, errBroken, "internal"},
	} {
		t.Run(wrong.name, func(t *testing.T) {
			t.Parallel()
			c := newCabinet(t)
			c.broken[wrong.part] = wrong.trouble
			id := fileID()
			_, err := c.upload(id, wrong.content, commands.Details{})
			require.ErrorIs(t, err, wrong.want)
			require.Equal(t, []string{"upload_started", "upload_refused"}, c.facts(id.UUID))
			require.Equal(t, wrong.code, last[file.UploadRefused](c, id).Code)
			require.Empty(t, c.kept)
		})
	}
}

func TestAClientThatLeavesIsNoted(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := fileID()
	leaving := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF))
	_, err := c.uploads.Begin(t.Context(), c.by(c.member), id, "shot.png", 0, leaving)
	require.ErrorIs(t, err, commands.ErrInterrupted)
	require.Equal(t, "upload_interrupted", last[file.UploadRefused](c, id).Code)
}

func TestMalwareIsQuarantined(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		c := newCabinet(t)
		c.virus = "Eicar"
		if full {
			c.broken["claim"] = commands.ErrQuotaExceeded
		}
		id := fileID()
		_, err := c.upload(id, "virus", to(c.ticketOf(c.admin)))
		require.ErrorIs(t, err, commands.ErrInfected, "before anybody asks after the ticket")
		require.Equal(t, []string{"upload_started", "quarantined"}, c.facts(id.UUID))
		fact := last[file.Quarantined](c, id)
		require.Equal(t, "Eicar", fact.Signature)
		if full {
			require.Empty(t, c.kept)
			continue
		}
		require.Equal(t, map[string][]byte{file.QuarantineKey(c.org, fact.ContentHash): []byte("virus")}, c.kept)
	}
}

func TestMalwareThatCannotBeKeptIsNotTakenIn(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	c.virus, c.broken["keep"] = "Eicar", errBroken
	_, err := c.upload(fileID(), "virus", commands.Details{})
	require.ErrorIs(t, err, errBroken)
}

func TestAScannerThatIsDownIsAsBadAsTheOperatorSays(t *testing.T) {
	t.Parallel()
	for _, required := range []bool{false, true} {
		c := newCabinet(t, commands.UploadLimits{Size: 100, ScanRequired: required})
		c.broken["scan"] = errBroken
		id := fileID()
		_, err := c.upload(id, "pixels", commands.Details{})
		if required {
			require.ErrorIs(t, err, commands.ErrNotScanned)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, file.Scan{Status: file.Unscanned, Reason: "The malware scanner did not answer."}, last[file.Uploaded](c, id).Scan)
	}
}

func TestWithoutAScannerFilesSaySo(t *testing.T) {
	t.Parallel()
	for _, required := range []bool{false, true} {
		c := newCabinet(t)
		c.uploads = commands.NewUploads(c.files, c.tickets, cellar{c}, c, nil, c, commands.UploadLimits{Size: 100, ScanRequired: required})
		id := fileID()
		_, err := c.upload(id, "pixels", commands.Details{})
		if required {
			require.ErrorIs(t, err, commands.ErrNotScanned)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, file.Unscanned, last[file.Uploaded](c, id).Scan.Status)
	}
}

func TestWhoMayNotUploadSendsNothing(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	c.member.Role = domain.Auditor
	_, err := c.upload(fileID(), "pixels", commands.Details{})
	require.ErrorIs(t, err, domain.ErrForbidden)
	require.Empty(t, c.kept)
}

// closedLog takes no more events.
type closedLog struct{ *eventstore.Memory }

func (closedLog) Append(context.Context, eventstore.Metadata, ...eventstore.Write) ([]eventstore.Stream, error) {
	return nil, errBroken
}

func TestAnUploadThatCannotBeNotedIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := fileID()
	in, err := c.uploads.Begin(t.Context(), c.by(c.member), id, "shot.png", 0, strings.NewReader("pixels"))
	require.NoError(t, err)
	shut := commands.NewUploads(commands.NewFiles(closedLog{c.log}), c.tickets, cellar{c}, c, c, c, commands.UploadLimits{Size: 100})
	_, err = shut.Finish(t.Context(), c.by(c.member), in, commands.Details{})
	require.ErrorIs(t, err, errBroken)
	c.virus = "Eicar"
	_, err = shut.Finish(t.Context(), c.by(c.member), in, commands.Details{})
	require.ErrorIs(t, err, errBroken)
	require.False(t, errors.Is(err, commands.ErrInfected))
}

// slowTypes looks at bytes until it is let go.
type slowTypes struct {
	looking chan struct{}
	letGo   chan struct{}
}

func (s slowTypes) Inspect(context.Context, io.ReaderAt, int64, string, string) (string, file.Category, error) {
	s.looking <- struct{}{}
	<-s.letGo
	return "image/png", file.Image, nil
}

// Uploads that arrive at once take turns where they keep a processor busy, and whoever has no time to wait goes.
func TestUploadsTakeTurns(t *testing.T) {
	t.Parallel()
	c, slow := newCabinet(t), slowTypes{make(chan struct{}), make(chan struct{})}
	uploads := commands.NewUploads(c.files, c.tickets, cellar{c}, slow, nil, c, commands.UploadLimits{Size: 100})
	begin := func() *commands.Incoming {
		in, err := uploads.Begin(t.Context(), c.by(c.member), fileID(), "shot.png", 6, strings.NewReader("pixels"))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, in.Close()) })
		return in
	}
	ended := make(chan error)
	places := runtime.GOMAXPROCS(0)
	for range places {
		in := begin()
		go func() {
			_, err := uploads.Finish(t.Context(), c.by(c.member), in, commands.Details{})
			ended <- err
		}()
		<-slow.looking
	}
	hasty, cancel := context.WithCancel(t.Context())
	late := begin()
	go func() {
		_, err := uploads.Finish(hasty, c.by(c.member), late, commands.Details{})
		ended <- err
	}()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	close(slow.letGo)
	for range places {
		require.NoError(t, <-ended)
	}
}
