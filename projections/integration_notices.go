package projections

import (
	"context"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/file"
	"ticketd/domain/integration"
	"ticketd/eventstore"
)

// IntegrationStatusNotice is the data of integration_status_update.
type IntegrationStatusNotice struct {
	IntegrationID uuid.UUID `json:"integration_id"`
	OK            bool      `json:"ok"`
	Code          string    `json:"code,omitempty"`
	Error         string    `json:"error,omitempty"`
	Timestamp     string    `json:"timestamp"`
}

// aboutIntegration tells those who see deliveries whether a connection can be used. false: that is not what the event is about.
func (n Notice) aboutIntegration(event integration.Event, at time.Time) (Notice, bool) {
	told := IntegrationStatusNotice{IntegrationID: n.Topic, Timestamp: at.Format(Millis)}
	switch e := event.(type) {
	case integration.Checked:
		told.OK, told.Code, told.Error = e.OK, e.Code, e.Why
	case integration.Expired:
		told.Code, told.Error = e.Code, e.Why
	case integration.Suspended:
		told.Code, told.Error = e.Code, e.Why
	case integration.Disabled:
		told.Code, told.Error = "disabled", e.Reason
	case integration.Enabled:
		told.OK = true
	case integration.Connected, integration.Changed, integration.CredentialsSet, integration.Synced, integration.Disconnected:
		return n, false
	}
	n.Protocol, n.Needs, n.Type, n.Data = "system", domain.ReadDeliveries, "integration_status_update", told
	return n, true
}

// sentFile answers the upload that an event of a delivery is about; zero: it is about something else.
func sentFile(event delivery.Event) uuid.UUID {
	var step delivery.Step
	switch e := event.(type) {
	case delivery.Progressed:
		return e.File
	case delivery.Attempted:
		step = e.Step
	case delivery.Done:
		step = e.Step
	case delivery.Failed:
		step = e.Step
	case delivery.Parked:
		step = e.Step
	case delivery.Begun, delivery.Held, delivery.Retried, delivery.Dropped, delivery.StatusHeard, delivery.CommentHeard, delivery.Unheard, delivery.HeardAgain, delivery.Released, delivery.Rerouted, delivery.Ended, delivery.WordsErased:
	}
	if step.Kind != delivery.File {
		return uuid.Nil
	}
	return step.Key
}

// sentFiles answers what notices say of the uploads that deliveries send.
func (n *Notices) sentFiles(ctx context.Context, events []eventstore.Recorded) (map[uuid.UUID]watchedFile, error) {
	var orgs, ids []uuid.UUID
	for _, r := range events {
		if e, ok := r.Event.(delivery.Event); ok {
			if id := sentFile(e); id != uuid.Nil {
				orgs, ids = append(orgs, r.Org), append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return n.Files.watched(ctx, orgs, ids)
}

// aboutSending tells how far an upload is on its way to an integration: a stage of its life like the others. false: the event is
// about no upload.
func (n Notice) aboutSending(event delivery.Event, files map[uuid.UUID]watchedFile, at time.Time) (Notice, bool) {
	id := sentFile(event)
	w, known := files[id]
	if !known {
		return n, false
	}
	n.Topic, n.Protocol, n.Needs, n.Owners = id, "file", domain.ReadFiles, w.owners
	progress := FileProgressNotice{JobID: id, Stage: file.IntegrationUpload, Timestamp: at.Format(Millis)}
	switch e := event.(type) {
	case delivery.Attempted:
		progress.Message = "started"
	case delivery.Progressed:
		progress.Progress, progress.Message = e.Percent, "uploading"
	case delivery.Done:
		progress.Progress, progress.Message = 100, "completed"
		if e.Note != "" {
			progress.Message = "completed: " + e.Note
		}
	case delivery.Failed:
		progress.Message = e.Message + " It will be tried again."
	case delivery.Parked:
		n.Type = "file_processing_failed"
		n.Data = FileFailedNotice{JobID: id, Filename: w.filename, Error: e.Message, Stage: file.IntegrationUpload, Timestamp: progress.Timestamp}
		return n, true
	case delivery.Begun, delivery.Held, delivery.Retried, delivery.Dropped, delivery.StatusHeard, delivery.CommentHeard, delivery.Unheard, delivery.HeardAgain, delivery.Released, delivery.Rerouted, delivery.Ended, delivery.WordsErased: // about no upload
	}
	n.Type, n.Data = "file_processing_progress", progress
	return n, true
}
