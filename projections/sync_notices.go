package projections

import (
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/syncing"
)

// SyncNotice is the data of integration_sync_progress.
type SyncNotice struct {
	SyncID        uuid.UUID `json:"sync_id"`
	IntegrationID uuid.UUID `json:"integration_id"`
	Status        string    `json:"status"`
	Done          int       `json:"done"`
	Total         int       `json:"total"`
	Created       int       `json:"created"`
	Updated       int       `json:"updated"`
	Skipped       int       `json:"skipped"`
	Failed        int       `json:"failed"`
	Error         string    `json:"error,omitempty"`
	Timestamp     string    `json:"timestamp"`
}

// aboutSync tells those who see deliveries how far a sync is. false: the event is about one ticket of many.
func (n Notice) aboutSync(event syncing.Event, at time.Time) (Notice, bool) {
	told := SyncNotice{SyncID: n.Topic, Status: string(SyncRunning), Timestamp: at.Format(Millis)}
	var counts syncing.Counts
	switch e := event.(type) {
	case syncing.Started:
		told.IntegrationID, told.Total = e.Integration, e.Tickets
	case syncing.Looked:
		return n, false
	case syncing.Progressed:
		told.IntegrationID, told.Total, counts = e.Integration, e.Tickets, e.Counts
	case syncing.Ended:
		told.IntegrationID, told.Total, told.Status, counts = e.Integration, e.Counts.Done(), string(SyncCompleted), e.Counts
	case syncing.Failed:
		told.IntegrationID, told.Total, told.Status, told.Error, counts = e.Integration, e.Tickets, string(SyncFailed), e.Why, e.Counts
	}
	told.Done, told.Created, told.Updated, told.Skipped, told.Failed = counts.Done(), counts.Created, counts.Updated, counts.Skipped, counts.Failed
	n.Topic, n.Protocol, n.Needs, n.Type, n.Data = told.IntegrationID, "system", domain.ReadDeliveries, "integration_sync_progress", told
	return n, true
}
