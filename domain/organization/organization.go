package organization

import (
	"fmt"
	"maps"
	"strings"

	"ticketd/domain"
)

// MaxName limits a name, in characters.
const MaxName = 200

// MaxRetention limits how long words may be kept by rule, in days.
const MaxRetention = 36500

// State is what Decide needs to know, and nothing more: screens read projections.
type State struct {
	Exists    bool
	Name      string
	FoundedBy domain.UserID
	Admins    map[domain.UserID]struct{}  // kept here, so that the last one cannot leave
	Retention int                         // days; 0: for ever
	Erased    domain.Chain[domain.UserID] // whose words are gone
	Budget    BudgetReached               // the last that was told
}

// Decider is the organization aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "organization", Decide: Decide, Evolve: Evolve}

// Command asks an organization to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// Found asks for a new organization, with its founder as the first admin.
type Found struct {
	Name      string
	FoundedBy domain.UserID
}

// Edit asks to change what is present, all of it or nothing.
type Edit struct {
	Name      *string
	Retention *int // days from the closing of a ticket to the erasure of its words; 0 keeps them
	By        domain.Actor
}

// AddAdmin notes that a member has become an admin. The member's own aggregate has checked who may decide that.
type AddAdmin struct{ UserID domain.UserID }

// RemoveAdmin asks whether a member may stop being an admin. The last one may only if nobody else is left.
type RemoveAdmin struct {
	UserID domain.UserID
	Alone  bool
}

// NoteBudget tells how much of a month's budget for models is spent. Only the system sends it, from several instances at once.
type NoteBudget struct {
	Month  string
	Level  BudgetLevel
	Spent  int64
	Budget int64
	By     domain.Actor
}

// EraseWords makes a name that a person gave unreadable for ever. Only the system sends it.
type EraseWords struct {
	Of domain.UserID
	By domain.Actor
}

func (Found) isCommand()       {}
func (Edit) isCommand()        {}
func (AddAdmin) isCommand()    {}
func (RemoveAdmin) isCommand() {}
func (NoteBudget) isCommand()  {}
func (EraseWords) isCommand()  {}

// The refusals.
var (
	ErrExists    = &domain.Error{Kind: domain.Conflict, Code: "organization_exists", Message: "There is another organization with this id."}
	ErrNotFound  = &domain.Error{Kind: domain.NotFound, Code: "organization_not_found", Message: "There is no such organization."}
	ErrInvalid   = &domain.Error{Kind: domain.Invalid, Code: "organization_invalid", Message: "The organization is not valid."}
	ErrLastAdmin = &domain.Error{Kind: domain.Conflict, Code: "last_admin", Message: "An organization needs at least one admin."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Found:
		return found(s, c)
	case Edit:
		return edit(s, c)
	case AddAdmin:
		return addAdmin(s, c)
	case RemoveAdmin:
		return removeAdmin(s, c)
	case NoteBudget:
		return noteBudget(s, c)
	case EraseWords:
		return eraseWords(s, c)
	default:
		panic(fmt.Sprintf("organization: unknown command %T", c))
	}
}

func found(s State, c Found) ([]Event, error) {
	name, err := checkName(c.Name)
	switch {
	case err != nil:
		return nil, err
	case !s.Exists:
		return []Event{Founded{Name: name, FoundedBy: c.FoundedBy}, AdminAdded{UserID: c.FoundedBy}}, nil
	case s.FoundedBy != c.FoundedBy:
		return nil, ErrExists
	}
	return nil, nil
}

func edit(s State, c Edit) ([]Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case !c.By.May(domain.ManageOrg):
		return nil, domain.ErrForbidden
	}
	var events []Event
	if c.Name != nil {
		name, err := checkName(*c.Name)
		if err != nil {
			return nil, err
		}
		if name != s.Name {
			events = append(events, Renamed{Name: name, By: c.By.User})
		}
	}
	if c.Retention != nil && *c.Retention != s.Retention {
		if *c.Retention < 0 || *c.Retention > MaxRetention {
			return nil, ErrInvalid.On("retention_days", fmt.Sprintf("retention_days must be 1 to %d, or null to keep words for ever.", MaxRetention))
		}
		events = append(events, RetentionSet{Days: *c.Retention})
	}
	return events, nil
}

func addAdmin(s State, c AddAdmin) ([]Event, error) {
	_, admin := s.Admins[c.UserID]
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case admin:
		return nil, nil
	}
	return []Event{AdminAdded{UserID: c.UserID}}, nil
}

func removeAdmin(s State, c RemoveAdmin) ([]Event, error) {
	_, admin := s.Admins[c.UserID]
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case !admin:
		return nil, nil
	case len(s.Admins) == 1 && !c.Alone:
		return nil, ErrLastAdmin
	}
	return []Event{AdminRemoved{UserID: c.UserID}}, nil
}

// noteBudget tells each level once a month. After the higher one the lower is no news, nor is a month that is over.
func noteBudget(s State, c NoteBudget) ([]Event, error) {
	switch {
	case c.By.Type != domain.BySystem:
		return nil, domain.ErrForbidden
	case !s.Exists:
		return nil, ErrNotFound
	case c.Month < s.Budget.Month, c.Month == s.Budget.Month && (c.Level == s.Budget.Level || s.Budget.Level == BudgetStop):
		return nil, nil
	}
	return []Event{BudgetReached{Month: c.Month, Level: c.Level, Spent: c.Spent, Budget: c.Budget}}, nil
}

func eraseWords(s State, c EraseWords) ([]Event, error) {
	switch {
	case c.By.Type != domain.BySystem:
		return nil, domain.ErrForbidden
	case !s.Exists:
		return nil, ErrNotFound
	}
	for erased := range s.Erased.Backward() {
		if erased == c.Of {
			return nil, nil
		}
	}
	return []Event{WordsErased{Of: c.Of}}, nil
}

// checkName trims a name and answers ErrInvalid if it cannot be one.
func checkName(typed string) (string, error) {
	name := strings.TrimSpace(typed)
	return name, domain.CheckText(ErrInvalid, "name", name, 1, MaxName)
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Founded:
		s.Exists, s.Name, s.FoundedBy = true, e.Name, e.FoundedBy
	case Renamed:
		s.Name = e.Name
	case AdminAdded:
		admins := map[domain.UserID]struct{}{e.UserID: {}}
		maps.Copy(admins, s.Admins)
		s.Admins = admins
	case AdminRemoved:
		s.Admins = maps.Clone(s.Admins)
		delete(s.Admins, e.UserID)
	case RetentionSet:
		s.Retention = e.Days
	case BudgetReached:
		s.Budget = e
	case WordsErased:
		s.Erased = s.Erased.And(e.Of)
	}
	return s
}
