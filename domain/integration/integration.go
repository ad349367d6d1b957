package integration

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
)

// State is what Decide needs to know, and what a connection is used with. Screens read projections.
type State struct {
	Exists       bool
	Disconnected bool
	ConnectedBy  domain.UserID
	Platform     Platform
	AuthType     AuthType
	Config
	Credentials []string // names of what was given, in their order
	Generation  int      // how often credentials were given
	Disabled    bool
	Expired     bool
	Suspended   bool
	Reason      string    // why it is disabled or suspended; may be empty
	Check       Checked   // the last one
	Unchecked   bool      // nothing is known of how the connection is, with the credentials that it has
	Unheard     bool      // what happened there may not have been told
	LastSync    uuid.UUID // the last one that was noted
}

// CodeWebhooks is the code of a check that found a connection which can be used, but is not told what happens there.
const CodeWebhooks = "webhooks"

// Hears reports that what happens there shall come here, and that it can be asked for.
func (s State) Hears() bool { return s.SyncEnabled && !s.Disabled }

// unheardAfter reports whether something that happened there may still be unheard after a check: one that finds nothing wrong
// has all asked for.
func (s State) unheardAfter(c Checked) bool {
	return c.Code == CodeWebhooks || s.Unheard && (!c.OK || !s.Hears())
}

// Status answers where the connection stands; nothing when there is none. What a person decided comes first.
func (s State) Status() Status {
	switch {
	case !s.Exists || s.Disconnected:
		return ""
	case s.Disabled:
		return Inactive
	case s.Expired:
		return HasExpired
	case s.Suspended:
		return IsSuspended
	case s.Unchecked:
		return Pending
	case s.Check.OK:
		return Active
	}
	return Error
}

// Decider is the integration aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "integration", Decide: Decide, Evolve: Evolve}

// Command asks an integration to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// Connect asks for a new integration. Credentials are named only: their values never come here.
type Connect struct {
	ID          uuid.UUID // its own
	Platform    Platform
	AuthType    AuthType
	Config      Config
	Credentials []string
	By          domain.Actor
}

// Change asks to change what is present, all of it or nothing. Settings, mapping and fallback replace what there is. Platform and
// auth type cannot be changed: to name others is refused.
type Change struct {
	ID          uuid.UUID // its own
	Platform    *Platform
	AuthType    *AuthType
	Name        *string
	Description *string
	BaseURL     *string
	Settings    *map[string]string
	Mapping     *Mapping
	SyncEnabled *bool
	Fallback    *[]uuid.UUID
	By          domain.Actor
}

// SetCredentials says which credentials are given anew, and which are taken away. To ask twice is to give them twice: nobody
// here can tell whether they are the same.
type SetCredentials struct {
	Fields    []string
	Removed   []string
	Consented bool // they came from the vendor, after a person's consent, and may be others than a person can give
	By        domain.Actor
}

// NoteCheck says what came of a check. One that found nothing new causes nothing, unless what was not told is asked for
// by now; nor does one of a connection that has expired: only new credentials help there.
type NoteCheck struct {
	OK   bool
	Code string
	Why  string
}

// Enable lets the connection be used again, whether a person had disabled it or the program suspended it.
type Enable struct {
	Reason string
	By     domain.Actor
}

// Disable keeps everything back.
type Disable struct {
	Reason string
	By     domain.Actor
}

// Suspend keeps everything back on the program's own account, until somebody enables the connection.
type Suspend struct {
	Code string
	Why  string
}

// Expire says that the credentials are good for nothing any more. It is late, and causes nothing, when others were given since.
type Expire struct {
	Generation int // of the credentials that were tried
	Code       string
	Why        string
}

// NoteSync says that both sides were reconciled.
type NoteSync struct {
	Sync    uuid.UUID
	Created int
	Updated int
	Skipped int
	Failed  int
}

// Disconnect ends the integration.
type Disconnect struct{ By domain.Actor }

func (Connect) isCommand()        {}
func (Change) isCommand()         {}
func (SetCredentials) isCommand() {}
func (NoteCheck) isCommand()      {}
func (Enable) isCommand()         {}
func (Disable) isCommand()        {}
func (Suspend) isCommand()        {}
func (Expire) isCommand()         {}
func (NoteSync) isCommand()       {}
func (Disconnect) isCommand()     {}

