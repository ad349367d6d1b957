package commands_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

func (c *cabinet) process(id domain.FileID, last bool) error {
	c.t.Helper()
	return c.processing.Process(c.t.Context(), commands.FileJob{Org: c.org, File: id, Correlation: "upload", Causation: "7", Last: last})
}

func TestAnUploadIsReadStageByStage(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := c.uploaded()
	require.NoError(t, c.process(id, false))
	require.Equal(t, []string{
		"upload_started", "uploaded", "stage_started", "stage_completed", "stage_started", "stage_completed", "processed",
	}, c.facts(id.UUID))
	done := last[file.StageCompleted](c, id)
	require.Equal(t, "ocr of pixels", done.Excerpt)
	require.Equal(t, file.Reading{Text: "ocr of pixels", Engine: "test"}, c.reading(done.Reading.ID))
	require.Equal(t, 13, done.Reading.Characters)

	require.NoError(t, c.process(id, false))
	require.Len(t, c.facts(id.UUID), 7, "a job that comes twice repeats nothing")
}

func TestAJobThatIsTakenOverRepeatsNoFinishedStage(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := c.uploaded()
	ctx, die := context.WithCancel(t.Context())
	c.made[file.OCR] = func(context.Context, commands.Source, commands.ReadProgress) (file.Reading, error) {
		die()
		return file.Reading{}, context.Canceled
	}
	require.ErrorIs(t, c.processing.Process(ctx, commands.FileJob{Org: c.org, File: id}), context.Canceled)
	require.Equal(t, []string{"upload_started", "uploaded", "stage_started", "stage_completed", "stage_started"}, c.facts(id.UUID))
	c.made[file.OCR] = nil
	c.made[file.Validation] = func(context.Context, commands.Source, commands.ReadProgress) (file.Reading, error) {
		return file.Reading{}, errBroken
	}
	require.NoError(t, c.process(id, false))
	require.Equal(t, 2, last[file.StageStarted](c, id).Attempt)
	require.Equal(t, file.AllCompleted, last[file.Processed](c, id).Outcome)
}

func TestADamagedFileIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := c.uploaded()
	c.made[file.Validation] = func(context.Context, commands.Source, commands.ReadProgress) (file.Reading, error) {
		return file.Reading{}, &file.BrokenError{Reason: "The picture is cut off."}
	}
	require.NoError(t, c.process(id, false))
	failed := last[file.StageFailed](c, id)
	require.True(t, failed.Final)
	require.Equal(t, "The picture is cut off.", failed.Reason)
	require.Equal(t, "The file is damaged.", last[file.StageSkipped](c, id).Reason)
	require.Equal(t, file.SomeFailed, last[file.Processed](c, id).Outcome)
}

// A worker may die between the fact that a file is damaged and those that leave out the rest.
func TestTheRestOfADamagedFileIsLeftOutByWhoeverTakesOver(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := c.uploaded()
	for _, cmd := range []file.Command{
		file.StartStage{Stage: file.Validation, Attempt: 1}, file.FailStage{Stage: file.Validation, Attempt: 1, Reason: "cut off", Final: true},
	} {
		_, err := c.files.Handle(t.Context(), c.by(domain.System), id, cmd)
		require.NoError(t, err)
	}
	require.NoError(t, c.process(id, false))
	require.Equal(t, "The file is damaged.", last[file.StageSkipped](c, id).Reason)
	require.Equal(t, []string{"upload_started", "uploaded", "stage_started", "stage_failed", "stage_skipped", "processed"}, c.facts(id.UUID))

	c.category = file.Other // and one that has nothing else is looked at once
	id = c.uploaded()
	looked := 0
	c.made[file.Validation] = func(context.Context, commands.Source, commands.ReadProgress) (file.Reading, error) {
		looked++
		return file.Reading{}, &file.BrokenError{Reason: "cut off"}
	}
	require.NoError(t, c.process(id, false))
	require.Equal(t, 1, looked)
}

