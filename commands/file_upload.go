package commands

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// The refusals of bytes.
var (
	ErrTooLarge      = &domain.Error{Kind: domain.TooLarge, Code: "file_too_large", Message: "The file is too large.", Field: "file"}
	ErrInfected      = &domain.Error{Kind: domain.BadReference, Code: "file_infected", Message: "Malicious file detected", Field: "file"}
	ErrStorageFull   = &domain.Error{Kind: domain.NoSpace, Code: "storage_full", Message: "There is no room left to keep the file; nothing of it was kept."}
	ErrQuotaExceeded = &domain.Error{Kind: domain.NoSpace, Code: "quota_exceeded", Message: "Your organization has used up its storage; nothing of the file was kept. Delete files that nobody needs."}
	ErrNotScanned    = &domain.Error{Kind: domain.Unavailable, Code: "scan_unavailable", Message: "The malware scanner does not answer, and no file is taken in without it. Try again later."}
	ErrInterrupted   = &domain.Error{Kind: domain.BadReference, Code: "upload_interrupted", Message: "The upload ended before the file did.", Field: "file"}
)

// Staged are the bytes of an upload before anybody has decided on them. Close lets them go, and does no harm twice.
type Staged interface {
	io.ReaderAt
	Size() int64
	SHA256() [32]byte
	Reader() io.Reader // from the first byte, as often as it is asked for
	Close() error
}

// Blobs keeps bytes under keys.
type Blobs interface {
	// Stage takes bytes in, at most so many. Errors: ErrTooLarge, ErrStorageFull, and the reader's own. Nothing is left of
	// bytes that were not taken in.
	Stage(ctx context.Context, r io.Reader, most int64) (Staged, error)

	// Keep makes staged bytes permanent, all of them or none. ErrStorageFull when there is no room.
	Keep(ctx context.Context, key string, s Staged) error
}

// FileTypes tells what bytes are, and refuses what must not come in.
type FileTypes interface {
	Inspect(ctx context.Context, upload io.ReaderAt, size int64, name, declared string) (mimeType string, category file.Category, err error)
}

// Scanner looks for malware.
type Scanner interface {
	// Scan answers what it found, or nothing. Any error means that it could not look.
	Scan(ctx context.Context, r io.Reader) (signature string, err error)
}

// Ledger accounts for what an organization keeps.
type Ledger interface {
	// Claim says that bytes are about to be kept, so that nobody removes them for a while. ErrQuotaExceeded when the
	// organization has no room for them; bytes that it keeps already need none.
	Claim(ctx context.Context, org domain.OrgID, key string, size int64) error
}

// Uploads takes files in.
//
// # Why
//
// Nobody is told that a file was taken in before its bytes are safe and the fact is in the log, in that order: a crash in
// between leaves bytes that the sweeper finds, never a fact without its bytes. That an upload has begun is a fact of its
// own, because others watch; one that never ends leaves no row behind.
type Uploads struct {
	files   Files
	tickets Tickets
	blobs   Blobs
	types   FileTypes
	scanner Scanner // nil: there is none
	ledger  Ledger
	limits  UploadLimits
	turns   turns
}

// UploadLimits is what an operator chooses.
type UploadLimits struct {
	Size         int64 // bytes of one file
	ScanRequired bool  // refuse what cannot be scanned
}

// NewUploads ties taking in to where bytes lie and to who looks at them. scanner may be nil.
func NewUploads(f Files, t Tickets, b Blobs, types FileTypes, scanner Scanner, l Ledger, limits UploadLimits) Uploads {
	return Uploads{
		files: f, tickets: t, blobs: b, types: types, scanner: scanner, ledger: l, limits: limits,
		turns: newTurns(),
	}
}

// Incoming is an upload whose bytes have arrived. Close it.
type Incoming struct {
	Staged
	id       domain.FileID
	filename string
}

// Details is what comes with the bytes.
type Details struct {
	Declared    string // media type, as the client says
	Description string
	Ticket      func(context.Context) (ticket.ID, error) // to attach the upload to; nil: none. It is asked last.
}

// Begin takes the bytes in. Errors: ErrTooLarge, ErrStorageFull, ErrInterrupted, and the refusals of package file.
func (u Uploads) Begin(ctx context.Context, r Request, id domain.FileID, filename string, announced int64, body io.Reader) (*Incoming, error) {
	_, err := u.files.handler.Create(ctx, r, id.UUID, file.StartUpload{Filename: filename, Announced: announced, By: r.By})
	if err != nil {
		return nil, err
	}
	arriving := &arriving{Reader: body}
	staged, err := u.blobs.Stage(ctx, arriving, u.limits.Size)
	if err != nil {
		if errors.Is(err, ErrTooLarge) {
			err = ErrTooLarge.With(fmt.Sprintf("The file is larger than %d MB.", u.limits.Size>>20))
		} else if arriving.broken {
			err = ErrInterrupted
		}
		return nil, u.refused(ctx, r, id, err)
	}
	return &Incoming{Staged: staged, id: id, filename: filename}, nil
}

// arriving tells whether it was the sender who broke off, and not we who could not keep up.
type arriving struct {
	io.Reader
	broken bool
}

// Read implements io.Reader.
func (a *arriving) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	a.broken = a.broken || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// Refuse notes that what Begin has taken in came with something that makes no sense, and answers why.
func (u Uploads) Refuse(ctx context.Context, r Request, in *Incoming, why error) error {
	return u.refused(ctx, r, in.id, why)
}

