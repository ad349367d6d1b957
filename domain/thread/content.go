package thread

import (
	"fmt"
	"strings"

	"ticketd/domain"
)

// Limits on what a thread may hold, in characters and in numbers.
const (
	MaxTitle       = 500
	MaxContent     = 50_000
	MaxReply       = 200_000
	MaxAttachments = 50
	MaxMetadata    = 100 // fields

	// MaxMessages is how many messages and replies there may be when another message is added. Whoever adds one reads all
	// that were said before, which takes 8 ms for so many, and more for more.
	MaxMessages = 500
)

// validate answers ErrInvalid with the field at fault.
func (c AddMessage) validate() error {
	if err := domain.CheckText(ErrInvalid, "content", c.Content, 1, MaxContent); err != nil {
		return err
	}
	if n := len(c.Attachments); n > MaxAttachments {
		return ErrTooManyFiles.With(fmt.Sprintf("attachments holds %d entries; %d is the most.", n, MaxAttachments))
	}
	if n := len(c.Metadata); n > MaxMetadata {
		return ErrInvalid.On("message_metadata", fmt.Sprintf("message_metadata holds %d entries; %d is the most.", n, MaxMetadata))
	}
	if why := domain.Unstorable(c.Metadata); why != "" {
		return ErrInvalid.On("message_metadata", fmt.Sprintf("message_metadata %s.", why))
	}
	return nil
}

// checkTitle trims a title and answers ErrInvalid if it cannot be one.
func checkTitle(typed string) (string, error) {
	title := strings.TrimSpace(typed)
	return title, domain.CheckText(ErrInvalid, "title", title, 0, MaxTitle)
}
