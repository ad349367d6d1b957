package file_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/file"
)

var (
	ann, eve = domain.UserID{UUID: uuid.UUID{15: 1}}, domain.UserID{UUID: uuid.UUID{15: 2}}
	uploader = domain.Actor{Type: domain.ByUser, ID: ann.UUID, User: ann, Role: domain.Member}
	stranger = domain.Actor{Type: domain.ByUser, ID: eve.UUID, User: eve, Role: domain.Member}
	support  = domain.Actor{Type: domain.ByUser, ID: eve.UUID, User: eve, Role: domain.Support}
	auditor  = domain.Actor{Type: domain.ByUser, ID: eve.UUID, User: eve, Role: domain.Auditor}

	ticket  = uuid.UUID{15: 9}
	reading = file.ReadingRef{ID: uuid.UUID{15: 7}, ReadHash: "ab", Characters: 5}
)

func given(t *testing.T, history ...file.Event) domaintest.Spec[file.State, file.Command, file.Event] {
	t.Helper()
	return domaintest.Given(t, file.Decider, history...)
}

func finish() file.FinishUpload {
	return file.FinishUpload{
		Filename: "shot.png", Description: "What I saw.", Size: 10, MIMEType: "image/png", Category: file.Image, ContentHash: "c0ffee",
		Scan: file.Scan{Status: file.Clean}, Ticket: ticket, By: uploader,
	}
}

var (
	started  = file.UploadStarted{UploadedBy: ann, Filename: "shot.png", Announced: 12}
	uploaded = file.Uploaded{
		UploadedBy: ann, Filename: "shot.png", Description: "What I saw.", Size: 10, MIMEType: "image/png", Category: file.Image,
		ContentHash: "c0ffee", Scan: file.Scan{Status: file.Clean}, Ticket: ticket,
	}
	infected = file.Quarantined{UploadedBy: ann, Filename: "shot.png", Size: 10, MIMEType: "image/png", Category: file.Image, ContentHash: "bad", Signature: "Eicar"}
)

func validated() []file.Event {
	return []file.Event{
		started, uploaded,
		file.StageStarted{Stage: file.Validation, Attempt: 1},
		file.StageCompleted{Stage: file.Validation, Attempt: 1, UploadedBy: ann, Width: 4, Height: 3},
	}
}

func after(history []file.Event, more ...file.Event) []file.Event {
	return append(slices.Clip(history), more...)
}

func read() []file.Event {
	return after(validated(), file.StageStarted{Stage: file.OCR, Attempt: 1},
		file.StageCompleted{Stage: file.OCR, Attempt: 1, UploadedBy: ann, Reading: reading}, file.Processed{Outcome: file.AllCompleted})
}

func TestAnUploadIsAnnouncedAndTakenIn(t *testing.T) {
	t.Parallel()
	given(t).When(file.StartUpload{Filename: "shot.png", Announced: 12, By: uploader}).Then(started)
	given(t, started).When(file.StartUpload{Filename: "shot.png", Announced: 12, By: uploader}).Then()
	given(t, started).When(finish()).Then(uploaded)
	given(t, started, uploaded).When(finish()).Then()
}

func TestOthersBytesUnderTheSameIDAreRefused(t *testing.T) {
	t.Parallel()
	other := finish()
	other.ContentHash = "other"
	given(t, started, uploaded).When(other).Refused(file.ErrExists)
	renamed := finish()
	renamed.Filename = "other.png"
	given(t, started, uploaded).When(renamed).Refused(file.ErrExists)
	stolen := finish()
	stolen.By = support
	given(t, started, uploaded).When(stolen).Refused(file.ErrExists)
	given(t, started, infected).When(finish()).Refused(file.ErrExists)
	given(t, started, uploaded).When(file.Quarantine{ContentHash: "bad", By: uploader}).Refused(file.ErrExists)
}

func TestWhoMayNotUploadIsRefused(t *testing.T) {
	t.Parallel()
	given(t).When(file.StartUpload{Filename: "a", By: auditor}).Refused(domain.ErrForbidden)
	given(t).When(file.FinishUpload{Filename: "a", By: auditor}).Refused(domain.ErrForbidden)
	given(t).When(file.RefuseUpload{By: auditor}).Refused(domain.ErrForbidden)
	given(t).When(file.Quarantine{By: auditor}).Refused(domain.ErrForbidden)
}

func TestANameThatIsATrickIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "a\nb", "a\x00b", "gpj.\u202eexe", strings.Repeat("x", 256), "\xff"} {
		given(t).When(file.StartUpload{Filename: name, By: uploader}).Refused(file.ErrInvalid)
		c := finish()
		c.Filename = name
		given(t).When(c).Refused(file.ErrInvalid)
	}
	long := finish()
	long.Description = strings.Repeat("x", file.MaxDescription+1)
	given(t).When(long).Refused(file.ErrInvalid)
}

func TestAnUploadThatWasRefusedMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	refused := file.UploadRefused{UploadedBy: ann, Filename: "shot.png", Code: "storage_full"}
	given(t, started).When(file.RefuseUpload{Code: "storage_full", By: uploader}).Then(refused)
	given(t, started, refused).When(file.RefuseUpload{Code: "storage_full", By: uploader}).Then()
	given(t, started, refused).When(file.StartUpload{Filename: "shot.png", Announced: 12, By: uploader}).Then(started)
	given(t, started, uploaded).When(file.RefuseUpload{Code: "late", By: uploader}).Then()
}

func TestMalwareIsPutApart(t *testing.T) {
	t.Parallel()
	c := file.Quarantine{Filename: "shot.png", Size: 10, MIMEType: "image/png", Category: file.Image, ContentHash: "bad", Signature: "Eicar", By: uploader}
	given(t, started).When(c).Then(infected)
	given(t, started, infected).When(c).Then()
	given(t, started, infected).When(file.Reprocess{By: uploader}).Refused(file.ErrInfected)
	given(t, started, infected).When(file.Delete{By: uploader}).Then(file.Deleted{})
	given(t, started, infected).When(file.StartStage{Stage: file.Validation, Attempt: 1}).Refused(file.ErrNotFound)
}

func TestTheStagesOfAnUploadFollowItsCategory(t *testing.T) {
	t.Parallel()
	want := map[file.Category][]file.Stage{
		file.Image: {file.Validation, file.OCR}, file.Audio: {file.Validation, file.Transcription},
		file.Video: {file.Validation, file.Transcription, file.OCR}, file.Other: {file.Validation},
	}
	for _, category := range file.Categories {
		require.True(t, category.Valid())
		stages, known := want[category]
		if !known {
			stages = []file.Stage{file.Validation, file.Extraction}
		}
		require.Equal(t, stages, category.Stages(), category)
	}
	require.False(t, file.Category("art").Valid())
}

func TestAStageRunsFromItsBeginningToItsEnd(t *testing.T) {
	t.Parallel()
	given(t, started, uploaded).When(file.StartStage{Stage: file.Validation, Attempt: 1}).Then(file.StageStarted{Stage: file.Validation, Attempt: 1})
	running := []file.Event{started, uploaded, file.StageStarted{Stage: file.Validation, Attempt: 1}}
	given(t, running...).When(file.StartStage{Stage: file.Validation, Attempt: 1}).Then()
	given(t, running...).When(file.ProgressStage{Stage: file.Validation, Attempt: 1, Percent: 40, Doing: "looking", Elapsed: 2}).
		Then(file.StageProgressed{Stage: file.Validation, Attempt: 1, Percent: 40, Doing: "looking", Elapsed: 2})
	half := append(running, file.StageProgressed{Stage: file.Validation, Attempt: 1, Percent: 40, Doing: "looking", Elapsed: 2})
	given(t, half...).When(file.ProgressStage{Stage: file.Validation, Attempt: 1, Percent: 40, Doing: "looking", Elapsed: 2}).Then()
	given(t, half...).When(file.ProgressStage{Stage: file.Validation, Attempt: 1, Percent: 10, Doing: "still looking", Elapsed: 3}).
		Then(file.StageProgressed{Stage: file.Validation, Attempt: 1, Percent: 40, Doing: "still looking", Elapsed: 3})
	given(t, half...).When(file.ProgressStage{Stage: file.Validation, Attempt: 1, Percent: 200, Elapsed: 3}).
		Then(file.StageProgressed{Stage: file.Validation, Attempt: 1, Percent: 99, Elapsed: 3})
	done := file.CompleteStage{Stage: file.Validation, Attempt: 1, Reading: file.Reading{Width: 4, Height: 3, Engine: "png"}}
	given(t, half...).When(done).Then(file.StageCompleted{Stage: file.Validation, Attempt: 1, UploadedBy: ann, Width: 4, Height: 3, Engine: "png"})
	given(t, validated()...).When(done).Then()
}