// Finish decides on what Begin has taken in, keeps it, and answers the upload's stream. The order in which it looks is the
// wire contract's: the type, malware, the ticket. Errors: the refusals of FileTypes, ErrInfected, ErrNotScanned,
// ErrQuotaExceeded, ErrStorageFull, and those of packages file and ticket.
func (u Uploads) Finish(ctx context.Context, r Request, in *Incoming, d Details) (eventstore.Stream, error) {
	stream, err := u.finish(ctx, r, in, d)
	if err != nil && !errors.Is(err, ErrInfected) {
		return stream, u.refused(ctx, r, in.id, err)
	}
	return stream, err
}

func (u Uploads) finish(ctx context.Context, r Request, in *Incoming, d Details) (eventstore.Stream, error) {
	var mimeType string
	var category file.Category
	err := u.turns.take(ctx, func() (err error) {
		mimeType, category, err = u.types.Inspect(ctx, in, in.Size(), in.filename, d.Declared)
		return err
	})
	if err != nil {
		return eventstore.Stream{}, err
	}
	sum := in.SHA256()
	c := file.FinishUpload{
		Filename: in.filename, Description: d.Description, Size: in.Size(), MIMEType: mimeType, Category: category,
		ContentHash: hex.EncodeToString(sum[:]), By: r.By,
	}
	var signature string
	if c.Scan, signature, err = u.scan(ctx, in); err != nil {
		return eventstore.Stream{}, err
	}
	if signature != "" {
		return u.quarantine(ctx, r, in, c, signature)
	}
	var to ticket.ID
	if d.Ticket != nil {
		if to, err = d.Ticket(ctx); err != nil {
			return eventstore.Stream{}, err
		}
		c.Ticket = to.UUID
	}
	var stream eventstore.Stream
	err = u.turns.take(ctx, func() (err error) {
		if err = u.keep(ctx, r.Org, file.BlobKey(r.Org, c.ContentHash), in); err == nil {
			stream, err = u.append(ctx, r, in.id, c, to)
		}
		return err
	})
	return stream, err
}

// append writes that the file was uploaded and, in the same breath, that it is attached.
func (u Uploads) append(ctx context.Context, r Request, id domain.FileID, c file.FinishUpload, to ticket.ID) (eventstore.Stream, error) {
	streams, err := Together(ctx, u.files.handler.log, r, fmt.Sprintf("%T", c), func() ([]eventstore.Write, error) {
		uploaded, err := u.files.handler.Decide(ctx, r.Org, id.UUID, c)
		if err != nil || c.Ticket == (ticket.ID{}).UUID || len(uploaded.Events) == 0 { // a repetition was attached the first time
			return []eventstore.Write{uploaded}, err
		}
		attached, err := u.tickets.attaching(ctx, r, to, id)
		return []eventstore.Write{uploaded, attached}, err
	})
	if err != nil {
		return eventstore.Stream{}, err
	}
	return streams[0], nil
}

func (u Uploads) scan(ctx context.Context, in *Incoming) (result file.Scan, signature string, err error) {
	if u.scanner == nil {
		if u.limits.ScanRequired {
			return result, "", ErrNotScanned
		}
		return file.Scan{Status: file.Unscanned, Reason: "No malware scanner is configured."}, "", nil
	}
	signature, err = u.scanner.Scan(ctx, in.Reader())
	switch {
	case err == nil:
		return file.Scan{Status: file.Clean}, signature, nil
	case u.limits.ScanRequired:
		return result, "", ErrNotScanned
	}
	return file.Scan{Status: file.Unscanned, Reason: "The malware scanner did not answer."}, "", nil
}

func (u Uploads) keep(ctx context.Context, org domain.OrgID, key string, in *Incoming) error {
	if err := u.ledger.Claim(ctx, org, key, in.Size()); err != nil {
		return err
	}
	return u.blobs.Keep(ctx, key, in.Staged)
}

// quarantine keeps the bytes apart, and always answers an error.
func (u Uploads) quarantine(ctx context.Context, r Request, in *Incoming, c file.FinishUpload, signature string) (eventstore.Stream, error) {
	if err := u.keep(ctx, r.Org, file.QuarantineKey(r.Org, c.ContentHash), in); err != nil && domain.KindOf(err) != domain.NoSpace {
		return eventstore.Stream{}, err // without room the fact alone is kept
	}
	stream, err := u.files.Handle(ctx, r, in.id, file.Quarantine{
		Filename: c.Filename, Size: c.Size, MIMEType: c.MIMEType, Category: c.Category, ContentHash: c.ContentHash, Signature: signature, By: r.By,
	})
	if err != nil {
		return eventstore.Stream{}, err
	}
	return stream, ErrInfected
}

// refused notes why an upload was not taken in and answers that reason. Whoever was refused because the program cannot
// write any more is told that, and not that the note could not be written either.
func (u Uploads) refused(ctx context.Context, r Request, id domain.FileID, why error) error {
	code := "internal"
	if refusal, ok := errors.AsType[*domain.Error](why); ok {
		code = refusal.Code
	}
	if _, err := u.files.Handle(ctx, r, id, file.RefuseUpload{Code: code, By: r.By}); err != nil && domain.KindOf(why) == domain.Internal {
		return errors.Join(why, err)
	}
	return why
}
