package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/projections"
)

const waitManual = "Answers the message as it is stored; the agent replies later: the WebSocket tells of it (reply_completed, reply_failed), and the " +
	"messages hold it then. With wait=reply the answer comes with the reply, when it failed without one, or after as long as the agent may take; " +
	"reply_status says which."

func (c chat) messageRoutes() {
	register(c.Server, op("add-message", nethttp.MethodPost, "/api/v1/chat/{agent_id}/threads/{thread_id}/messages", "Say something to an agent", tagAgents,
		described(waitManual), within(longestWait+maxTime), aiBudget, errs(400, 404, 409, 412, 415)), c.addMessage)
	register(c.Server, op("list-messages", nethttp.MethodGet, "/api/v1/chat/{agent_id}/threads/{thread_id}/messages", "List what was said, oldest first", tagAgents, errs(404)), c.listMessages)
}

// Message is what somebody said in a conversation, or an agent replied.
type Message struct {
	ID          uuid.UUID       `json:"id" format:"uuid"`
	ThreadID    uuid.UUID       `json:"thread_id" format:"uuid"`
	Role        string          `json:"role" enum:"user,assistant,system"`
	Author      *Person         `json:"author" doc:"null: the agent."`
	Content     string          `json:"content"`
	Attachments []AttachmentRef `json:"attachments"`
	Metadata    map[string]any  `json:"message_metadata"`
	InReplyTo   *uuid.UUID      `json:"in_reply_to" format:"uuid" doc:"The message that it replies to."`
	ReplyStatus *string         `json:"reply_status" enum:"pending,completed,failed" doc:"null: it is a reply itself."`
	ReplyError  *string         `json:"reply_error" doc:"The code of what went wrong."`
	ReplyReason *string         `json:"reply_reason" doc:"The same in a sentence."`
	RunID       *uuid.UUID      `json:"run_id" format:"uuid" doc:"The run of the agent that replied, or failed to."`
	Version     int             `json:"version" doc:"The conversation's version that this message made."`
	CreatedAt   Timestamp       `json:"created_at"`
}

// StoredMessage is a message that was just said.
type StoredMessage struct {
	Message

	Reply *Message `json:"reply,omitempty" doc:"With wait=reply, if there is one."`
}

// MessageList is a page of a conversation.
type MessageList struct {
	Messages []Message `json:"messages"`
	Total    int       `json:"total"`
	ThreadID uuid.UUID `json:"thread_id" format:"uuid"`
}

// renderMessages shows rows with the names of their authors.
func (c chat) renderMessages(ctx context.Context, rows []projections.MessageRow) ([]Message, error) {
	var authors []domain.UserID
	for _, m := range rows {
		if !m.Author.IsZero() {
			authors = append(authors, m.Author)
		}
	}
	people, err := c.People.Names(ctx, callerOf(ctx).Org, authors)
	if err != nil {
		return nil, err
	}
	shown := make([]Message, len(rows))
	for i, m := range rows {
		shown[i] = Message{
			ID: m.ID, ThreadID: m.Thread, Role: string(m.Role), Content: m.Content, Attachments: make([]AttachmentRef, len(m.Attachments)), Metadata: m.Metadata,
			InReplyTo: unlessNil(m.InReplyTo), ReplyStatus: unlessBlank(string(m.ReplyStatus)), ReplyError: unlessBlank(m.ReplyError), RunID: unlessNil(m.Run),
			Version: m.Version, CreatedAt: Timestamp(m.CreatedAt),
		}
		if m.ReplyError != "" {
			shown[i].ReplyReason = new(thread.Reason(m.ReplyError))
		}
		for n, a := range m.Attachments {
			shown[i].Attachments[n].FileID = a.FileID.UUID
		}
		if m.Metadata == nil {
			shown[i].Metadata = map[string]any{}
		}
		if !m.Author.IsZero() {
			shown[i].Author = new(renderPerson(m.Author, people))
		}
	}
	return shown, nil
}

