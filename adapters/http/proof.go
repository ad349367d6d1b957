package http

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	nethttp "net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

// verifyTime is how long it may take to verify an organization's events.
const verifyTime = 10 * time.Minute

func (s *Server) proofRoutes() {
	schemas := s.OpenAPI().Components.Schemas
	register(s, op("audit-verify", nethttp.MethodGet, "/api/v1/audit/verify", "Is the organization's log what was signed", tagAudit,
		described("Recomputes the hash of every event of the organization, and compares each with the signed log. That may take minutes; only one "+
			"such request runs at a time."), within(verifyTime)), s.auditVerify)
	register(s, op("audit-head", nethttp.MethodGet, "/api/v1/audit/head", "The last signed head of the log", tagAudit,
		described("Keep it: whoever has it can tell later whether anything before it was changed."), errs(404)), s.auditHead)
	register(s, op("audit-key", nethttp.MethodGet, "/api/v1/audit/key", "The public key that heads are signed with", tagAudit, public), s.auditKey)
	register(s, op("ticket-proof", nethttp.MethodGet, "/api/v1/audit/tickets/{ticket_id}/proof", "Proof that a ticket's events are in the signed log", tagAudit,
		errs(404, 409)), s.ticketProof)
	register(s, op("ticket-events", nethttp.MethodGet, "/api/v1/audit/tickets/{ticket_id}/events", "A ticket's events byte for byte", tagAudit,
		described("One a line, in the form of an export; what people wrote is sealed."), errs(404), answersAs(map[string]*huma.MediaType{
			ndjson: {Schema: schemas.Schema(reflect.TypeFor[SealedEvent](), true, "SealedEvent")},
		})), s.ticketEvents)
}

// SignedHead is a signed head of the log, with the key to check it.
type SignedHead struct {
	Head string `json:"head" doc:"A signed note: what was signed, an empty line, and the signature."`
	HeadKey
}

// HeadKey is the public key that signed heads are checked with.
type HeadKey struct {
	PublicKey string `json:"public_key" doc:"As signed notes name keys."`
	PEM       string `json:"pem" doc:"The same key as openssl reads it."`
}

func headKey(k eventstore.HeadKey) HeadKey { return HeadKey{PublicKey: k.String(), PEM: k.PEM()} }

// auditor refuses whoever may not read the audit log.
func auditor(ctx context.Context) (domain.Caller, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ReadAudit) {
		return caller, domain.ErrForbidden
	}
	return caller, nil
}

func (s *Server) auditVerify(ctx context.Context, _ *struct{}) (*struct{ Body eventstore.Report }, error) {
	caller, err := auditor(ctx)
	if err != nil {
		return nil, err
	}
	if !s.verifying.TryLock() {
		p := newProblem(ctx, nethttp.StatusTooManyRequests, "verifying", "The log is being verified; one such request runs at a time.")
		p.retryAfter = "10"
		return nil, p
	}
	defer s.verifying.Unlock()
	report, err := s.SignedLog.Verify(ctx, eventstore.Verifying{Org: caller.Org.UUID})
	if err != nil {
		return nil, err
	}
	return &struct{ Body eventstore.Report }{report}, nil
}

func (s *Server) auditHead(ctx context.Context, _ *struct{}) (*struct{ Body SignedHead }, error) {
	if _, err := auditor(ctx); err != nil {
		return nil, err
	}
	head, err := s.SignedLog.Latest(ctx)
	if err != nil {
		return nil, proofProblem(ctx, err)
	}
	return &struct{ Body SignedHead }{SignedHead{Head: head.Note, HeadKey: headKey(s.SignedLog.Signer.HeadKey)}}, nil
}

// proofProblem answers what a signed log may refuse.
func proofProblem(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, eventstore.ErrNothingSigned):
		return newProblem(ctx, nethttp.StatusNotFound, "nothing_signed", "Nothing has been signed yet.")
	case errors.Is(err, eventstore.ErrNoEvents):
		return projections.ErrNoTicket
	case errors.Is(err, eventstore.ErrSignedLog):
		return newProblem(ctx, nethttp.StatusConflict, "signed_log_broken", "The signed log does not hold; /api/v1/audit/verify tells what was done to it.")
	}
	return err
}

func (s *Server) auditKey(context.Context, *struct{}) (*struct{ Body HeadKey }, error) {
	return &struct{ Body HeadKey }{headKey(s.SignedLog.Signer.HeadKey)}, nil
}

