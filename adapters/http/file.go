package http

import (
	"context"
	nethttp "net/http"
	"strings"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) fileRoutes() {
	s.uploadRoute()
	register(s, op("list-files", nethttp.MethodGet, "/api/v1/files", "List uploads, newest first", tagFiles,
		described("Your own, and those that tickets you may see refer to."), errs(404)), s.listFiles)
	register(s, op("get-file", nethttp.MethodGet, "/api/v1/files/{file_id}", "Get an upload and what was read from it", tagFiles, errs(404)), s.getFile)
	register(s, op("get-file-processing-status", nethttp.MethodGet, "/api/v1/files/{file_id}/processing-status", "How far the processing of an upload is", tagFiles, errs(404)), s.getFileStatus)
	register(s, op("reprocess-file", nethttp.MethodPost, "/api/v1/files/{file_id}/reprocess", "Read an upload again", tagFiles, status202, errs(404, 409, 412)), s.reprocessFile)
	register(s, op("delete-file", nethttp.MethodDelete, "/api/v1/files/{file_id}", "Delete an upload; references to it stay", tagFiles,
		described("Its bytes, and what was read from it, go. Tickets that refer to it go on to do so, and show that it is deleted."), errs(404, 409, 412)), s.deleteFile)
	s.contentRoutes()
}

// FileID is the path parameter of every file route.
type FileID struct {
	ID uuid.UUID `path:"file_id" format:"uuid"`
}

// FileAnswer is one upload, without what was read from it.
type FileAnswer struct {
	ETag          string   `header:"ETag"`
	EventPosition Position `header:"X-Event-Position"`
	Body          File
}

// findFile answers an upload if the caller may see it.
func (s *Server) findFile(ctx context.Context, in FileID) (projections.FileRow, error) {
	return s.FileRows.FindVisible(ctx, callerOf(ctx), domain.FileID{UUID: in.ID})
}

type listFilesInput struct {
	Limit    int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Offset   int    `query:"offset" minimum:"0" maximum:"100000"`
	Skip     int    `query:"skip" minimum:"0" maximum:"100000" doc:"The same as offset."`
	Category string `query:"file_category" enum:"document,image,audio,video,spreadsheet,presentation,archive,text,code,other"`
	Status   string `query:"status" enum:"uploaded,processing,processed,failed,quarantined"`
	Ticket   string `query:"ticket_id" maxLength:"64" doc:"Those that a ticket or its comments refer to: its id, or its number."`
}

// FileList is a page of uploads.
type FileList struct {
	Files []File `json:"files"`
	Total int    `json:"total"`
	Skip  int    `json:"skip"`
	Limit int    `json:"limit"`
}

func (s *Server) listFiles(ctx context.Context, in *listFilesInput) (*struct{ Body FileList }, error) {
	q := projections.FilesQuery{Category: file.Category(in.Category), Status: projections.FileStatus(in.Status), Limit: in.Limit, Offset: max(in.Offset, in.Skip)}
	if in.Ticket != "" {
		row, err := s.findTicket(ctx, TicketID{Ref: in.Ticket})
		if err != nil {
			return nil, err
		}
		q.Ticket = row.ID.UUID
	}
	rows, total, err := s.FileRows.List(ctx, callerOf(ctx), q)
	if err != nil {
		return nil, err
	}
	shown, err := s.renderFiles(ctx, rows...)
	if err != nil {
		return nil, err
	}
	return &struct{ Body FileList }{FileList{Files: shown, Total: total, Skip: q.Offset, Limit: q.Limit}}, nil
}

type fileDetailsAnswer struct {
	ETag string `header:"ETag"`
	Body FileDetails
}

func (s *Server) getFile(ctx context.Context, in *FileID) (*fileDetailsAnswer, error) {
	row, err := s.findFile(ctx, *in)
	if err != nil {
		return nil, err
	}
	shown, err := s.detailsOf(ctx, row)
	if err != nil {
		return nil, err
	}
	return &fileDetailsAnswer{ETag: etag(row.Version), Body: shown}, nil
}