func TestWhatCannotBeReadHereIsSkippedWithTheReason(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := c.uploaded()
	c.made[file.OCR] = func(context.Context, commands.Source, commands.ReadProgress) (file.Reading, error) {
		return file.Reading{}, &file.SkippedError{Reason: "OCR needs tesseract."}
	}
	require.NoError(t, c.process(id, false))
	require.Equal(t, "OCR needs tesseract.", last[file.StageSkipped](c, id).Reason)
	require.Equal(t, file.AllSkipped, last[file.Processed](c, id).Outcome)

	c.category = file.Audio // nobody transcribes in this cabinet
	id = c.uploaded()
	require.NoError(t, c.process(id, false))
	require.Equal(t, "This program has nothing that does it.", last[file.StageSkipped](c, id).Reason)
}

// plainError is an error that has words for whoever waits.
type plainError struct{}

func (plainError) Error() string { return "tesseract: signal: killed: in a folder of ours" }
func (plainError) Plain() string { return "tesseract ended badly." }

func TestAFailureIsToldInPlainWordsAndTriedAgainUntilTheLastTry(t *testing.T) {
	t.Parallel()
	for trouble, words := range map[error]string{
		plainError{}: "tesseract ended badly.", errBroken: "Something went wrong on our side.",
		context.DeadlineExceeded: "It took longer than 15m0s.",
	} {
		c := newCabinet(t)
		id := c.uploaded()
		c.made[file.OCR] = func(context.Context, commands.Source, commands.ReadProgress) (file.Reading, error) {
			return file.Reading{}, trouble
		}
		require.ErrorIs(t, c.process(id, false), trouble)
		failed := last[file.StageFailed](c, id)
		require.False(t, failed.Final)
		require.Equal(t, words, failed.Reason)
		require.ErrorIs(t, c.process(id, true), trouble)
		require.True(t, last[file.StageFailed](c, id).Final)
		require.Equal(t, file.SomeFailed, last[file.Processed](c, id).Outcome)

		c.made[file.OCR] = nil // somebody has mended it, and has the job done again
		require.NoError(t, c.process(id, true))
		require.Equal(t, file.AllCompleted, last[file.Processed](c, id).Outcome)
	}
}

func TestNothingIsReadBeforeItWasLookedAt(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := c.uploaded()
	c.broken["fetch"] = errBroken
	require.ErrorIs(t, c.process(id, false), errBroken)
	require.Equal(t, file.Validation, last[file.StageStarted](c, id).Stage)
	require.Equal(t, file.Validation, last[file.StageFailed](c, id).Stage)
}

func TestADamagedPartLeavesTheRest(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	c.category = file.Document
	id := c.uploaded()
	c.made[file.Extraction] = func(context.Context, commands.Source, commands.ReadProgress) (file.Reading, error) {
		return file.Reading{}, &file.BrokenError{Reason: "The document is damaged."}
	}
	require.NoError(t, c.process(id, false))
	require.Equal(t, "The document is damaged.", last[file.StageFailed](c, id).Reason)
}

func TestWhatIsNobodysBusinessAnyMoreIsLeft(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	require.NoError(t, c.process(fileID(), false))
	id := c.uploaded()
	c.made[file.OCR] = func(ctx context.Context, _ commands.Source, _ commands.ReadProgress) (file.Reading, error) {
		_, err := c.files.Handle(ctx, c.by(c.member), id, file.Delete{By: c.member})
		return file.Reading{Text: "too late"}, err
	}
	require.NoError(t, c.process(id, false))
	require.Equal(t, "deleted", c.facts(id.UUID)[5])
	require.Len(t, c.facts(id.UUID), 6)
	require.Len(t, c.readings, 1, "what was read too late is not kept")
}

func TestALongStageTellsEverySecondHowFarItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCabinet(t)
		id := c.uploaded()
		c.made[file.OCR] = func(_ context.Context, _ commands.Source, p commands.ReadProgress) (file.Reading, error) {
			p(30, "first pass")
			<-time.After(2500 * time.Millisecond)
			p(60, "second pass")
			<-time.After(time.Second)
			return file.Reading{Text: "done"}, nil
		}
		require.NoError(t, c.process(id, false))
		s, err := c.log.Load(t.Context(), c.org.UUID, id.UUID)
		require.NoError(t, err)
		var told []file.StageProgressed
		for _, r := range s.Events {
			if e, ok := r.Event.(file.StageProgressed); ok {
				told = append(told, e)
			}
		}
		require.Equal(t, []file.StageProgressed{
			{Stage: file.OCR, Attempt: 1, Percent: 30, Doing: "first pass", Elapsed: 1},
			{Stage: file.OCR, Attempt: 1, Percent: 30, Doing: "first pass", Elapsed: 2},
			{Stage: file.OCR, Attempt: 1, Percent: 60, Doing: "second pass", Elapsed: 3},
		}, told)
	})
}

func TestAReaderIsCalledOffWhenSomebodyElseHasItsStage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCabinet(t)
		id := c.uploaded()
		c.made[file.OCR] = func(ctx context.Context, _ commands.Source, _ commands.ReadProgress) (file.Reading, error) {
			_, err := c.files.Handle(ctx, c.by(c.member), id, file.StartStage{Stage: file.OCR, Attempt: 2})
			require.NoError(t, err)
			<-ctx.Done()
			return file.Reading{}, ctx.Err()
		}
		require.NoError(t, c.process(id, false))
		require.Equal(t, "stage_started", c.facts(id.UUID)[5])
		require.Len(t, c.facts(id.UUID), 6)
	})
}

func TestAStageThatTakesTooLongIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCabinet(t)
		id := c.uploaded()
		c.made[file.OCR] = func(ctx context.Context, _ commands.Source, _ commands.ReadProgress) (file.Reading, error) {
			<-ctx.Done()
			return file.Reading{}, ctx.Err()
		}
		require.ErrorIs(t, c.process(id, true), context.DeadlineExceeded)
		require.Equal(t, "It took longer than 15m0s.", last[file.StageFailed](c, id).Reason)
	})
}

// What took minutes to read waits for a database that is away.
func TestAReadingOutlivesAShortOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCabinet(t)
		id := c.uploaded()
		c.broken["readings"] = outage{}
		time.AfterFunc(10*time.Second, func() { c.mu.Lock(); defer c.mu.Unlock(); c.broken["readings"] = nil })
		require.NoError(t, c.process(id, false))
		require.Equal(t, file.AllCompleted, last[file.Processed](c, id).Outcome)

		id = c.uploaded()
		c.broken["readings"] = outage{}
		require.Error(t, c.process(id, false), "but not for ever")
	})
}

// outage looks like a connection that was refused.
type outage struct{}

func (outage) Error() string   { return "connection refused" }
func (outage) Timeout() bool   { return false }
func (outage) Temporary() bool { return false }

func TestStageLimitsAreForEveryStage(t *testing.T) {
	t.Parallel()
	require.Equal(t, 2*time.Minute, commands.StageLimit(file.Validation))
	require.Equal(t, 15*time.Minute, commands.StageLimit(file.OCR))
	require.Equal(t, 90*time.Minute, commands.StageLimit(file.Transcription))
}

func TestAPoisonFileIsGivenUp(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := c.uploaded()
	_, err := c.files.Handle(t.Context(), c.by(domain.System), id, file.StartStage{Stage: file.Validation, Attempt: 1})
	require.NoError(t, err)
	job := commands.FileJob{Org: c.org, File: id}
	require.NoError(t, c.processing.GiveUp(t.Context(), job))
	require.NoError(t, c.processing.GiveUp(t.Context(), job))
	require.Equal(t, []string{"upload_started", "uploaded", "stage_started", "stage_failed", "stage_failed", "processed"}, c.facts(id.UUID))
	require.Equal(t, "It was given up.", last[file.StageFailed](c, id).Reason)

	shut := commands.NewProcessing(commands.NewFiles(closedLog{c.log}), c, shelf{c}, nil, nil)
	require.ErrorIs(t, shut.GiveUp(t.Context(), commands.FileJob{Org: c.org, File: c.uploaded()}), errBroken)
}

