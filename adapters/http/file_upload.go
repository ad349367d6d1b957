package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	nethttp "net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

// uploadTime is how long an upload may take from its first byte to its answer.
const uploadTime = 30 * time.Minute

const uploadManual = "A multipart form with one file and, before or behind it, ticket_id (an id or a number; the file is attached to that ticket as well) and " +
	"description. The file is looked at in this order: its size (413), its type (400), malware (400), and then the ticket (404).\n\n" +
	"The same bytes again make another upload. With an Idempotency-Key they do not: a repetition with the same file, name and ticket is " +
	"answered as the first one was, with Idempotency-Replayed, and one with anything else 422.\n\n" + aliasOfUpload

// uploadRoute registers the upload. Its body is described behind huma's back, which else would read it into memory.
func (s *Server) uploadRoute() {
	const path = "/api/v1/files/upload"
	register(s, op("upload-file", nethttp.MethodPost, path, "Upload a file", tagFiles, status201, described(uploadManual), within(uploadTime), streamed, uploadBudget,
		errs(400, 404, 409, 415, 422, 503, 507)), s.uploadFile)
	o := s.OpenAPI().Paths[path].Post
	o.Responses["200"] = o.Responses["201"]
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{
		Type: huma.TypeObject, Required: []string{"file"}, Properties: map[string]*huma.Schema{
			"file":        {Type: huma.TypeString, Format: "binary", Description: "The file, with its name."},
			"ticket_id":   {Type: huma.TypeString, MaxLength: new(maxTicketRef), Description: "The id or the number of a ticket to attach it to."},
			"description": {Type: huma.TypeString, MaxLength: new(file.MaxDescription)},
		},
	}}}}
}

// uploadBudget counts an operation against the limit of uploads.
func uploadBudget(o *huma.Operation) { mark(o, uploadLimited, true) }

// maxTicketRef is how long the name of a ticket may be.
const maxTicketRef = 64

type uploadInput struct{ request *nethttp.Request }

// Resolve implements huma.Resolver: the handler reads the request's body itself.
func (in *uploadInput) Resolve(c huma.Context) []error {
	in.request = humaecho.Unwrap(c).Request()
	return nil
}

// UploadAnswer is an upload that was taken in.
type UploadAnswer struct {
	Status        int
	ETag          string   `header:"ETag"`
	Location      string   `header:"Location"`
	EventPosition Position `header:"X-Event-Position"`
	Replayed      string   `header:"Idempotency-Replayed" doc:"true when the file was uploaded before with the same Idempotency-Key."`
	Body          File
}

func (s *Server) uploadFile(ctx context.Context, in *uploadInput) (*UploadAnswer, error) {
	body, _ := in.request.Body.(*arrival) // see receive
	form, err := s.openForm(ctx, in.request)
	if err != nil {
		return nil, err
	}
	// A statement that is under way outlives the client and the program's patience: the body does not.
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), uploadTime+maxTime)
	defer cancel()
	before, err := s.uploadedBefore(patient)
	if err != nil {
		return nil, err
	}
	u := upload{Server: s, id: domain.FileID{UUID: newID(ctx)}, announced: max(0, in.request.ContentLength)}
	defer u.close()
	stream, err := u.take(patient, form)
	if err != nil {
		return nil, s.uploadProblem(ctx, body, err)
	}
	return answerUpload(ctx, stream, before > 0), nil
}

// uploadedBefore answers the version at which an upload with the request's Idempotency-Key was taken in; 0 when none was.
func (s *Server) uploadedBefore(ctx context.Context) (version int, err error) {
	id, reserved := ctx.Value(reservedIDKey).(uuid.UUID)
	if !reserved {
		return 0, nil
	}
	stream, err := s.Log.Load(ctx, callerOf(ctx).Org.UUID, id)
	return whenUploaded(stream), err
}

// whenUploaded answers the version at which an upload was taken in.
func whenUploaded(stream eventstore.Stream) int {
	for _, r := range stream.Events {
		if _, uploaded := r.Event.(file.Uploaded); uploaded {
			return r.Version
		}
	}
	return 0
}

// answerUpload shows an upload as it was when it was taken in, however far its processing is: so a repetition is answered
// as the first time.
func answerUpload(ctx context.Context, stream eventstore.Stream, replayed bool) *UploadAnswer {
	stream = stream.Upto(whenUploaded(stream))
	row := projections.Fold(projections.ApplyFile, stream.Events)
	answer := &UploadAnswer{
		Status: createdStatus(ctx), ETag: etag(row.Version), Location: "/api/v1/files/" + row.ID.String(), EventPosition: positionOf(stream), Body: renderFile(row),
	}
	if row.Ticket == uuid.Nil { // see aliasOfUpload
		answer.Status = nethttp.StatusOK
	}
	if replayed {
		answer.Replayed = "true"
	}
	return answer
}

