package commands

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
)

// Vault keeps the credentials of integrations, sealed.
type Vault interface {
	// Put keeps the first credentials of an integration. Where there are some it leaves them, and answers whether they are the same.
	Put(ctx context.Context, org domain.OrgID, id uuid.UUID, fields map[string]string) (same bool, err error)

	// Read answers what is kept. ErrNoCredentials when there is nothing.
	Read(ctx context.Context, org domain.OrgID, id uuid.UUID) (Credentials, error)

	// Change has what is kept replaced by what change makes of it, while nobody else can change it, in any process, and answers what is
	// kept then. It is committed before Change answers. nil leaves everything as it is. What change has begun is brought to its end
	// even when the caller has gone: a vendor's answer may be the only one there will ever be. Errors: ErrNoCredentials, those of
	// change, and ErrBusy: when change was not called, its turn did not come in time.
	Change(ctx context.Context, org domain.OrgID, id uuid.UUID, change func(ctx context.Context, held Credentials) (*Credentials, error)) (Credentials, error)

	// Renew is Change by asking a vendor, of that platform. One that is silent holds up its own platform's renewals, and not
	// those of all others.
	Renew(ctx context.Context, org domain.OrgID, id uuid.UUID, of integration.Platform, change func(ctx context.Context, held Credentials) (*Credentials, error)) (Credentials, error)

	// Destroy removes what is kept, if anything is, and the consents that are under way.
	Destroy(ctx context.Context, org domain.OrgID, id uuid.UUID) error
}

// ErrNoCredentials says that an integration has none, or none any more.
var ErrNoCredentials = &domain.Error{Kind: domain.Conflict, Code: "no_credentials", Message: "The integration has no credentials."}

// Credentials are secrets, by their names. They are never logged or sent to anybody but the vendor.
type Credentials struct {
	Fields   map[string]string
	Ends     time.Time // of the access token; zero: not known
	Revision int64     // another one after every change
}

// renewEarly is how long an access token must still be good for to be used.
const renewEarly = time.Minute

// usable reports an access token that will be good for a while.
func (c Credentials) usable(now time.Time) bool {
	return c.Fields[AccessToken] != "" && (c.Ends.IsZero() || now.Add(renewEarly).Before(c.Ends))
}

// consented reports that there is something to begin with.
func (c Credentials) consented() bool {
	return cmp.Or(c.Fields[AccessToken], c.Fields[RefreshToken]) != ""
}

// with answers the credentials with what a person gave and took away. An access token goes with the refresh token that it came by.
func (c Credentials) with(given map[string]string, removed []string) *Credentials {
	c.Fields = maps.Clone(c.Fields)
	if _, other := given[RefreshToken]; other || slices.Contains(removed, RefreshToken) {
		delete(c.Fields, AccessToken)
		c.Ends = time.Time{}
	}
	maps.Copy(c.Fields, given)
	for _, name := range removed {
		delete(c.Fields, name)
	}
	return &c
}

// without answers what a person gave alone: nothing stays of what was held, nor of what a vendor gave on its strength.
func (Credentials) without(given map[string]string, _ []string) *Credentials {
	return &Credentials{Fields: given}
}

// renewed answers the credentials with what a vendor gave.
func (c Credentials) renewed(r Renewal) *Credentials {
	c.Fields, c.Ends = maps.Clone(c.Fields), r.Ends
	maps.Copy(c.Fields, r.Fields)
	return &c
}

// leastSecret is how long a credential must be to be looked for in a sentence: what is shorter stands in many.
const leastSecret = 6

// veil answers an error of a vendor without any credential that the vendor may have quoted, and such that it can be kept.
func (c Credentials) veil(e *VendorError) *VendorError {
	veiled := *e
	// the longest first: one may hold another
	secrets := slices.SortedFunc(maps.Values(c.Fields), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, secret := range secrets {
		if len(secret) >= leastSecret {
			veiled.Message = strings.ReplaceAll(veiled.Message, secret, "•••")
		}
	}
	return &veiled
}

// split answers what was given, and the names of what shall go.
func split(credentials map[string]string) (given map[string]string, removed []string, err error) {
	given = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(credentials)) {
		value := strings.TrimSpace(credentials[name])
		if value == "" {
			removed = append(removed, name)
			continue
		}
		if len(name) > integration.MaxName || !domain.Storable(name) { // it would be repeated in a refusal
			return nil, nil, integration.ErrInvalid.On("credentials", "The name of a credential is not one.")
		}
		if err := domain.CheckText(integration.ErrInvalid, "credentials."+name, value, 1, integration.MaxCredential); err != nil {
			return nil, nil, err
		}
		given[name] = value
	}
	return given, removed, nil
}