func TestTheLastStageSaysThatAllIsRead(t *testing.T) {
	t.Parallel()
	running := after(validated(), file.StageStarted{Stage: file.OCR, Attempt: 1})
	sure := 0.9
	given(t, running...).When(file.CompleteStage{
		Stage: file.OCR, Attempt: 1, Kept: reading, Reading: file.Reading{Text: strings.Repeat("é", file.MaxExcerpt+1), Engine: "e", Language: "en", Confidence: &sure, Seconds: 1},
	}).Then(
		file.StageCompleted{
			Stage: file.OCR, Attempt: 1, UploadedBy: ann, Excerpt: strings.Repeat("é", file.MaxExcerpt), Reading: reading, Engine: "e", Language: "en",
			Confidence: &sure, Seconds: 1,
		},
		file.Processed{Outcome: file.AllCompleted},
	)
	given(t, running...).When(file.SkipStage{Stage: file.OCR, Attempt: 1, Reason: "no engine"}).Then(
		file.StageSkipped{Stage: file.OCR, UploadedBy: ann, Reason: "no engine"}, file.Processed{Outcome: file.AllSkipped})
	given(t, running...).When(file.FailStage{Stage: file.OCR, Attempt: 1, Reason: "it crashed", Final: true}).Then(
		file.StageFailed{Stage: file.OCR, Attempt: 1, UploadedBy: ann, Reason: "it crashed", Final: true}, file.Processed{Outcome: file.SomeFailed})
}

func TestAnUploadThatIsOnlyLookedAtIsCompleteThen(t *testing.T) {
	t.Parallel()
	other := uploaded
	other.Category = file.Other
	given(t, started, other, file.StageStarted{Stage: file.Validation, Attempt: 1}).
		When(file.CompleteStage{Stage: file.Validation, Attempt: 1}).
		Then(file.StageCompleted{Stage: file.Validation, Attempt: 1, UploadedBy: ann}, file.Processed{Outcome: file.AllCompleted})
}

func TestAFailureMayBeTriedAgainUnlessItWasTheLast(t *testing.T) {
	t.Parallel()
	running := after(validated(), file.StageStarted{Stage: file.OCR, Attempt: 1})
	again := file.FailStage{Stage: file.OCR, Attempt: 1, Reason: "it crashed"}
	given(t, running...).When(again).Then(file.StageFailed{Stage: file.OCR, Attempt: 1, UploadedBy: ann, Reason: "it crashed"})
	waiting := append(running, file.StageFailed{Stage: file.OCR, Attempt: 1, UploadedBy: ann, Reason: "it crashed"})
	given(t, waiting...).When(again).Then()
	given(t, waiting...).When(file.StartStage{Stage: file.OCR, Attempt: 2}).Then(file.StageStarted{Stage: file.OCR, Attempt: 2})
	last := file.FailStage{Stage: file.OCR, Attempt: 1, Reason: "its worker died", Final: true}
	given(t, waiting...).When(last).Then(
		file.StageFailed{Stage: file.OCR, Attempt: 1, UploadedBy: ann, Reason: "its worker died", Final: true}, file.Processed{Outcome: file.SomeFailed})
	failed := append(waiting, file.StageFailed{Stage: file.OCR, Attempt: 1, UploadedBy: ann, Reason: "its worker died", Final: true}, file.Processed{Outcome: file.SomeFailed})
	given(t, failed...).When(last).Then()
	given(t, failed...).When(again).Refused(file.ErrSuperseded)
	given(t, failed...).When(file.StartStage{Stage: file.OCR, Attempt: 2}).Then(file.StageStarted{Stage: file.OCR, Attempt: 2})
}

// A worker that was taken for dead, and comes back, changes nothing.
func TestOnlyThePresentAttemptCounts(t *testing.T) {
	t.Parallel()
	second := after(validated(), file.StageStarted{Stage: file.OCR, Attempt: 1}, file.StageStarted{Stage: file.OCR, Attempt: 2})
	for _, late := range []file.Command{
		file.StartStage{Stage: file.OCR, Attempt: 1},
		file.StartStage{Stage: file.OCR, Attempt: 4},
		file.ProgressStage{Stage: file.OCR, Attempt: 1, Percent: 50},
		file.CompleteStage{Stage: file.OCR, Attempt: 1},
		file.FailStage{Stage: file.OCR, Attempt: 1},
		file.SkipStage{Stage: file.OCR, Attempt: 1},
	} {
		given(t, second...).When(late).Refused(file.ErrSuperseded)
	}
	for _, late := range []file.Command{
		file.ProgressStage{Stage: file.OCR, Attempt: 1},
		file.FailStage{Stage: file.OCR, Attempt: 1},
		file.SkipStage{Stage: file.OCR, Attempt: 1},
		file.StartStage{Stage: file.OCR, Attempt: 2},
	} {
		given(t, read()...).When(late).Refused(file.ErrSuperseded)
	}
	skipped := after(validated(), file.StageStarted{Stage: file.OCR, Attempt: 1}, file.StageSkipped{Stage: file.OCR, Reason: "no"})
	given(t, skipped...).When(file.CompleteStage{Stage: file.OCR, Attempt: 1}).Refused(file.ErrSuperseded)
	given(t, skipped...).When(file.SkipStage{Stage: file.OCR, Attempt: 1}).Then()
	given(t, validated()...).When(file.SkipStage{Stage: file.OCR, Reason: "damaged"}).Then(
		file.StageSkipped{Stage: file.OCR, UploadedBy: ann, Reason: "damaged"}, file.Processed{Outcome: file.AllSkipped})
}

