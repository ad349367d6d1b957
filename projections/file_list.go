package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain"
	"ticketd/domain/file"
)

// visibleFile is the rule of who sees an upload f: $1 is the organization and $2 the only person whose own it may be, NULL
// for those who see all. Its uploader does, and whoever sees a ticket that refers to it where everybody may read.
const visibleFile = `f.org_id = $1 AND ($2::uuid IS NULL OR f.uploaded_by = $2 OR EXISTS (
	SELECT FROM ticket_files a JOIN tickets t ON t.id = a.ticket_id
	WHERE a.org_id = $1 AND a.file_id = f.id AND NOT a.internal AND NOT t.deleted AND (t.created_by = $2 OR t.assignee = $2)))`

// onlyOwn answers the second parameter of visibleFile.
func onlyOwn(by domain.Actor) *[16]byte {
	if by.Type == domain.BySystem || domain.ScopeOf(by.Role, domain.ReadFiles) == domain.All {
		return nil
	}
	return (*[16]byte)(&by.User.UUID)
}

// FindVisible answers one upload. file.ErrNotFound when there is none that the caller may see.
func (f *Files) FindVisible(ctx context.Context, caller domain.Caller, id domain.FileID) (FileRow, error) {
	rows, err := f.pool.Query(ctx, `SELECT `+fileColumns+` FROM files f WHERE `+visibleFile+` AND f.id = $3 AND NOT f.deleted`,
		[16]byte(caller.Org.UUID), onlyOwn(caller.Actor), [16]byte(id.UUID))
	if err != nil {
		return FileRow{}, fmt.Errorf("find file: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, scanFile)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !caller.Can(domain.ReadFiles) {
		return FileRow{}, file.ErrNotFound
	}
	if err != nil {
		return FileRow{}, fmt.Errorf("find file: %w", err)
	}
	return row, nil
}

// Missing answers those ids that the actor cannot refer to: unknown, another organization's, deleted, quarantined, or such
// as the actor may not see. It is one query for all.
func (f *Files) Missing(ctx context.Context, org domain.OrgID, by domain.Actor, ids []domain.FileID) ([]domain.FileID, error) {
	wanted := make([][16]byte, len(ids))
	for i, id := range ids {
		wanted[i] = id.UUID
	}
	rows, err := f.pool.Query(ctx, `
		SELECT w.id FROM unnest($3::uuid[]) WITH ORDINALITY AS w (id, place)
		WHERE NOT EXISTS (SELECT FROM files f WHERE f.id = w.id AND NOT f.deleted AND f.status <> 'quarantined' AND `+visibleFile+`)
		ORDER BY w.place`, [16]byte(org.UUID), onlyOwn(by), wanted)
	if err != nil {
		return nil, fmt.Errorf("look for files: %w", err)
	}
	missing, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id domain.FileID, err error) {
		return id, row.Scan((*[16]byte)(&id.UUID))
	})
	if err != nil {
		return nil, fmt.Errorf("look for files: %w", err)
	}
	return missing, nil
}

// FilesQuery selects uploads. Zero fields do not restrict.
type FilesQuery struct {
	Category   file.Category
	Status     FileStatus
	Ticket     uuid.UUID     // that refers to them
	UploadedBy domain.UserID // whose they are
	After      *FileCursor   // the list goes on behind it
	Limit      int
	Offset     int
}

// FileCursor is an upload's place in a list, newest first.
type FileCursor struct {
	CreatedAt time.Time
	ID        domain.FileID
}

// List answers uploads that the caller may see, the newest first, and how many there are in all, behind After.
func (f *Files) List(ctx context.Context, caller domain.Caller, q FilesQuery) (page []FileRow, total int, err error) {
	where := []string{visibleFile, `NOT f.deleted`}
	args := []any{[16]byte(caller.Org.UUID), onlyOwn(caller.Actor)}
	restrict := func(sql string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(sql, len(args)))
	}
	if q.Category != "" {
		restrict(`f.category = $%d`, string(q.Category))
	}
	if q.Status != "" {
		restrict(`f.status = $%d`, string(q.Status))
	}
	if q.UploadedBy != (domain.UserID{}) {
		restrict(`f.uploaded_by = $%d`, [16]byte(q.UploadedBy.UUID))
	}
	if q.Ticket != uuid.Nil {
		restrict(`f.id IN (SELECT a.file_id FROM ticket_files a WHERE a.org_id = $1 AND a.ticket_id = $%d AND ($2::uuid IS NULL OR NOT a.internal))`, [16]byte(q.Ticket))
	}
	if q.After != nil {
		args = append(args, q.After.CreatedAt, [16]byte(q.After.ID.UUID))
		where = append(where, fmt.Sprintf(`(f.created_at, f.id) < ($%d, $%d)`, len(args)-1, len(args)))
	}
	condition := strings.Join(where, " AND ")
	b := &pgx.Batch{}
	b.Queue(`SELECT count(*) FROM files f WHERE `+condition, args...).QueryRow(func(row pgx.Row) error { return row.Scan(&total) })
	b.Queue(fmt.Sprintf(`SELECT %s FROM files f WHERE %s ORDER BY f.created_at DESC, f.id DESC LIMIT %d OFFSET %d`, fileColumns, condition, q.Limit, q.Offset), args...).
		Query(func(rows pgx.Rows) error {
			page, err = pgx.CollectRows(rows, scanFile)
			return err
		})
	if err := f.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, 0, fmt.Errorf("list files: %w", err)
	}
	return page, total, nil
}

// Named answers the uploads with these ids, deleted ones too, for those who refer to them.
func (f *Files) Named(ctx context.Context, org domain.OrgID, ids []domain.FileID) (map[domain.FileID]FileRow, error) {
	found := map[domain.FileID]FileRow{}
	if len(ids) == 0 {
		return found, nil
	}
	wanted := make([][16]byte, len(ids))
	for i, id := range ids {
		wanted[i] = id.UUID
	}
	rows, err := f.pool.Query(ctx, `SELECT `+fileColumns+` FROM files WHERE org_id = $1 AND id = ANY($2)`, [16]byte(org.UUID), wanted)
	if err != nil {
		return nil, fmt.Errorf("find files: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanFile)
	if err != nil {
		return nil, fmt.Errorf("find files: %w", err)
	}
	for _, row := range list {
		found[row.ID] = row
	}
	return found, nil
}

// UnfinishedFile is an upload that has not been read to its end.
type UnfinishedFile struct {
	Org      domain.OrgID
	ID       domain.FileID
	Category file.Category
	Run      int
}

// Unfinished answers the uploads of all organizations that have not been read to their end, for whoever looks that each
// has a job.
func (f *Files) Unfinished(ctx context.Context) ([]UnfinishedFile, error) {
	rows, err := f.pool.Query(ctx, `
		SELECT org_id, id, category, run FROM files WHERE NOT deleted AND processing_status IN ('queued', 'processing') ORDER BY created_at`)
	if err != nil {
		return nil, fmt.Errorf("find unfinished files: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u UnfinishedFile, err error) {
		return u, row.Scan((*[16]byte)(&u.Org.UUID), (*[16]byte)(&u.ID.UUID), &u.Category, &u.Run)
	})
	if err != nil {
		return nil, fmt.Errorf("find unfinished files: %w", err)
	}
	return list, nil
}
