package catalog

import (
	"ticketd/domain/file"
	"ticketd/eventstore"
)

// An upload has a key of its own, so that a retention rule can erase its words.
var fileEvents = eventstore.WithOwnKeys(
	eventstore.Type[file.UploadStarted]("file.upload_started"),
	eventstore.Type[file.Uploaded]("file.uploaded"),
	eventstore.Type[file.UploadRefused]("file.upload_refused"),
	eventstore.Type[file.Quarantined]("file.quarantined"),
	eventstore.Type[file.StageStarted]("file.stage_started"),
	eventstore.Type[file.StageProgressed]("file.stage_progressed"),
	eventstore.Type[file.StageCompleted]("file.stage_completed"),
	eventstore.Type[file.StageFailed]("file.stage_failed"),
	eventstore.Type[file.StageSkipped]("file.stage_skipped"),
	eventstore.Type[file.Processed]("file.processed"),
	eventstore.Type[file.ProcessingRequested]("file.processing_requested"),
	eventstore.Type[file.Deleted]("file.deleted"),
	eventstore.Type[file.WordsErased]("file.words_erased"),
)