// errForm refuses a body that is no form.
var errForm = &domain.Error{Kind: domain.BadReference, Code: "form_invalid", Message: "The request body is not a multipart form that can be read."}

// openForm refuses at once what is no form, and what is far too long.
func (s *Server) openForm(ctx context.Context, r *nethttp.Request) (*multipart.Reader, error) {
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case media != "multipart/form-data":
		return nil, newProblem(ctx, nethttp.StatusUnsupportedMediaType, "", "An upload is a multipart/form-data body.")
	case err != nil || parameters["boundary"] == "":
		return nil, errForm
	case r.ContentLength > s.config.MaxUpload+formRoom:
		return nil, s.tooLarge()
	}
	return multipart.NewReader(r.Body, parameters["boundary"]), nil
}

func (s *Server) tooLarge() error {
	return commands.ErrTooLarge.With(fmt.Sprintf("The file is larger than %d MB.", s.config.MaxUpload>>20))
}

// uploadProblem answers why an upload was not taken in. What happened to the body says more than what became of it.
func (s *Server) uploadProblem(ctx context.Context, body *arrival, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(body.err, os.ErrDeadlineExceeded):
		return bodyProblem(ctx, body.err)
	case errors.Is(body.err, errTooMuch):
		return s.tooLarge()
	case errors.Is(err, file.ErrExists): // only an Idempotency-Key leads to an upload that is there
		return keyReused(ctx)
	}
	return err
}

// upload is a form that is read part by part.
type upload struct {
	*Server
	id        domain.FileID
	announced int64 // bytes
	incoming  *commands.Incoming
	details   commands.Details
}

func (u *upload) close() {
	if u.incoming != nil {
		_ = u.incoming.Close() // a file that stays behind is swept
	}
}

// take reads the form to its end and has what came decided on.
func (u *upload) take(ctx context.Context, form *multipart.Reader) (eventstore.Stream, error) {
	err := u.parts(ctx, form)
	switch {
	case err == nil && u.incoming == nil:
		return eventstore.Stream{}, formProblem("file", "The form has no file in it.")
	case err == nil:
		return u.Uploads.Finish(ctx, request(ctx), u.incoming, u.details)
	case u.incoming != nil:
		err = u.Uploads.Refuse(ctx, request(ctx), u.incoming, err)
	}
	return eventstore.Stream{}, err
}

func formProblem(field, message string) error {
	e := file.ErrInvalid.With(message)
	e.Field = field
	return e
}

func (u *upload) parts(ctx context.Context, form *multipart.Reader) error {
	for {
		part, err := form.NextPart()
		if err == io.EOF { // a wrapped one is a form that was cut off
			return nil
		}
		if err != nil {
			return errForm
		}
		if err := u.part(ctx, part); err != nil {
			return err
		}
	}
}

func (u *upload) part(ctx context.Context, part *multipart.Part) (err error) {
	switch name := part.FormName(); name {
	case "file":
		return u.file(ctx, part)
	case "ticket_id":
		ref, err := formText(part, name, maxTicketRef)
		if err == nil && ref != "" {
			u.details.Ticket = func(ctx context.Context) (ticket.ID, error) {
				row, err := u.findTicket(ctx, TicketID{Ref: ref})
				return row.ID, err
			}
		}
		return err
	case "description":
		u.details.Description, err = formText(part, name, file.MaxDescription)
	}
	return err // what else there may be is passed over
}

// file takes the bytes in as they come.
func (u *upload) file(ctx context.Context, part *multipart.Part) (err error) {
	if u.incoming != nil {
		return formProblem("file", "The form has more than one file in it; upload them one by one.")
	}
	media, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	if err == nil {
		u.details.Declared = media
	}
	u.incoming, err = u.Uploads.Begin(ctx, request(ctx), u.id, baseName(part.FileName()), u.announced, part)
	return err
}

// baseName is the last part of a path of whatever system. Browsers of old sent whole paths.
func baseName(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// formText reads a field of a form that has at most so many characters.
func formText(part *multipart.Part, name string, most int) (string, error) {
	text, err := io.ReadAll(io.LimitReader(part, int64(most*utf8.UTFMax)+1))
	if err != nil {
		return "", errForm
	}
	if utf8.RuneCount(text) > most {
		return "", formProblem(name, fmt.Sprintf("%s must be text of at most %d characters.", name, most))
	}
	return string(text), nil
}
