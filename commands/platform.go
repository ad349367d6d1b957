package commands

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
)

// Platform speaks a vendor's language. It keeps nothing: what is known of an account comes with each call.
type Platform interface {
	// Open answers a connection to an account. It asks the vendor nothing.
	Open(a Account) Connection

	// Verify says whether a webhook is from the vendor, and meant for the account: its signature is checked over the bytes as
	// they came, in constant time, before anything of them is understood. Errors: ErrUnsigned, ErrOutdated.
	Verify(a Account, w Webhook) error

	// Hear answers what a webhook says that was verified. Errors: ErrNotUnderstood.
	Hear(a Account, w Webhook) (Heard, error)

	// Consent answers the address where a person lets the program act for them. ErrNoConsent where there is no such way.
	Consent(a Account, c Consent) (string, error)

	// Exchange answers the credentials that the code of a consent stands for. Errors: a *VendorError.
	Exchange(ctx context.Context, a Account, code string, c Consent) (Renewal, error)

	// Renew answers new credentials in the place of those that the vendor takes no longer, or that are about to end. A vendor
	// may end the old ones at once: nobody else may be renewing them, and the answer must be kept before it is used. Errors: a *VendorError,
	// of the kind Revoked when there is nothing to renew.
	Renew(ctx context.Context, a Account) (Renewal, error)
}

// Account is an organization's account with a vendor. Whoever has it may act there: it is never logged, stored or sent.
type Account struct {
	Org         domain.OrgID
	Integration uuid.UUID
	Platform    integration.Platform
	AuthType    integration.AuthType
	BaseURL     string            // in the place of every host of the vendor, paths stay; empty: the vendor's own
	Credentials map[string]string // the fields of integration.Platform.Credentials, and what Renew answered
	Settings    map[string]string
	Mapping     integration.Mapping // complete
}

// Names of credentials that no person gives: Renew answers them.
const (
	AccessToken  = "access_token"
	RefreshToken = "refresh_token"
)

// Connection acts in an account. Every error of its methods is a *VendorError, or the context's. No method tries anything twice.
type Connection interface {
	// Create makes a ticket there.
	Create(ctx context.Context, d Draft) (Receipt, error)

	// Update writes anew what the ticket says there, by everything in the draft but its status.
	Update(ctx context.Context, ref Ref, d Draft) error

	// SetStatus moves the ticket to a status, one of the values of the account's mapping.
	SetStatus(ctx context.Context, ref Ref, status string) error

	// Comment adds somebody's words.
	Comment(ctx context.Context, ref Ref, n Note) (Receipt, error)

	// Attach adds a file by the vendor's own way for attachments. The kind TooLarge means that a link must do.
	Attach(ctx context.Context, ref Ref, u Attachment) (Receipt, error)

	// Find settles what came of a Create, Comment or Attach whose answer was lost. false: there is none.
	Find(ctx context.Context, m Mark) (Receipt, bool, error)

	// Fetch answers the ticket as it stands there.
	Fetch(ctx context.Context, ref Ref) (Remote, error)

	// Check tries whether the account can be used as it is set up, without changing anything.
	Check(ctx context.Context) error
}

// Listener is a Connection of a vendor that sends webhooks to where a request has told it to, and in most cases for a while only.
type Listener interface {
	// Listen has the vendor send what happens in the account to the address, for as long as it is called again within half an
	// hour or so; asking twice does nothing more. Where a person has set webhooks up, or can and the credentials cannot, it does
	// nothing. An empty address is one that nobody knows. When the vendor sends nothing so far, or may have ceased to a while ago,
	// begin is called before it is told to: what changed until then is not told. Errors: ErrNoAddress, a *VendorError, begin's, the context's.
	Listen(ctx context.Context, address string, begin func() error) error
}

// Draft is a ticket as it shall stand with a vendor. What is too long for the vendor is cut by the connection, with the link.
type Draft struct {
	Ticket      uuid.UUID // which Find goes by
	Number      int64
	Title       string
	Description string
	Priority    string // by the mapping; empty: say nothing of it
	Category    string // by the mapping; empty: say nothing of it
	Status      string // by the mapping
	StatusHere  string // for those who show it in words
	Tags        []string
	Creator     Person
	Link        string // to the ticket here; empty: there is no address to give
}

// Person is who wrote something. Either may be empty.
type Person struct {
	Name  string
	Email string
}

// Note is a comment as it shall stand with a vendor.
type Note struct {
	Comment uuid.UUID // which Find goes by
	Author  string
	Text    string
	Link    string // to the ticket here; may be empty
}

// Attachment is a file as it shall stand with a vendor.
type Attachment struct {
	File uuid.UUID
	Name string
	Type string // MIME
	Size int64
	Link string // to the file here; may be empty

	// Open answers the bytes, from the first, as often as it is asked.
	Open func(ctx context.Context) (io.ReadSeekCloser, error)

	// Sent hears how many bytes have been sent. Never nil.
	Sent func(bytes int64)
}

// Ref names a ticket with a vendor.
type Ref struct {
	ID    string // as people there know it
	Place string // where it is, for the connection alone: settings may change afterwards. May be empty
}

// Receipt is what a vendor made.
type Receipt struct {
	ID    string
	Place string // of a ticket
	URL   string // where a person sees it; may be empty
	Note  string // what could not be done as it was asked, in a sentence: "The title was cut to 255 characters."
}