// The refusals.
var (
	ErrExists   = &domain.Error{Kind: domain.Conflict, Code: "integration_exists", Message: "There is another integration with this id."}
	ErrNotFound = &domain.Error{Kind: domain.NotFound, Code: "integration_not_found", Message: "There is no such integration."}
	ErrInvalid  = &domain.Error{Kind: domain.Invalid, Code: "integration_invalid", Message: "The integration is not valid."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Connect:
		return connect(s, c)
	case Change:
		return change(s, c)
	case SetCredentials:
		return setCredentials(s, c)
	case NoteCheck:
		return s.noted(func() []Event { return noteCheck(s, c) })
	case Enable:
		return switched(s, c.By, c.Reason, !s.Disabled && !s.Suspended, Enabled{By: c.By.User, Reason: c.Reason})
	case Disable:
		return switched(s, c.By, c.Reason, s.Disabled, Disabled{By: c.By.User, Reason: c.Reason})
	case Suspend:
		return s.noted(func() []Event { return unless(s.Suspended || s.Expired, Suspended{Code: c.Code, Why: c.Why}) })
	case Expire:
		return s.noted(func() []Event {
			return unless(s.Expired || c.Generation != s.Generation, Expired{Code: c.Code, Why: c.Why})
		})
	case NoteSync:
		return s.noted(func() []Event {
			return unless(s.LastSync == c.Sync, Synced{Sync: c.Sync, Created: c.Created, Updated: c.Updated, Skipped: c.Skipped, Failed: c.Failed})
		})
	case Disconnect:
		return disconnect(s, c)
	default:
		panic(fmt.Sprintf("integration: unknown command %T", c))
	}
}

func unless(nothing bool, e Event) []Event {
	if nothing {
		return nil
	}
	return []Event{e}
}

// noted runs what the program itself finds out about a connection.
func (s State) noted(rule func() []Event) ([]Event, error) {
	if !s.Exists || s.Disconnected {
		return nil, ErrNotFound
	}
	return rule(), nil
}

func noteCheck(s State, c NoteCheck) []Event {
	found := Checked{OK: c.OK, Code: c.Code, Why: c.Why}
	return unless(s.Expired || !s.Unchecked && s.Check == found && s.Unheard == s.unheardAfter(found), found)
}

func connect(s State, c Connect) ([]Event, error) {
	if !c.By.Can(domain.ManageIntegrations) {
		return nil, domain.ErrForbidden
	}
	if !slices.Contains(Platforms, c.Platform) {
		return nil, ErrInvalid.On("platform", fmt.Sprintf("%s is no platform; they are: %s.", quoted(string(c.Platform)), joined(Platforms)))
	}
	if !slices.Contains(c.Platform.AuthTypes(), c.AuthType) {
		return nil, ErrInvalid.On("auth_type", fmt.Sprintf("%s takes no auth_type %s; it takes: %s.", c.Platform.Name(), quoted(string(c.AuthType)), joined(c.Platform.AuthTypes())))
	}
	config, err := c.Config.valid(c.ID, c.Platform)
	if err != nil {
		return nil, err
	}
	given := sorted(c.Credentials)
	if err := c.Platform.checkCredentials(c.AuthType, given, given); err != nil {
		return nil, err
	}
	switch {
	case !s.Exists:
		return []Event{Connected{By: c.By.User, Platform: c.Platform, AuthType: c.AuthType, Config: config, Credentials: given}}, nil
	case s.ConnectedBy != c.By.User:
		return nil, ErrExists
	}
	return nil, nil // a client that never saw the first answer
}

// hosts are the settings that say which host the credentials are sent to.
var hosts = []string{"site", "subdomain", "region"}

// Moves reports a change after which the credentials would be sent to another host.
func (c Change) Moves(s State) bool {
	if c.BaseURL != nil && *c.BaseURL != s.BaseURL {
		return true
	}
	return c.Settings != nil && slices.ContainsFunc(hosts, func(name string) bool { return (*c.Settings)[name] != s.Settings[name] })
}

func change(s State, c Change) ([]Event, error) {
	if err := s.mayChange(c.By); err != nil {
		return nil, err
	}
	if c.Platform != nil && *c.Platform != s.Platform {
		return nil, ErrInvalid.On("platform", "The platform of an integration cannot be changed; connect another one.")
	}
	if c.AuthType != nil && *c.AuthType != s.AuthType {
		return nil, ErrInvalid.On("auth_type", "The auth_type of an integration cannot be changed; connect another one.")
	}
	asked := s.Config
	domain.Set(&asked.Name, c.Name)
	domain.Set(&asked.Description, c.Description)
	domain.Set(&asked.BaseURL, c.BaseURL)
	domain.Set(&asked.Settings, c.Settings)
	domain.Set(&asked.Mapping, c.Mapping)
	domain.Set(&asked.SyncEnabled, c.SyncEnabled)
	domain.Set(&asked.Fallback, c.Fallback)
	next, err := asked.valid(c.ID, s.Platform)
	if err != nil {
		return nil, err
	}
	e := Changed{
		By: c.By.User, Name: changed(s.Name, next.Name), Description: changed(s.Description, next.Description), BaseURL: changed(s.BaseURL, next.BaseURL),
		SyncEnabled: changed(s.SyncEnabled, next.SyncEnabled),
	}
	if !maps.Equal(next.Settings, s.Settings) {
		settings := maps.Clone(next.Settings)
		if settings == nil { // a stored null would read as unchanged
			settings = map[string]string{}
		}
		e.Settings = &settings
	}
	if !next.Mapping.equal(s.Mapping) {
		e.Mapping = &next.Mapping
	}
	if !slices.Equal(next.Fallback, s.Fallback) {
		fallback := append([]uuid.UUID{}, next.Fallback...)
		e.Fallback = &fallback
	}
	return unless(e == Changed{By: c.By.User}, e), nil
}

