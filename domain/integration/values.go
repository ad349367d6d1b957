package integration

import (
	"maps"
	"slices"

	"github.com/google/uuid"
)

// ID names an integration.
type ID struct{ uuid.UUID }

// Platform is a vendor that tickets can live with too.
type Platform string

// The platforms.
const (
	Salesforce Platform = "salesforce"
	Jira       Platform = "jira"
	Zendesk    Platform = "zendesk"
	Intercom   Platform = "intercom"
	GitHub     Platform = "github"
	Slack      Platform = "slack"
	Teams      Platform = "teams"
)

// Platforms lists them in the order people read them.
var Platforms = []Platform{Salesforce, Jira, Zendesk, Intercom, GitHub, Slack, Teams}

// Name answers what people call the platform.
func (p Platform) Name() string { return platforms[p].name }

// Category says what kind of system a platform is.
func (p Platform) Category() string { return platforms[p].category }

// AuthType is how the program proves to a vendor whom it acts for.
type AuthType string

// The ways of proof.
const (
	APIKey AuthType = "api_key"
	Bearer AuthType = "bearer"
	OAuth2 AuthType = "oauth2"
	App    AuthType = "app"
)

// Status is where a connection stands.
type Status string

// The statuses.
const (
	Pending     Status = "pending"   // not checked yet; deliveries are tried
	Active      Status = "active"    // the last check succeeded
	Error       Status = "error"     // the last check did not; deliveries are tried again and again
	Inactive    Status = "inactive"  // a person has disabled it
	HasExpired  Status = "expired"   // a person must give new credentials
	IsSuspended Status = "suspended" // the program keeps everything back itself
)

// Field is one entry of the credentials or the settings.
type Field struct {
	Name     string
	Required bool
	Doc      string
}

// what is needed of, and known about, a platform.
type facts struct {
	name        string
	category    string
	credentials map[AuthType][]Field
	settings    []Field
	mapping     Mapping
}

// AuthTypes lists the ways of proof that the platform takes, in the order of their names.
func (p Platform) AuthTypes() []AuthType { return slices.Sorted(maps.Keys(platforms[p].credentials)) }

// Credentials lists what the way of proof needs.
func (p Platform) Credentials(a AuthType) []Field { return platforms[p].credentials[a] }

// Settings lists what the platform needs to know besides.
func (p Platform) Settings() []Field { return platforms[p].settings }

// Over answers what the platform calls everything that the organization has not named itself.
func (p Platform) Over(m Mapping) Mapping {
	own := platforms[p].mapping
	over := func(own, named map[string]string) map[string]string {
		all := maps.Clone(own)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, named)
		return all
	}
	return Mapping{Priority: over(own.Priority, m.Priority), Category: over(own.Category, m.Category), Status: over(own.Status, m.Status)}
}