// TicketProof proves that a ticket's last event, and through its chain all earlier ones, are in the signed log.
type TicketProof struct {
	Ticket ProvenTicket `json:"ticket"`
	Event  ProvenEvent  `json:"event"`
	Entry  string       `json:"entry" doc:"What is hashed into the tree, with its line's end: position, organization, stream, version, hash."`
	Index  int64        `json:"index" doc:"Of the entry in the tree, from 0."`
	Size   int64        `json:"size" doc:"Of the tree that was signed."`
	Path   []string     `json:"path" doc:"The hashes beside the way from the entry up to the root, in base64."`
	SignedHead
}

// ProvenTicket is the ticket that a proof is about.
type ProvenTicket struct {
	ID     uuid.UUID `json:"id" format:"uuid"`
	Number int64     `json:"number"`
}

// ProvenEvent is the ticket's last event.
type ProvenEvent struct {
	Position int64  `json:"position"`
	Version  int    `json:"version"`
	Hash     string `json:"hash"`
}

// NewTicketProof answers the proof in the form that routes and commands give it.
func NewTicketProof(id ticket.ID, number int64, p eventstore.Inclusion, key eventstore.HeadKey) TicketProof {
	proof := TicketProof{
		Ticket: ProvenTicket{ID: id.UUID, Number: number},
		Event:  ProvenEvent{Position: p.Leaf.Position, Version: p.Leaf.Version, Hash: p.Leaf.Hash.String()},
		Entry:  p.Leaf.Line(), Index: p.Index, Size: p.Head.Size, Path: []string{},
		SignedHead: SignedHead{Head: p.Head.Note, HeadKey: headKey(key)},
	}
	for _, h := range p.Path {
		proof.Path = append(proof.Path, base64.StdEncoding.EncodeToString(h[:]))
	}
	return proof
}

// auditedTicket answers the ticket that an id or a number names, to an auditor. One that was deleted is found too: it is
// gone from the lists, and not from the log.
func (s *Server) auditedTicket(ctx context.Context, in TicketID) (caller domain.Caller, row projections.TicketRow, err error) {
	if caller, err = auditor(ctx); err != nil {
		return caller, row, err
	}
	row, err = s.TicketRows.FindEver(ctx, caller, in.Ref)
	return caller, row, err
}

func (s *Server) ticketProof(ctx context.Context, in *struct{ TicketID }) (*struct{ Body TicketProof }, error) {
	caller, row, err := s.auditedTicket(ctx, in.TicketID)
	if err != nil {
		return nil, err
	}
	p, err := s.SignedLog.Prove(ctx, caller.Org.UUID, row.ID.UUID)
	if err != nil {
		return nil, proofProblem(ctx, err)
	}
	return &struct{ Body TicketProof }{NewTicketProof(row.ID, row.Number, p, s.SignedLog.Signer.HeadKey)}, nil
}

// SealedEvent is a line of a ticket's events.
type SealedEvent struct {
	Event eventstore.ExportedEvent `json:"event"`
}

type sealedEvents struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Body        func(huma.Context)
}

func (s *Server) ticketEvents(ctx context.Context, in *struct{ TicketID }) (*sealedEvents, error) {
	caller, row, err := s.auditedTicket(ctx, in.TicketID)
	if err != nil {
		return nil, err
	}
	return &sealedEvents{ContentType: ndjson, Body: func(c huma.Context) { //nolint:contextcheck // what is written outlives the request's bound
		ctx := context.WithoutCancel(c.Context())
		if err := s.writeSealed(ctx, c, caller.Org, row.ID); err != nil {
			s.Logger.WarnContext(ctx, "the events of a ticket were cut off", "cause", err, "request_id", requestID(ctx))
			panic(nethttp.ErrAbortHandler) // the client must see that they are not whole
		}
	}}, nil
}

// writeSealed writes a ticket's events, a page of them at a time.
func (s *Server) writeSealed(ctx context.Context, c huma.Context, org domain.OrgID, id ticket.ID) error {
	w := bufio.NewWriterSize(c.BodyWriter(), 64<<10)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	connection, done := s.stream(c)
	defer done()
	written := 0
	err := s.SignedLog.Stream(ctx, org.UUID, id.UUID, func(r eventstore.Raw) error {
		if written%streamPage == 0 {
			if err := s.nextPage(connection); err != nil {
				return err
			}
		}
		written++
		return lines.Encode(SealedEvent{r.Exported()})
	})
	if err != nil && written == 0 && !errors.Is(err, errEnding) { // nothing has been said yet
		s.refuse(c, proofProblem(ctx, err)) //nolint:contextcheck // it takes that of c
		return nil
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = connection.SetWriteDeadline(time.Time{}) // the connection lives on
	}
	return err
}