// Mark says what to look for.
type Mark struct {
	Kind  MarkKind
	Key   uuid.UUID // the Draft's Ticket, the Note's Comment or the Attachment's File
	Ref   Ref       // where; zero for a ticket
	Name  string    // of the file
	Size  int64     // of the file
	Since time.Time // when it was first tried
	Last  time.Time // when it was tried last: what a vendor finds may lag behind what it has made
	Twins int       // other files of this name and size that were attached there by us
}

// searchLag is how long a thing may be there before its vendor finds it.
const searchLag = 3 * time.Second

// TooSoon answers that what was not found may be there all the same, in words for a person; nil: it is not. Where a vendor finds
// only later what it has made, nothing is made again before that.
func (m Mark) TooSoon(now time.Time, words string) error {
	if m.Last.IsZero() || now.Sub(m.Last) >= searchLag {
		return nil
	}
	return &VendorError{Kind: Busy, Message: words, Unsure: true}
}

// MarkKind is what kind of thing is looked for.
type MarkKind string

// What may be looked for.
const (
	TicketMark     MarkKind = "ticket"
	CommentMark    MarkKind = "comment"
	AttachmentMark MarkKind = "attachment"
)

// Remote is a ticket as it stands with a vendor.
type Remote struct {
	Status   string          // one of the values of the mapping, or another of the vendor's; empty: it has none, or tells none
	Comments []RemoteComment // the oldest first
	Cut      bool            // there are more comments than are answered
}

// RemoteComment is somebody's words there.
type RemoteComment struct {
	ID       string
	Ours     uuid.UUID // the Note's Comment, of one that came from here; zero: it did not
	Author   string
	Text     string // plain; files that hang on it are named with their addresses
	Internal bool   // for the staff alone
	At       time.Time
}

// Webhook is what came in by HTTP, as it came.
type Webhook struct {
	Header func(name string) string
	Query  func(name string) string
	Body   []byte
	At     time.Time
}

// Heard is what a verified webhook says.
type Heard struct {
	// Concerns reports that it is about what the account is set up for: a secret may be shared by several.
	Concerns bool

	// Delivery is the vendor's name of this very notice, the same when it is sent again; empty: none, and the bytes tell.
	Delivery string

	// Tickets are those that changed there, as Ref's ID. What changed is asked of the vendor then: notices come out of order.
	Tickets []string

	// Everything reports that something changed there, and that nobody says what: all tickets are asked for.
	Everything bool

	// Answer is what the vendor waits for; nil: 200 without words.
	Answer *WebhookAnswer
}

// WebhookAnswer is what a vendor waits for.
type WebhookAnswer struct {
	Status int
	Type   string // MIME
	Body   []byte
}

// Consent is a person's way to a vendor's page and back.
type Consent struct {
	State    string
	Verifier string // of PKCE; its challenge is S256
	Redirect string // where the vendor sends the person back to
}

// Renewal is what replaces credentials. Fields are set over those that there are.
type Renewal struct {
	Fields map[string]string
	Ends   time.Time // zero: not known
}

// The refusals of webhooks and consents.
var (
	ErrUnsigned      = &domain.Error{Kind: domain.Unauthenticated, Code: "webhook_unsigned", Message: "The webhook does not prove where it comes from."}
	ErrOutdated      = &domain.Error{Kind: domain.Unauthenticated, Code: "webhook_outdated", Message: "The webhook is too old, or ahead of its time."}
	ErrNotUnderstood = &domain.Error{Kind: domain.Invalid, Code: "webhook_not_understood", Message: "The webhook is proved, but it makes no sense."}
	ErrNoConsent     = &domain.Error{Kind: domain.Conflict, Code: "no_consent", Message: "Credentials of this kind are not given by consent."}
)

// ErrNoAddress is why no vendor can be told where to send webhooks. It is shared, and never changed.
var ErrNoAddress = &VendorError{Kind: Rejected, Message: "The program does not know its own address, which the vendor must be told: its operator sets PUBLIC_URL."}

// WebhookTolerance is how far the clock of a webhook may be from ours.
const WebhookTolerance = 5 * time.Minute

// VendorErrorKind says what can be done about it.
type VendorErrorKind string

// The kinds of trouble with a vendor.
const (
	Unauthorized VendorErrorKind = "unauthorized" // the token is not taken: renew it
	Revoked      VendorErrorKind = "revoked"      // and it cannot be renewed: a person must connect anew
	Denied       VendorErrorKind = "forbidden"    // who the token is for may not do this
	Missing      VendorErrorKind = "not_found"    // it is not there, or not any more
	Rejected     VendorErrorKind = "invalid"      // it will never be taken as it is
	TooLarge     VendorErrorKind = "too_large"    // a file
	Limited      VendorErrorKind = "rate_limited" // not before RetryAt
	Busy         VendorErrorKind = "conflict"     // somebody else was at it: soon again
	Down         VendorErrorKind = "unavailable"  // no answer, or none that makes sense
)

// VendorError is why a vendor did not do what it was asked.
type VendorError struct {
	Kind    VendorErrorKind
	Message string    // a sentence for a person; it may quote the vendor, never a credential
	RetryAt time.Time // of Limited
	Unsure  bool      // it may have been done all the same: look before it is tried again
}

func (e *VendorError) Error() string { return string(e.Kind) + ": " + e.Message }

// TooMany answers that something may be among more than was looked through: a person must look.
func TooMany(things string) *VendorError {
	return &VendorError{Kind: Rejected, Message: "There are too many " + things + " to look through for this one.", Unsure: true}
}
