package projections_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/eventstore"
	"ticketd/projections"
)

// What is wrong with a step comes first, and then what the vendor does not tell.
func TestADeliveryShowsWhatIsWrong(t *testing.T) {
	t.Parallel()
	by, comment := domain.UserID{UUID: uuid.New()}, delivery.Step{Kind: delivery.Comment, Key: uuid.New()}
	type shown struct {
		status        projections.DeliveryStatus
		code, message string
	}
	var row projections.DeliveryRow
	for n, c := range []struct {
		event any
		shows shown
	}{
		{delivery.Begun{CreatedBy: by}, shown{"pending", "", ""}},
		{delivery.Done{Step: delivery.Step{Kind: delivery.Create}, External: "HELP-1", CreatedBy: by}, shown{"delivered", "", ""}},
		{delivery.Unheard{Code: "forbidden", CreatedBy: by, Message: "No."}, shown{"unheard", "forbidden", "No."}},
		{delivery.Attempted{Step: comment, Try: 1}, shown{"unheard", "forbidden", "No."}},
		{delivery.Failed{Step: comment, Code: "unavailable", CreatedBy: by, Message: "Later.", RetryAt: time.Now()}, shown{"retrying", "unavailable", "Later."}},
		{delivery.Unheard{Code: "not_found", CreatedBy: by, Message: "Gone."}, shown{"retrying", "unavailable", "Later."}},
		{delivery.Done{Step: comment, External: "c1", CreatedBy: by}, shown{"unheard", "not_found", "Gone."}},
		{delivery.WordsErased{}, shown{"unheard", "not_found", ""}},
		{delivery.Ended{Code: "disconnected"}, shown{"ended", "disconnected", ""}},
		{delivery.Begun{CreatedBy: by, Route: 3}, shown{"unheard", "not_found", ""}},
		{delivery.HeardAgain{}, shown{"delivered", "", ""}},
	} {
		row = projections.ApplyDelivery(row, eventstore.Recorded{Version: n + 1, At: time.Now(), Event: c.event})
		require.Equal(t, c.shows, shown{row.Status, row.Code, row.Message}, "after %T", c.event)
	}
}
