package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ticketd/domain"
)

// AttachableFiles knows the uploads of an organization.
type AttachableFiles interface {
	// Missing answers those ids that the actor cannot refer to: unknown, another organization's, deleted, quarantined, or
	// such as the actor may not see.
	Missing(ctx context.Context, org domain.OrgID, by domain.Actor, ids []domain.FileID) ([]domain.FileID, error)
}

// ErrUnknownFiles refuses references to uploads, of tickets and of messages.
var ErrUnknownFiles = &domain.Error{Kind: domain.BadReference, Code: "unknown_files", Message: "Invalid or inaccessible files.", Field: "attachments"}

// checkFiles answers ErrUnknownFiles unless the actor may refer to every one of the uploads. It asks once for all.
func checkFiles(ctx context.Context, files AttachableFiles, org domain.OrgID, by domain.Actor, wanted []domain.FileID) error {
	if len(wanted) == 0 {
		return nil
	}
	var ids []domain.FileID
	for _, id := range wanted {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	missing, err := files.Missing(ctx, org, by, ids)
	if err != nil {
		return fmt.Errorf("look up files: %w", err)
	}
	if len(missing) == 0 {
		return nil
	}
	names := make([]string, len(missing))
	for i, id := range missing {
		names[i] = id.String()
	}
	return ErrUnknownFiles.With(fmt.Sprintf("Invalid or inaccessible files: {%s}", strings.Join(names, ", ")))
}
