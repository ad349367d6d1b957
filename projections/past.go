package projections

import (
	"context"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/eventstore"
)

// pastEvents is how many events of the past are held in memory at once, unless a single stream has more.
const pastEvents = 5000

// history is a stream to look back at, and how many events it has, or had a moment ago.
type history struct {
	stream uuid.UUID
	events int
}

// foldPast answers the rows that streams led to at a moment.
//
// # Why
//
// Whole streams are read, and each in one piece, though only what came until the moment is folded: the fact that somebody's
// words were erased comes later, and must count.
func foldPast[R any](ctx context.Context, org domain.OrgID, log Events, at time.Time, apply func(R, eventstore.Recorded) R, streams []history) (map[uuid.UUID]R, error) {
	then := make(map[uuid.UUID]R, len(streams))
	for len(streams) > 0 {
		var ids []uuid.UUID
		for events := 0; len(streams) > 0 && (ids == nil || events+streams[0].events <= pastEvents); streams = streams[1:] {
			ids = append(ids, streams[0].stream)
			events += streams[0].events
		}
		read, err := log.Read(ctx, org, eventstore.Query{Streams: ids})
		if err != nil {
			return nil, err
		}
		for _, r := range read {
			if !r.At.After(at) {
				then[r.Stream] = apply(then[r.Stream], r)
			}
		}
	}
	return then, nil
}
