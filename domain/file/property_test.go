package file_test

import (
	"testing"

	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/file"
)

func commands() *rapid.Generator[file.Command] {
	actors := rapid.SampledFrom([]domain.Actor{uploader, uploader, uploader, stranger, support, auditor, domain.System})
	names := rapid.SampledFrom([]string{"shot.png", "shot.png", "a.txt", "", "a/b"})
	hashes := rapid.SampledFrom([]string{"c0ffee", "c0ffee", "bad"})
	stages := rapid.SampledFrom([]file.Stage{file.Validation, file.OCR, file.Transcription, file.Extraction})
	attempts := rapid.IntRange(0, 3)
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) file.Command {
			return file.StartUpload{Filename: names.Draw(t, "name"), Announced: int64(rapid.IntRange(-1, 9).Draw(t, "size")), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) file.Command {
			c := finish()
			c.Filename, c.ContentHash, c.By = names.Draw(t, "name"), hashes.Draw(t, "hash"), actors.Draw(t, "by")
			c.Category = rapid.SampledFrom(file.Categories).Draw(t, "category")
			return c
		}),
		rapid.Custom(func(t *rapid.T) file.Command { return file.RefuseUpload{Code: "full", By: actors.Draw(t, "by")} }),
		rapid.Custom(func(t *rapid.T) file.Command {
			return file.Quarantine{Filename: "a", ContentHash: hashes.Draw(t, "hash"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) file.Command {
			return file.StartStage{Stage: stages.Draw(t, "stage"), Attempt: attempts.Draw(t, "attempt")}
		}),
		rapid.Custom(func(t *rapid.T) file.Command {
			return file.ProgressStage{Stage: stages.Draw(t, "stage"), Attempt: attempts.Draw(t, "attempt"), Percent: rapid.IntRange(-10, 110).Draw(t, "percent")}
		}),
		rapid.Custom(func(t *rapid.T) file.Command {
			return file.CompleteStage{Stage: stages.Draw(t, "stage"), Attempt: attempts.Draw(t, "attempt"), Reading: file.Reading{Text: rapid.String().Draw(t, "text")}}
		}),
		rapid.Custom(func(t *rapid.T) file.Command {
			return file.FailStage{Stage: stages.Draw(t, "stage"), Attempt: attempts.Draw(t, "attempt"), Final: rapid.Bool().Draw(t, "final")}
		}),
		rapid.Custom(func(t *rapid.T) file.Command {
			return file.SkipStage{Stage: stages.Draw(t, "stage"), Attempt: attempts.Draw(t, "attempt")}
		}),
		rapid.Custom(func(t *rapid.T) file.Command { return file.Reprocess{By: actors.Draw(t, "by")} }),
		rapid.Custom(func(t *rapid.T) file.Command { return file.Delete{By: actors.Draw(t, "by")} }),
		rapid.Custom(func(t *rapid.T) file.Command {
			return file.EraseWords{Of: rapid.SampledFrom([]domain.UserID{ann, eve, {}}).Draw(t, "of"), By: actors.Draw(t, "by")}
		}),
	)
}

func TestTheLawsOfDecidersHold(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, file.Decider, commands(), domaintest.Never)
}
