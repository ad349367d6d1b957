package http

import (
	"context"

	"github.com/google/uuid"

	"ticketd/projections"
)

// PersonThread is a conversation of a person's.
type PersonThread struct {
	Thread

	Deleted bool `json:"deleted"`
}

// threadsOf answers the pages of the conversations that a person began.
func (s *Server) threadsOf(person projections.UserRow) pages[PersonThread] {
	var after *projections.StartedCursor
	return func(ctx context.Context) ([]PersonThread, bool, error) {
		rows, err := s.Chat.Rows.OfPerson(ctx, person.Org, person.ID, after, streamPage)
		if err != nil || len(rows) == 0 {
			return nil, false, err
		}
		last := rows[len(rows)-1]
		after = &projections.StartedCursor{At: last.CreatedAt, ID: last.ID}
		threads, err := chat{Server: s, Chat: s.Chat}.renderThreads(ctx, rows...)
		if err != nil {
			return nil, false, err
		}
		shown := make([]PersonThread, len(rows))
		for i, t := range threads {
			shown[i] = PersonThread{Thread: t, Deleted: rows[i].Deleted}
		}
		return shown, len(rows) == streamPage, nil
	}
}

// messagesOf answers the pages of what was said in those conversations.
func (s *Server) messagesOf(person projections.UserRow) pages[Message] {
	var after uuid.UUID
	var version int
	return func(ctx context.Context) ([]Message, bool, error) {
		rows, err := s.Chat.Messages.OfPerson(ctx, person.Org, person.ID, after, version, streamPage)
		if err != nil || len(rows) == 0 {
			return nil, false, err
		}
		last := rows[len(rows)-1]
		after, version = last.Thread, last.Version
		shown, err := chat{Server: s, Chat: s.Chat}.renderMessages(ctx, rows)
		return shown, len(rows) == streamPage, err
	}
}

// runsPage is how many runs an export holds in memory at a time: what happened in one may be long.
const runsPage = 10

// runsOf answers the pages of the runs of agents that were made for a person.
func (s *Server) runsOf(person projections.UserRow) pages[Run] {
	var after *projections.StartedCursor
	return func(ctx context.Context) ([]Run, bool, error) {
		rows, err := s.AgentRuns.OfPerson(ctx, person.Org, person.ID, after, runsPage)
		if err != nil || len(rows) == 0 {
			return nil, false, err
		}
		last := rows[len(rows)-1]
		after = &projections.StartedCursor{At: last.StartedAt, ID: last.ID}
		shown := make([]Run, len(rows))
		for i, row := range rows {
			stream, err := s.Log.Load(ctx, person.Org.UUID, row.ID)
			if err != nil {
				return nil, false, err
			}
			shown[i] = renderRun(row, stream)
			shown[i].RequestedBy = Person{ID: person.ID.UUID, Username: person.Username, FullName: person.FullName}
		}
		return shown, len(rows) == runsPage, nil
	}
}
