package http

import (
	"context"
	nethttp "net/http"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/eventstore"
	"ticketd/projections"
)

// Chat is what the chat routes work with.
type Chat struct {
	Threads  commands.Threads
	Rows     *projections.Threads
	Messages *projections.Messages
	Replies  *Replies

	// Patience answers how long an agent may take for a reply, by its configuration.
	Patience func(ctx context.Context, org domain.OrgID, agent domain.Agent) (time.Duration, error)
}

// chat is the server as the chat routes see it.
type chat struct {
	*Server
	Chat
}

func (s *Server) chatRoutes(with Chat) {
	c := chat{Server: s, Chat: with}
	register(s, op("list-agents", nethttp.MethodGet, "/api/v1/agents", "The agents of your organization", tagAgents), c.listAgents)
	register(s, op("start-thread", nethttp.MethodPost, "/api/v1/chat/{agent_id}/threads", "Start a conversation with an agent", tagAgents, errs(404, 409, 415)), c.startThread)
	register(s, op("list-threads", nethttp.MethodGet, "/api/v1/chat/{agent_id}/threads", "List conversations with an agent, newest first", tagAgents,
		described("Your own; admins and auditors see everybody's."), errs(404)), c.listThreads)
	register(s, op("get-thread", nethttp.MethodGet, "/api/v1/chat/{agent_id}/threads/{thread_id}", "Get a conversation", tagAgents, errs(404)), c.getThread)
	register(s, op("update-thread", nethttp.MethodPatch, "/api/v1/chat/{agent_id}/threads/{thread_id}", "Give a conversation another title", tagAgents,
		described("null takes the title away; then an agent may find one. An agent's title never replaces yours."), errs(404, 409, 412, 415)), c.updateThread)
	register(s, op("delete-thread", nethttp.MethodDelete, "/api/v1/chat/{agent_id}/threads/{thread_id}", "Delete a conversation; its history stays", tagAgents, errs(404, 409, 412)), c.deleteThread)
	c.messageRoutes()
}

// ThreadPath is the path of every route of one thread.
type ThreadPath struct {
	AgentPath
	ID uuid.UUID `path:"thread_id" format:"uuid"`
}

// Thread is a conversation with an agent.
type Thread struct {
	ID            uuid.UUID  `json:"id" format:"uuid"`
	AgentID       uuid.UUID  `json:"agent_id" format:"uuid"`
	AgentType     string     `json:"agent_type"`
	Title         *string    `json:"title"`
	CreatedBy     Person     `json:"created_by"`
	MessageCount  int        `json:"message_count" doc:"Replies included."`
	LastMessageAt *Timestamp `json:"last_message_at"`
	Version       int        `json:"version"`
	CreatedAt     Timestamp  `json:"created_at"`
	UpdatedAt     Timestamp  `json:"updated_at"`
}

type threadAnswer struct {
	ETag          string   `header:"ETag"`
	EventPosition Position `header:"X-Event-Position"`
	Body          Thread
}

// renderThreads shows rows with the names of whoever started them.
func (c chat) renderThreads(ctx context.Context, rows ...projections.ThreadRow) ([]Thread, error) {
	creators := make([]domain.UserID, len(rows))
	for i, t := range rows {
		creators[i] = t.CreatedBy
	}
	people, err := c.People.Names(ctx, callerOf(ctx).Org, creators)
	if err != nil {
		return nil, err
	}
	shown := make([]Thread, len(rows))
	for i, t := range rows {
		shown[i] = Thread{
			ID: t.ID, AgentID: agentID(t.Org, t.Agent), AgentType: string(t.Agent), Title: unlessBlank(t.Title), CreatedBy: renderPerson(t.CreatedBy, people),
			MessageCount: t.Messages, LastMessageAt: optionalTime(t.LastMessageAt), Version: t.Version, CreatedAt: Timestamp(t.CreatedAt), UpdatedAt: Timestamp(t.UpdatedAt),
		}
	}
	return shown, nil
}

func (c chat) answerThread(ctx context.Context, row projections.ThreadRow) (*threadAnswer, error) {
	shown, err := c.renderThreads(ctx, row)
	if err != nil {
		return nil, err
	}
	return &threadAnswer{ETag: etag(row.Version), Body: shown[0]}, nil
}

// answerChange renders the row that a stream leads to: what the next GET will show.
func (c chat) answerChange(ctx context.Context, stream eventstore.Stream) (*threadAnswer, error) {
	answer, err := c.answerThread(ctx, projections.Fold(projections.ApplyThread, stream.Events))
	if err == nil {
		answer.EventPosition = positionOf(stream)
	}
	return answer, err
}