func TestAStageThatTheUploadDoesNotHaveIsUnknown(t *testing.T) {
	t.Parallel()
	for _, c := range []file.Command{
		file.StartStage{Stage: file.Transcription, Attempt: 1},
		file.ProgressStage{Stage: file.Transcription},
		file.CompleteStage{Stage: file.Transcription},
		file.FailStage{Stage: file.Transcription},
		file.SkipStage{Stage: file.Transcription},
	} {
		given(t, validated()...).When(c).Refused(file.ErrNotFound)
	}
}

func TestAnUploadIsReadAgainOnDemand(t *testing.T) {
	t.Parallel()
	given(t, read()...).When(file.Reprocess{By: uploader}).Then(file.ProcessingRequested{By: ann})
	again := after(read(), file.ProcessingRequested{By: ann})
	given(t, again...).When(file.Reprocess{By: uploader}).Then()
	given(t, again...).When(file.StartStage{Stage: file.Validation, Attempt: 2}).Then(file.StageStarted{Stage: file.Validation, Attempt: 2})
	given(t, validated()...).When(file.Reprocess{By: uploader}).Then()
	given(t, read()...).When(file.Reprocess{By: stranger}).Refused(file.ErrNotFound)
	given(t, read()...).When(file.Reprocess{By: auditor}).Refused(domain.ErrForbidden)
	given(t).When(file.Reprocess{By: uploader}).Refused(file.ErrNotFound)
}

func TestADeletedUploadIsGone(t *testing.T) {
	t.Parallel()
	given(t, read()...).When(file.Delete{By: support}).Then(file.Deleted{})
	given(t, read()...).When(file.Delete{By: stranger}).Refused(file.ErrNotFound)
	given(t, read()...).When(file.Delete{By: auditor}).Refused(domain.ErrForbidden)
	given(t, started).When(file.Delete{By: uploader}).Refused(file.ErrNotFound)
	gone := after(read(), file.Deleted{})
	given(t, gone...).When(file.Delete{By: uploader}).Then()
	given(t, gone...).When(file.Reprocess{By: uploader}).Refused(file.ErrNotFound)
	given(t, gone...).When(file.ProgressStage{Stage: file.OCR, Attempt: 1}).Refused(file.ErrNotFound)
}

func TestOnlyTheSystemErasesWordsAndOnlyOnce(t *testing.T) {
	t.Parallel()
	given(t, read()...).When(file.EraseWords{Of: ann, By: domain.System}).Then(file.WordsErased{Of: ann})
	given(t, read()...).When(file.EraseWords{By: domain.System}).Then(file.WordsErased{})
	given(t, started).When(file.EraseWords{Of: ann, By: domain.System}).Then(file.WordsErased{Of: ann})
	refused := file.UploadRefused{UploadedBy: ann, Filename: "shot.png", Code: "storage_full"}
	given(t, started, refused).When(file.EraseWords{Of: ann, By: domain.System}).Then(file.WordsErased{Of: ann})
	given(t, read()...).When(file.EraseWords{Of: eve, By: domain.System}).Then()
	given(t, read()...).When(file.EraseWords{Of: ann, By: support}).Refused(domain.ErrForbidden)
	given(t).When(file.EraseWords{Of: ann, By: domain.System}).Refused(file.ErrNotFound)
	erased := after(read(), file.WordsErased{Of: ann})
	given(t, erased...).When(file.EraseWords{Of: ann, By: domain.System}).Then()
	given(t, erased...).When(file.Reprocess{By: uploader}).Refused(file.ErrNotFound)
	require.Equal(t, ann.UUID, file.WordsErased{Of: ann}.Erases())
}

func TestATextIsCutAtACharacter(t *testing.T) {
	t.Parallel()
	require.Equal(t, "abc", file.Cut("abc", 3))
	require.Equal(t, "éé", file.Cut("éé", 2))
	require.Equal(t, "éé", file.Cut("éé é", 3))
	require.Empty(t, file.Cut("", 0))
}