func unlessNil(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

type addMessageInput struct {
	ThreadPath
	IfMatch
	Wait string `query:"wait" enum:"reply" doc:"Hold the answer until the agent has replied."`
	Body struct {
		AttachmentInput
		Content  string         `json:"content" minLength:"1" maxLength:"50000"`
		Role     string         `json:"role,omitempty" enum:"user" default:"user"`
		Metadata map[string]any `json:"message_metadata,omitempty" doc:"Whatever the client wants to know again."`
	}
}

type storedMessageAnswer struct {
	ETag          string   `header:"ETag" doc:"Of the conversation."`
	EventPosition Position `header:"X-Event-Position"`
	Body          StoredMessage
}

// addMessage stores a message, which no stop of the program interrupts, and may wait for the reply, which every stop does.
func (c chat) addMessage(ctx context.Context, in *addMessageInput) (*storedMessageAnswer, error) {
	storing, done := unhurried(ctx)
	defer done()
	answer, row, err := c.store(storing, in)
	if err != nil {
		return nil, c.problem(storing, err)
	}
	if in.Wait != "reply" {
		return answer, nil
	}
	if err := c.addReply(ctx, row, answer); err != nil { // an error would have the client say it again, and it would be there twice
		c.Logger.WarnContext(ctx, "a message is stored, but nobody could wait for its reply", "thread", row.ID, "message", answer.Body.ID, "cause", err, "request_id", requestID(ctx))
	}
	return answer, nil
}

// addReply waits for the reply to a message and adds it to the answer, which stays as it is when there is none in time.
func (c chat) addReply(ctx context.Context, row projections.ThreadRow, answer *storedMessageAnswer) error {
	rows, err := c.await(ctx, row, answer.Body.ID)
	if err != nil || len(rows) == 0 { // it was deleted meanwhile
		return err
	}
	showing, done := unhurried(ctx)
	defer done()
	shown, err := c.renderMessages(showing, rows)
	if err != nil {
		return err
	}
	answer.Body.Message = shown[0]
	if len(shown) > 1 {
		answer.Body.Reply, answer.ETag = &shown[1], etag(rows[1].Version)
	}
	return nil
}

// store answers the message as it is stored, and the thread that it is in.
func (c chat) store(ctx context.Context, in *addMessageInput) (*storedMessageAnswer, projections.ThreadRow, error) {
	parsed, err := in.Body.parse(ctx)
	if err != nil {
		return nil, projections.ThreadRow{}, err
	}
	row, err := c.findThread(ctx, in.ThreadPath)
	if err != nil {
		return nil, row, err
	}
	say := thread.AddMessage{MessageID: newID(ctx), Content: in.Body.Content, Metadata: in.Body.Metadata, By: callerOf(ctx).Actor}
	for _, a := range parsed {
		say.Attachments = append(say.Attachments, thread.Attachment{FileID: a.FileID})
	}
	stream, err := c.change(ctx, row, in.IfMatch, say)
	if err != nil {
		return nil, row, err
	}
	answer := &storedMessageAnswer{ETag: etag(stream.Version()), EventPosition: positionOf(stream)}
	for _, m := range projections.MessagesOf(stream.Events) {
		if m.ID == say.MessageID {
			shown, err := c.renderMessages(ctx, []projections.MessageRow{m})
			if err != nil {
				return nil, row, err
			}
			answer.Body.Message = shown[0]
		}
	}
	return answer, row, nil
}

func (c chat) listMessages(ctx context.Context, in *struct {
	ThreadPath
	After int `query:"after" minimum:"0" doc:"Messages after this version of the conversation."`
	Limit int `query:"limit" minimum:"1" maximum:"200" default:"100"`
},
) (*struct{ Body MessageList }, error) {
	row, err := c.findThread(ctx, in.ThreadPath)
	if err != nil {
		return nil, err
	}
	rows, err := c.Messages.List(ctx, row.Org, row.ID, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	shown, err := c.renderMessages(ctx, rows)
	if err != nil {
		return nil, err
	}
	return &struct{ Body MessageList }{MessageList{Messages: shown, Total: row.Messages, ThreadID: row.ID}}, nil
}