// changed answers what became of a value; nil when it stayed.
func changed[T comparable](was, is T) *T {
	if was == is {
		return nil
	}
	return &is
}

func setCredentials(s State, c SetCredentials) ([]Event, error) {
	if err := s.mayChange(c.By); err != nil {
		return nil, err
	}
	fields, removed := sorted(c.Fields), sorted(c.Removed)
	if len(fields)+len(removed) == 0 {
		return nil, nil
	}
	if !c.Consented {
		if err := s.Platform.checkCredentials(s.AuthType, slices.Concat(fields, removed), s.credentialsAfter(fields, removed)); err != nil {
			return nil, err
		}
	}
	return []Event{CredentialsSet{By: c.By.User, Fields: fields, Removed: removed}}, nil
}

// credentialsAfter answers the names that there are after some were given and some taken away.
func (s State) credentialsAfter(fields, removed []string) []string {
	all := sorted(slices.Concat(s.Credentials, fields))
	return slices.DeleteFunc(all, func(name string) bool { return slices.Contains(removed, name) })
}

// switched is a person's decision to use the connection, or not to.
func switched(s State, by domain.Actor, reason string, already bool, e Event) ([]Event, error) {
	if err := s.mayChange(by); err != nil {
		return nil, err
	}
	if err := domain.CheckText(ErrInvalid, "reason", reason, 0, MaxReason); err != nil {
		return nil, err
	}
	return unless(already, e), nil
}

func disconnect(s State, c Disconnect) ([]Event, error) {
	if s.Disconnected && c.By.Can(domain.ManageIntegrations) {
		return nil, nil
	}
	if err := s.mayChange(c.By); err != nil {
		return nil, err
	}
	return []Event{Disconnected{By: c.By.User}}, nil
}

// mayChange refuses what is not there, and those who may only read. Whoever may not even read learns nothing.
func (s State) mayChange(by domain.Actor) error {
	switch {
	case !s.Exists || s.Disconnected || !by.Can(domain.ReadIntegrations):
		return ErrNotFound
	case !by.Can(domain.ManageIntegrations):
		return domain.ErrForbidden
	}
	return nil
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Connected:
		s = State{
			Exists: true, ConnectedBy: e.By, Platform: e.Platform, AuthType: e.AuthType, Config: e.Config, Credentials: e.Credentials,
			Generation: s.Generation + 1, Unchecked: true,
		}
	case Changed:
		domain.Set(&s.Name, e.Name)
		domain.Set(&s.Description, e.Description)
		domain.Set(&s.BaseURL, e.BaseURL)
		domain.Set(&s.Settings, e.Settings)
		domain.Set(&s.Mapping, e.Mapping)
		s.Unheard = s.Unheard || !s.SyncEnabled // until now
		domain.Set(&s.SyncEnabled, e.SyncEnabled)
		domain.Set(&s.Fallback, e.Fallback)
	case CredentialsSet:
		s.Credentials = s.credentialsAfter(e.Fields, e.Removed)
		s.Generation++
		if s.Expired {
			s.Expired, s.Unchecked, s.Check = false, true, Checked{}
		}
	case Checked:
		s.Check, s.Unchecked, s.Unheard = e, false, s.unheardAfter(e)
	case Enabled:
		s.Disabled, s.Suspended, s.Reason = false, false, ""
	case Disabled:
		s.Disabled, s.Reason = true, e.Reason
	case Suspended:
		s.Suspended = true
		if !s.Disabled {
			s.Reason = e.Why
		}
	case Expired:
		s.Expired, s.Unchecked, s.Check = true, false, Checked{Code: e.Code, Why: e.Why}
	case Synced:
		s.LastSync = e.Sync
	case Disconnected:
		s.Disconnected = true
	}
	return s
}