// findThread answers a thread with the agent that the path names, if the caller may see it.
func (c chat) findThread(ctx context.Context, in ThreadPath) (projections.ThreadRow, error) {
	agent, err := in.named(ctx)
	if err != nil {
		return projections.ThreadRow{}, err
	}
	row, err := c.Rows.FindVisible(ctx, callerOf(ctx), in.ID)
	if err == nil && row.Agent != agent {
		err = thread.ErrNotFound
	}
	return row, err
}

// change hands one command over, if the thread is where the path says.
func (c chat) change(ctx context.Context, row projections.ThreadRow, match IfMatch, cmd thread.Command) (eventstore.Stream, error) {
	r, err := match.request(ctx)
	if err != nil {
		return eventstore.Stream{}, err
	}
	return c.Threads.Handle(ctx, r, row.ID, cmd)
}

func (c chat) startThread(ctx context.Context, in *struct {
	AgentPath
	Body *struct {
		Title Optional[string] `json:"title,omitzero" maxLength:"500"`
	}
},
) (*threadAnswer, error) {
	agent, err := in.named(ctx)
	if err != nil {
		return nil, err
	}
	start := thread.Start{Agent: agent, By: callerOf(ctx).Actor}
	if in.Body != nil {
		start.Title = in.Body.Title.Value
	}
	stream, err := c.Threads.Handle(ctx, request(ctx), newID(ctx), start)
	if err != nil {
		return nil, err
	}
	return c.answerChange(ctx, stream)
}

// ThreadList is a page of conversations.
type ThreadList struct {
	Threads []Thread `json:"threads"`
	Total   int      `json:"total"`
}

func (c chat) listThreads(ctx context.Context, in *struct {
	AgentPath
	Limit  int `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Offset int `query:"offset" minimum:"0" maximum:"100000"`
},
) (*struct{ Body ThreadList }, error) {
	agent, err := in.named(ctx)
	if err != nil {
		return nil, err
	}
	rows, total, err := c.Rows.List(ctx, callerOf(ctx), projections.ThreadsQuery{Agent: agent, Limit: in.Limit, Offset: in.Offset})
	if err != nil {
		return nil, err
	}
	shown, err := c.renderThreads(ctx, rows...)
	if err != nil {
		return nil, err
	}
	return &struct{ Body ThreadList }{ThreadList{Threads: shown, Total: total}}, nil
}

func (c chat) getThread(ctx context.Context, in *ThreadPath) (*threadAnswer, error) {
	row, err := c.findThread(ctx, *in)
	if err != nil {
		return nil, err
	}
	return c.answerThread(ctx, row)
}

func (c chat) updateThread(ctx context.Context, in *struct {
	ThreadPath
	IfMatch
	Body struct {
		Title Optional[string] `json:"title,omitzero" maxLength:"500"`
	}
},
) (*threadAnswer, error) {
	row, err := c.findThread(ctx, in.ThreadPath)
	if err != nil {
		return nil, err
	}
	rename := thread.Rename{Title: row.Title, By: callerOf(ctx).Actor} // to what it is, when nothing is supplied
	if title := in.Body.Title.ptr(); title != nil {
		rename.Title = *title
	}
	stream, err := c.change(ctx, row, in.IfMatch, rename)
	if err != nil {
		return nil, err
	}
	return c.answerChange(ctx, stream)
}

// ThreadDeletion says that a conversation is gone.
type ThreadDeletion struct {
	ID     uuid.UUID `json:"id" format:"uuid"`
	Status string    `json:"status" enum:"deleted"`
}

type threadDeletedAnswer struct {
	ETag          string   `header:"ETag"`
	EventPosition Position `header:"X-Event-Position"`
	Body          ThreadDeletion
}

func (c chat) deleteThread(ctx context.Context, in *struct {
	ThreadPath
	IfMatch
},
) (*threadDeletedAnswer, error) {
	row, err := c.findThread(ctx, in.ThreadPath)
	if err != nil {
		return nil, err
	}
	stream, err := c.change(ctx, row, in.IfMatch, thread.Delete{By: callerOf(ctx).Actor})
	if err != nil {
		return nil, err
	}
	return &threadDeletedAnswer{ETag: etag(stream.Version()), EventPosition: positionOf(stream), Body: ThreadDeletion{ID: row.ID, Status: "deleted"}}, nil
}