func TestEveryUploadGetsAJob(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	id := c.uploaded()
	react := commands.ProcessFiles(c.files, c)
	require.Equal(t, []string{"file.uploaded", "file.processing_requested"}, react.Facts)
	fact := c.recorded(id, "file.uploaded")
	require.NoError(t, react.React(t.Context(), fact))
	require.Equal(t, []commands.FileJob{{Org: c.org, File: id, Correlation: "upload", Causation: fact.Cause()}}, c.jobs)
	require.Equal(t, []int{2}, c.runs)

	require.NoError(t, c.process(id, false))
	require.NoError(t, react.React(t.Context(), fact))
	require.Len(t, c.jobs, 1, "and none when it was read already")
	c.broken["jobs"] = errBroken
	require.ErrorIs(t, react.React(t.Context(), c.recorded(c.uploaded(), "file.uploaded")), errBroken)
}

func (c *cabinet) recorded(id domain.FileID, name string) eventstore.Recorded {
	c.t.Helper()
	events, err := c.log.Read(c.t.Context(), eventstore.Query{Types: []string{name}})
	require.NoError(c.t, err)
	for _, r := range events {
		if r.Stream == id.UUID {
			return r
		}
	}
	c.t.Fatal("there is no such fact")
	return eventstore.Recorded{}
}

func TestTheFilesOfAnExpiredTicketGoWithItsWords(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	old, other := c.ticketOf(c.member), c.ticketOf(c.member)
	only, shared, talked := fileID(), fileID(), fileID()
	for _, id := range []domain.FileID{only, shared} {
		_, err := c.upload(id, "pixels", to(old))
		require.NoError(t, err)
	}
	_, err := c.upload(talked, "pixels", commands.Details{})
	require.NoError(t, err)
	see := &cabinet{desk: c.desk}
	sees := commands.NewTickets(c.log, allFiles{}, see, see)
	for _, cmd := range []ticket.Command{
		ticket.AddComment{CommentID: commands.NewID(), Content: "See there.", Attachments: []ticket.Attachment{{FileID: talked}, {FileID: only}}, By: c.member},
		ticket.ChangeStatus{To: ticket.Closed, By: c.member},
	} {
		_, err = sees.Handle(t.Context(), c.by(c.member), old, cmd)
		require.NoError(t, err)
	}
	_, err = sees.Handle(t.Context(), c.by(c.member), other, ticket.Attach{Attachments: []ticket.Attachment{{FileID: shared}}, By: c.member})
	require.NoError(t, err)
	stream, err := sees.Handle(t.Context(), c.by(domain.System), old, ticket.EraseWords{By: domain.System})
	require.NoError(t, err)

	react := commands.EraseExpiredFiles(c.files, c.tickets, c)
	fact := stream.Events[stream.Version()-1]
	for range 2 {
		require.NoError(t, react.React(t.Context(), fact))
	}
	require.Equal(t, []string{"upload_started", "uploaded", "words_erased"}, c.facts(only.UUID))
	require.Equal(t, []string{"upload_started", "uploaded", "words_erased"}, c.facts(talked.UUID))
	require.Equal(t, []string{"upload_started", "uploaded"}, c.facts(shared.UUID), "another ticket refers to it")

	c.broken["tickets"] = errBroken
	require.ErrorIs(t, react.React(t.Context(), fact), errBroken)
	fact.Event = ticket.WordsErased{Of: c.member.User}
	require.NoError(t, react.React(t.Context(), fact), "one person's files go with the person")
}

// allFiles can be referred to.
type allFiles struct{}

func (allFiles) Missing(context.Context, domain.OrgID, domain.Actor, []domain.FileID) ([]domain.FileID, error) {
	return nil, nil
}

func TestOthersFilesCannotBeAttached(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	mine, one, two := c.ticketOf(c.member), fileID(), fileID()
	_, err := c.tickets.Handle(t.Context(), c.by(c.member), mine, ticket.Attach{
		Attachments: []ticket.Attachment{{FileID: one}, {FileID: two}, {FileID: one}}, By: c.member,
	})
	require.ErrorIs(t, err, commands.ErrUnknownFiles)
	refusal, _ := errors.AsType[*domain.Error](err)
	require.Equal(t, "Invalid or inaccessible files: {"+one.String()+", "+two.String()+"}", refusal.Message)
}
