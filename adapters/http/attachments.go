package http

import (
	"context"
	"fmt"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/ticket"
)

// AttachmentInput is how a body refers to uploads. The lists are checked by hand, because the contract answers every
// attachment problem with 400 and a sentence of its own, where a schema would answer 422.
type AttachmentInput struct {
	Attachments []any `json:"attachments,omitempty" doc:"References to uploads: [{\"file_id\":\"<uuid>\"}]." example:"[]"`
	FileIDs     []any `json:"file_ids,omitempty" doc:"The same as a list of ids, as old clients send it." deprecated:"true" example:"[]"`
}

func (in AttachmentInput) parse(ctx context.Context) ([]ticket.Attachment, error) {
	var attachments []ticket.Attachment
	add := func(value any) error {
		text, isText := value.(string)
		id, err := uuid.Parse(text)
		if !isText || err != nil || len(text) != 36 {
			return attachmentProblem(ctx, "attachment_id_invalid", fmt.Sprintf("Invalid file_id format: %.60v", value))
		}
		attachments = append(attachments, ticket.Attachment{FileID: domain.FileID{UUID: id}})
		return nil
	}
	for _, entry := range in.Attachments {
		object, _ := entry.(map[string]any)
		id, given := object["file_id"]
		if !given {
			return nil, attachmentProblem(ctx, "attachment_without_id", "Each attachment must have 'file_id' field")
		}
		if err := add(id); err != nil {
			return nil, err
		}
	}
	for _, id := range in.FileIDs {
		if err := add(id); err != nil {
			return nil, err
		}
	}
	return attachments, nil
}

func attachmentProblem(ctx context.Context, code, detail string) error {
	return newProblem(ctx, nethttp.StatusBadRequest, code, detail, ProblemField{Location: "body.attachments", Message: detail})
}
