package main

import (
	"context"
	"strings"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/user"
	"ticketd/projections"
)

// roles tells what members are now.
type roles struct{ users *projections.Users }

// Role implements commands.Roles.
func (r roles) Role(ctx context.Context, org domain.OrgID, id domain.UserID) (domain.Role, bool, error) {
	account, err := r.users.Account(ctx, org, id)
	if err != nil {
		return "", false, err
	}
	return account.Role, account.Status == user.StatusActive, nil
}

// fileTexts tells what was read from uploads.
type fileTexts struct{ files *files }

// Texts implements commands.FileTexts.
func (f fileTexts) Texts(ctx context.Context, org domain.OrgID, by domain.Actor, ids []domain.FileID) ([]commands.FileText, error) {
	var texts []commands.FileText
	var refs []file.ReadingRef
	var rows []projections.FileRow
	for _, id := range ids {
		row, err := f.files.rows.FindVisible(ctx, domain.Caller{Org: org, Actor: by}, id)
		if domain.KindOf(err) == domain.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
		for _, s := range row.Stages {
			refs = append(refs, s.Reading)
		}
	}
	readings, err := f.files.readings.Find(ctx, org, refs...)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		text := commands.FileText{ID: row.ID, Filename: row.Filename, Status: string(row.ProcessingStatus)}
		var parts []string
		for _, s := range row.Stages {
			if read := strings.TrimSpace(readings[s.Reading.ID].Text); read != "" {
				parts = append(parts, read)
			}
			if s.Reason != "" {
				text.Status = s.Reason
			}
		}
		text.Text = strings.Join(parts, "\n\n")
		texts = append(texts, text)
	}
	return texts, nil
}
