package projections

import (
	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/eventstore"
)

// The data of the chat notices. Their names and fields are the wire contract's.
type (
	// MessageNotice is the data of message_added.
	MessageNotice struct {
		ThreadID    uuid.UUID           `json:"thread_id"`
		MessageID   uuid.UUID           `json:"message_id"`
		Role        thread.Role         `json:"role"`
		Content     string              `json:"content"`
		Truncated   bool                `json:"truncated"` // there is more of it than the notice holds
		Attachments []thread.Attachment `json:"attachments"`
		Timestamp   string              `json:"timestamp"`
	}

	// ReplyNotice is the data of reply_completed. message_id names the message that is answered, as in reply_failed.
	ReplyNotice struct {
		ThreadID  uuid.UUID `json:"thread_id"`
		MessageID uuid.UUID `json:"message_id"`
		ReplyID   uuid.UUID `json:"reply_id"`
		RunID     uuid.UUID `json:"run_id"`
		Content   string    `json:"content"`
		Truncated bool      `json:"truncated"` // there is more of it than the notice holds
		Timestamp string    `json:"timestamp"`
	}

	// ReplyFailedNotice is the data of reply_failed.
	ReplyFailedNotice struct {
		ThreadID  uuid.UUID `json:"thread_id"`
		MessageID uuid.UUID `json:"message_id"`
		RunID     uuid.UUID `json:"run_id"`
		Error     string    `json:"error"`  // a code
		Reason    string    `json:"reason"` // a sentence
		Timestamp string    `json:"timestamp"`
	}

	// ThreadUpdatedNotice is the data of thread_updated. Changed names what is different now.
	ThreadUpdatedNotice struct {
		ThreadID  uuid.UUID `json:"thread_id"`
		Changed   []string  `json:"changed"`
		Title     *string   `json:"title,omitempty"` // the new one
		Version   int       `json:"version"`
		Deleted   bool      `json:"deleted,omitempty"`
		Timestamp string    `json:"timestamp"`
	}
)

// aboutThread says what happened in a thread, to those who may read it; false when nobody is told.
func (n Notice) aboutThread(event thread.Event, r eventstore.Recorded, creator domain.UserID) (Notice, bool) {
	n.Protocol, n.Needs, n.Owners = "chat", domain.ReadThreads, []domain.UserID{creator}
	at := r.At.Format(Millis)
	changed := func(title *string, fields ...string) {
		n.Type, n.Data = "thread_updated", ThreadUpdatedNotice{ThreadID: r.Stream, Changed: fields, Title: title, Version: r.Version, Timestamp: at}
	}
	switch e := event.(type) {
	case thread.Started: // whoever started it knows
		return n, false
	case thread.Renamed:
		changed(&e.Title, "title")
	case thread.MessageAdded:
		content, truncated := shortened(e.Content)
		n.Type, n.Data = "message_added", MessageNotice{
			ThreadID: r.Stream, MessageID: e.MessageID, Role: e.Role, Content: content, Truncated: truncated,
			Attachments: append([]thread.Attachment{}, e.Attachments...), Timestamp: at,
		}
	case thread.Replied:
		content, truncated := shortened(e.Content)
		n.Type, n.Data = "reply_completed", ReplyNotice{
			ThreadID: r.Stream, MessageID: e.InReplyTo, ReplyID: e.MessageID, RunID: e.Run, Content: content, Truncated: truncated, Timestamp: at,
		}
	case thread.ReplyFailed:
		n.Type, n.Data = "reply_failed", ReplyFailedNotice{ThreadID: r.Stream, MessageID: e.InReplyTo, RunID: e.Run, Error: e.Code, Reason: e.Reason(), Timestamp: at}
	case thread.WordsErased:
		changed(nil, "title", "messages")
	case thread.Deleted:
		n.Type, n.Data = "thread_updated", ThreadUpdatedNotice{ThreadID: r.Stream, Changed: []string{"deleted"}, Version: r.Version, Deleted: true, Timestamp: at}
	}
	return n, true
}

// shortened answers as much of a text as a notice tells, and whether there is more of it.
func shortened(text string) (told string, more bool) {
	characters := 0
	for i := range text {
		if characters == mostTold {
			return text[:i], true
		}
		characters++
	}
	return text, false
}