// detailsOf answers an upload with what was read from it.
func (s *Server) detailsOf(ctx context.Context, row projections.FileRow) (shown FileDetails, err error) {
	listed, err := s.renderFiles(ctx, row)
	if err != nil {
		return shown, err
	}
	refs := make([]file.ReadingRef, len(row.Stages))
	for i, stage := range row.Stages {
		refs[i] = stage.Reading
	}
	readings, err := s.Readings.Find(ctx, row.Org, refs...)
	if err != nil {
		return shown, err
	}
	people, err := s.People.Names(ctx, row.Org, []domain.UserID{row.UploadedBy})
	if err != nil {
		return shown, err
	}
	attached, err := s.TicketFiles.VisibleOf(ctx, callerOf(ctx), row.ID)
	if err != nil {
		return shown, err
	}
	return renderDetails(listed[0], row, readings, people, attached), nil
}

// FileProcessing is how far the processing of an upload is.
type FileProcessing struct {
	ID               uuid.UUID   `json:"id" format:"uuid"`
	JobID            uuid.UUID   `json:"job_id" format:"uuid" doc:"The same as id."`
	Status           string      `json:"status" enum:"uploaded,processing,processed,failed,quarantined,deleted"`
	ProcessingStatus string      `json:"processing_status" enum:"queued,processing,completed,failed,skipped"`
	Progress         int         `json:"progress" doc:"Percent, of all stages."`
	Stages           []FileStage `json:"stages"`
	Error            *string     `json:"error" doc:"Why it was not read, or not wholly."`
}

type fileProcessingAnswer struct {
	ETag string `header:"ETag"`
	Body FileProcessing
}

func (s *Server) getFileStatus(ctx context.Context, in *FileID) (*fileProcessingAnswer, error) {
	row, err := s.findFile(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &fileProcessingAnswer{ETag: etag(row.Version), Body: FileProcessing{
		ID: row.ID.UUID, JobID: row.ID.UUID, Status: string(row.Status), ProcessingStatus: string(row.ProcessingStatus), Progress: row.Progress(),
		Stages: renderStages(row.Stages), Error: unlessBlank(strings.Join(troubleOf(row), " ")),
	}}, nil
}

// changeFile hands one command over. Whoever sees an upload only because a ticket refers to it is told that they may not
// change it, where the decider, who knows no tickets, would say that there is none.
func (s *Server) changeFile(ctx context.Context, in FileID, match IfMatch, needs domain.Permission, cmd file.Command) (eventstore.Stream, error) {
	row, err := s.findFile(ctx, in)
	if err != nil {
		return eventstore.Stream{}, err
	}
	if !callerOf(ctx).May(needs, row.UploadedBy) {
		return eventstore.Stream{}, domain.ErrForbidden
	}
	r, err := match.request(ctx)
	if err != nil {
		return eventstore.Stream{}, err
	}
	return s.Files.Handle(ctx, r, row.ID, cmd)
}

func (s *Server) reprocessFile(ctx context.Context, in *struct {
	FileID
	IfMatch
},
) (*FileAnswer, error) {
	stream, err := s.changeFile(ctx, in.FileID, in.IfMatch, domain.ReprocessFiles, file.Reprocess{By: callerOf(ctx).Actor})
	if err != nil {
		return nil, err
	}
	row := projections.Fold(projections.ApplyFile, stream.Events)
	shown, err := s.renderFiles(ctx, row)
	if err != nil {
		return nil, err
	}
	return &FileAnswer{ETag: etag(row.Version), EventPosition: positionOf(stream), Body: shown[0]}, nil
}

// FileDeletion says that an upload is gone, and who still refers to it.
type FileDeletion struct {
	ID              uuid.UUID   `json:"id" format:"uuid"`
	Status          string      `json:"status" enum:"deleted"`
	StillAttachedTo []uuid.UUID `json:"still_attached_to" doc:"Tickets that go on to refer to it, of those you may see; newest first."`
}

type fileDeletedAnswer struct {
	ETag          string   `header:"ETag"`
	EventPosition Position `header:"X-Event-Position"`
	Body          FileDeletion
}

func (s *Server) deleteFile(ctx context.Context, in *struct {
	FileID
	IfMatch
},
) (*fileDeletedAnswer, error) {
	stream, err := s.changeFile(ctx, in.FileID, in.IfMatch, domain.DeleteFiles, file.Delete{By: callerOf(ctx).Actor})
	if err != nil {
		return nil, err
	}
	attached, err := s.TicketFiles.VisibleOf(ctx, callerOf(ctx), domain.FileID{UUID: in.ID})
	if err != nil {
		return nil, err
	}
	return &fileDeletedAnswer{ETag: etag(stream.Version()), EventPosition: positionOf(stream), Body: FileDeletion{
		ID: in.ID, Status: string(projections.FileDeleted), StillAttachedTo: orEmpty(attached),
	}}, nil
}
