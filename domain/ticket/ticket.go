package ticket

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
)

// State is what Decide needs to know, and nothing more: screens read projections.
type State struct {
	Content
	Exists            bool
	Deleted           bool
	Status            Status
	ResolutionSummary string
	CreatedBy         domain.UserID
	Assignee          domain.UserID
	Attachments       []Attachment
	Comments          domain.Chain[Commenter]     // who wrote which
	Erased            domain.Chain[domain.UserID] // whose words are gone; the zero id: everybody's
	Chosen            Chosen
	Said              Categorized // last; the zero Run: nothing was
	Corrections       []Corrected // of what was said last
	Routes            []Route
}

// Route is an integration that the ticket shall live with.
type Route struct {
	Integration uuid.UUID
	Platform    string
	Send        bool
	Noted       DeliveryNoted // last; without a status: nothing was
}

// Route answers the ticket's way to an integration; nil when there is none.
func (s State) Route(integration uuid.UUID) *Route {
	i := slices.IndexFunc(s.Routes, func(r Route) bool { return r.Integration == integration })
	if i < 0 {
		return nil
	}
	return &s.Routes[i]
}

// Commenter says who wrote a comment.
type Commenter struct {
	CommentID uuid.UUID
	Author    domain.UserID
}

// Content is what a ticket says.
type Content struct {
	Title        string
	Description  string
	Priority     Level
	Urgency      Level
	Category     Category
	Subcategory  string
	Department   string
	Tags         []string
	CustomFields map[string]any
}

// Decider is the ticket aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "ticket", Decide: Decide, Evolve: Evolve}

// Command asks a ticket to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// OpenTicket asks for a new ticket. Empty priority, urgency, category and source channel take their defaults.
type OpenTicket struct {
	Content
	Number        int64
	SourceChannel string
	Assignee      domain.UserID
	Attachments   []Attachment
	Integration   uuid.UUID // where it shall live too; zero: only here
	Platform      string    // of the integration
	Send          bool      // false: it only names the integration
	By            domain.Actor
}

// Edit asks to change what is present, all of it or nothing. An empty summary clears it.
type Edit struct {
	Changes
	Status            *Status
	ResolutionSummary *string
	Assignee          *domain.UserID // zero takes the ticket from its assignee
	By                domain.Actor
}

// ChangeStatus asks for the next station in the ticket's life. A new summary is taken at the present station too.
type ChangeStatus struct {
	To                Status
	ResolutionSummary *string
	By                domain.Actor
}

// Categorize notes what an agent takes the ticket for. Only the system sends it, on behalf of the agent.
type Categorize struct {
	Run           uuid.UUID
	Agent         domain.Agent
	ConfigVersion int
	Provider      string
	Model         string
	Category      Category
	Priority      Level
	Confidence    float64
	Reasoning     string
	By            domain.Actor
}

// Assign gives the ticket to a member, or with the zero id to nobody.
type Assign struct {
	Assignee domain.UserID
	Reason   string
	By       domain.Actor
}

// Release takes the ticket from one member, if that is who has it: for those who leave.
type Release struct {
	From   domain.UserID
	Reason string
	By     domain.Actor
}

// AddComment adds the actor's words.
type AddComment struct {
	CommentID   uuid.UUID
	Content     string
	Internal    bool
	Attachments []Attachment
	SaidBy      string // whoever said it with the integration that sends it
	By          domain.Actor
}

// Attach adds references to uploads that exist in the organization.
type Attach struct {
	Attachments []Attachment
	By          domain.Actor
}

// Detach removes a reference.
type Detach struct {
	FileID domain.FileID
	By     domain.Actor
}

// RouteTo asks for the ticket to live with an integration of the organization too.
type RouteTo struct {
	Integration uuid.UUID
	Platform    string
	By          domain.Actor
}

// NoteDelivery notes what has come of a route. Only the system sends it.
type NoteDelivery struct {
	Noted DeliveryNoted
	By    domain.Actor
}

// Delete hides the ticket.
type Delete struct{ By domain.Actor }

// EraseWords makes a person's words in the ticket unreadable for ever, or with the zero id everybody's in a ticket that
// is closed or cancelled. Only the system sends it.
type EraseWords struct {
	Of domain.UserID
	By domain.Actor
}

func (OpenTicket) isCommand()   {}
func (Edit) isCommand()         {}
func (ChangeStatus) isCommand() {}
func (Categorize) isCommand()   {}
func (Assign) isCommand()       {}
func (Release) isCommand()      {}
func (AddComment) isCommand()   {}
func (Attach) isCommand()       {}
func (Detach) isCommand()       {}
func (RouteTo) isCommand()      {}
func (NoteDelivery) isCommand() {}
func (Delete) isCommand()       {}
func (EraseWords) isCommand()   {}

// The refusals.
var (
	ErrExists       = &domain.Error{Kind: domain.Conflict, Code: "ticket_exists", Message: "There is another ticket with this id."}
	ErrNotFound     = &domain.Error{Kind: domain.NotFound, Code: "ticket_not_found", Message: "There is no such ticket."}
	ErrTransition   = &domain.Error{Kind: domain.Conflict, Code: "illegal_transition", Message: "The ticket cannot move to this status."}
	ErrCommentTaken = &domain.Error{Kind: domain.Conflict, Code: "comment_exists", Message: "There is another comment with this id."}
	ErrStillOpen    = &domain.Error{Kind: domain.Conflict, Code: "ticket_open", Message: "The words of a ticket are erased after it was closed."}
	ErrErased       = &domain.Error{Kind: domain.Conflict, Code: "ticket_erased", Message: "The words of this ticket were erased; it can only be deleted."}
	ErrInvalid      = &domain.Error{Kind: domain.Invalid, Code: "ticket_invalid", Message: "The ticket is not valid."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case OpenTicket:
		return open(s, c)
	case Edit:
		return edit(s, c)
	case ChangeStatus:
		return decideOn(s, c.By, domain.ChangeStatus, func() ([]Event, error) {
			return changeStatus(s, &c.To, c.ResolutionSummary, c.By)
		})
	case Categorize:
		return categorize(s, c)
	case Assign:
		return decideOn(s, c.By, domain.AssignTickets, func() ([]Event, error) {
			if err := domain.CheckText(ErrInvalid, "reason", c.Reason, 0, MaxComment); err != nil {
				return nil, err
			}
			return assign(s, c.Assignee, c.Reason, c.By), nil
		})
	case Release:
		return decideOn(s, c.By, domain.AssignTickets, func() ([]Event, error) {
			if s.Assignee != c.From {
				return nil, nil
			}
			return assign(s, domain.UserID{}, c.Reason, c.By), nil
		})
	case AddComment:
		return comment(s, c)
	case Attach:
		return decideOn(s, c.By, domain.EditTickets, func() ([]Event, error) { return attach(s, c.Attachments) })
	case Detach:
		return decideOn(s, c.By, domain.EditTickets, func() ([]Event, error) { return detach(s, c.FileID), nil })
	case RouteTo:
		return decideOn(s, c.By, domain.EditTickets, func() ([]Event, error) { return routeTo(s, c), nil })
	case NoteDelivery:
		return noteDelivery(s, c)
	case Delete:
		return remove(s, c)
	case EraseWords:
		return eraseWords(s, c)
	default:
		panic(fmt.Sprintf("ticket: unknown command %T", c))
	}
}

// Visible reports whether the actor may know that the ticket exists.
func (s State) Visible(to domain.Actor) bool {
	return s.Exists && !s.Deleted && to.May(domain.ReadTickets, s.CreatedBy, s.Assignee)
}

// decideOn runs a rule on a ticket that the actor may see and has the permission for.
func decideOn(s State, by domain.Actor, p domain.Permission, rule func() ([]Event, error)) ([]Event, error) {
	all := s.wordsErased(domain.UserID{})
	switch {
	case !s.Visible(by):
		return nil, ErrNotFound
	case !by.May(p, s.CreatedBy, s.Assignee):
		return nil, domain.ErrForbidden
	case all && p != domain.DeleteTickets:
		return nil, ErrErased
	case !all && !by.User.IsZero() && s.wordsErased(by.User): // a request that was under way when they were erased
		return nil, domain.ErrForbidden
	}
	return rule()
}

func open(s State, c OpenTicket) ([]Event, error) {
	if !c.By.Can(domain.CreateTickets) {
		return nil, domain.ErrForbidden
	}
	if !c.Assignee.IsZero() && !c.By.Can(domain.AssignTickets) {
		return nil, domain.ErrForbidden.With("Your role does not allow assigning a ticket.")
	}
	person := c.By.Type != domain.ByAgent
	chosen := Chosen{Category: person && c.Category != "", Priority: person && c.Priority != ""}
	c.Content = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	if err := domain.CheckText(ErrInvalid, "source_channel", c.SourceChannel, 0, MaxLabel); err != nil {
		return nil, err
	}
	if err := checkAttachments(c.Attachments); err != nil {
		return nil, err
	}
	if s.Exists {
		return reopened(s, c)
	}
	events := []Event{Opened{
		Number: c.Number, Title: c.Title, Description: c.Description, Priority: c.Priority, Urgency: c.Urgency,
		Category: c.Category, Subcategory: c.Subcategory, Department: c.Department, Tags: c.Tags,
		CustomFields: c.CustomFields, SourceChannel: orDefault(c.SourceChannel, "api"), CreatedBy: c.By.User,
		Chosen: chosen,
	}}
	if attached := fresh(nil, c.Attachments); len(attached) > 0 {
		events = append(events, Attached{Attachments: attached})
	}
	if !c.Assignee.IsZero() {
		events = append(events, Assigned{Assignee: c.Assignee, By: c.By.User})
	}
	if c.Integration != uuid.Nil {
		events = append(events, Routed{Integration: c.Integration, Platform: c.Platform, Send: c.Send, By: c.By.User})
	}
	return events, nil
}

// reopened answers a command that opened this ticket already, as a client does that never saw the first answer.
func reopened(s State, c OpenTicket) ([]Event, error) {
	if s.CreatedBy != c.By.User {
		return nil, ErrExists
	}
	return nil, nil
}

func edit(s State, c Edit) ([]Event, error) {
	return decideOn(s, c.By, domain.EditTickets, func() ([]Event, error) {
		changed, err := c.against(s.Content)
		if err != nil {
			return nil, err
		}
		var events []Event
		if changed != (Changes{}) {
			events = append(events, changed.event(s.wordsOwner(c.By), c.By))
			events = append(events, corrected(s, changed, c.By)...)
		}
		if c.Status != nil || c.ResolutionSummary != nil {
			if !c.By.May(domain.ChangeStatus, s.CreatedBy, s.Assignee) {
				return nil, domain.ErrForbidden.With("Your role does not allow changing a ticket's status.")
			}
			moved, err := changeStatus(s, c.Status, c.ResolutionSummary, c.By)
			if err != nil {
				return nil, err
			}
			events = append(events, moved...)
		}
		if c.Assignee != nil && *c.Assignee != s.Assignee {
			if !c.By.May(domain.AssignTickets, s.CreatedBy, s.Assignee) {
				return nil, domain.ErrForbidden.With("Your role does not allow assigning a ticket.")
			}
			events = append(events, assign(s, *c.Assignee, "", c.By)...)
		}
		return events, nil
	})
}

// corrected answers what of a change is another view than the agent's, unless it was told before.
func corrected(s State, changed Changes, by domain.Actor) []Event {
	if s.Said.Run == uuid.Nil || by.Type == domain.ByAgent {
		return nil
	}
	fact := Corrected{Run: s.Said.Run, By: by.User}
	if to := changed.Category; to != nil && *to != s.Said.Category && !s.told(func(c Corrected) bool { return c.ToCategory == *to }) {
		fact.FromCategory, fact.ToCategory = s.Said.Category, *to
	}
	if to := changed.Priority; to != nil && *to != s.Said.Priority && !s.told(func(c Corrected) bool { return c.ToPriority == *to }) {
		fact.FromPriority, fact.ToPriority = s.Said.Priority, *to
	}
	if fact.ToCategory == "" && fact.ToPriority == "" {
		return nil
	}
	return []Event{fact}
}

func (s State) told(correction func(Corrected) bool) bool {
	return slices.ContainsFunc(s.Corrections, correction)
}

// categorize refuses what no ticket can be, for a model may invent anything.
func categorize(s State, c Categorize) ([]Event, error) {
	return decideOn(s, c.By, domain.EditTickets, func() ([]Event, error) {
		for _, err := range []error{
			checkOneOf("category", c.Category, Categories), checkOneOf("priority", c.Priority, Levels), domain.CheckText(ErrInvalid, "reasoning", c.Reasoning, 0, MaxComment),
		} {
			if err != nil {
				return nil, err
			}
		}
		switch {
		case c.By.Type != domain.BySystem:
			return nil, domain.ErrForbidden
		case c.Run == s.Said.Run:
			return nil, nil
		case !(c.Confidence >= 0 && c.Confidence <= 1): // NaN too
			return nil, ErrInvalid.On("confidence", "confidence must be from 0 to 1.")
		}
		return []Event{Categorized{
			Run: c.Run, Agent: c.Agent, ConfigVersion: c.ConfigVersion, Provider: c.Provider, Model: c.Model, Category: c.Category, Priority: c.Priority,
			Confidence: c.Confidence, CreatedBy: s.wordsOwner(c.By), Reasoning: c.Reasoning,
			Applied: Chosen{Category: !s.Chosen.Category, Priority: !s.Chosen.Priority},
		}}, nil
	})
}

// changeStatus moves the ticket, says how it was resolved, or both. nil leaves either as it is.
func changeStatus(s State, to *Status, summary *string, by domain.Actor) ([]Event, error) {
	if to == nil {
		to = &s.Status
	}
	if err := checkOneOf("status", *to, Statuses); err != nil {
		return nil, err
	}
	if summary != nil {
		if err := domain.CheckText(ErrInvalid, "resolution_summary", *summary, 0, MaxDescription); err != nil {
			return nil, err
		}
		summary = changed(summary, s.ResolutionSummary, *summary)
	}
	if *to != s.Status {
		return move(s, *to, summary, by)
	}
	if summary == nil {
		return nil, nil
	}
	return []Event{Summarized{ResolutionSummary: *summary, By: by.User}}, nil
}

func move(s State, to Status, summary *string, by domain.Actor) ([]Event, error) {
	next := s.Status.Next()
	if !slices.Contains(next, to) {
		return nil, ErrTransition.With(fmt.Sprintf("A ticket that is %s cannot become %s; allowed: %s.", s.Status, to, joined(next)))
	}
	return []Event{StatusChanged{From: s.Status, To: to, By: by.User, ResolutionSummary: summary}}, nil
}

func assign(s State, to domain.UserID, reason string, by domain.Actor) []Event {
	switch {
	case to == s.Assignee:
		return nil
	case to.IsZero():
		return []Event{Unassigned{From: s.Assignee, By: by.User, Reason: reason}}
	}
	return []Event{Assigned{Assignee: to, By: by.User, Reason: reason}}
}

func comment(s State, c AddComment) ([]Event, error) {
	permission := domain.Comment
	if c.Internal {
		permission = domain.CommentInternally
	}
	return decideOn(s, c.By, permission, func() ([]Event, error) {
		if err := domain.CheckText(ErrInvalid, "content", c.Content, 1, MaxComment); err != nil {
			return nil, err
		}
		if err := checkAttachments(c.Attachments); err != nil {
			return nil, err
		}
		for known := range s.Comments.Backward() {
			if known.CommentID == c.CommentID {
				return commentedAgain(known.Author, c.By.User)
			}
		}
		return []Event{Commented{
			CommentID: c.CommentID, Author: c.By.User, Content: c.Content, Internal: c.Internal,
			Attachments: fresh(nil, c.Attachments), Integration: saidAt(c.By), SaidBy: c.SaidBy,
		}}, nil
	})
}

// commentedAgain answers a command that added this comment already.
func commentedAgain(author, by domain.UserID) ([]Event, error) {
	if author != by {
		return nil, ErrCommentTaken
	}
	return nil, nil
}

func attach(s State, attachments []Attachment) ([]Event, error) {
	added := fresh(s.Attachments, attachments)
	if len(added) == 0 {
		return nil, nil
	}
	if err := checkAttachments(append(added, s.Attachments...)); err != nil {
		return nil, err
	}
	return []Event{Attached{Attachments: added}}, nil
}

func detach(s State, file domain.FileID) []Event {
	for _, a := range s.Attachments {
		if a.FileID == file {
			return []Event{Detached{FileID: file}}
		}
	}
	return nil
}

func remove(s State, c Delete) ([]Event, error) {
	if s.Deleted && c.By.Can(domain.DeleteTickets) {
		return nil, nil
	}
	return decideOn(s, c.By, domain.DeleteTickets, func() ([]Event, error) { return []Event{Deleted{}}, nil })
}

func eraseWords(s State, c EraseWords) ([]Event, error) {
	switch {
	case c.By.Type != domain.BySystem:
		return nil, domain.ErrForbidden
	case !s.Exists:
		return nil, ErrNotFound
	case s.wordsErased(c.Of):
		return nil, nil
	case c.Of.IsZero() && s.Status != Closed && s.Status != Cancelled: // reopened meanwhile
		return nil, ErrStillOpen
	}
	return []Event{WordsErased{Of: c.Of}}, nil
}

// wordsErased reports whether a person's words are gone; for the zero id, whether everybody's are.
func (s State) wordsErased(of domain.UserID) bool {
	for erased := range s.Erased.Backward() {
		if erased.IsZero() || erased == of {
			return true
		}
	}
	return false
}

// wordsOwner answers whose the title and the description are: the creator's, or after they were erased that of whoever
// writes them anew.
func (s State) wordsOwner(by domain.Actor) domain.UserID {
	if s.wordsErased(s.CreatedBy) {
		return by.User
	}
	return s.CreatedBy
}

// fresh lists the attachments that are not there yet: duplicates dropped, order kept.
func fresh(present, wanted []Attachment) []Attachment {
	seen := make(map[domain.FileID]bool, len(present)+len(wanted))
	for _, a := range present {
		seen[a.FileID] = true
	}
	var added []Attachment
	for _, a := range wanted {
		if !seen[a.FileID] {
			seen[a.FileID] = true
			added = append(added, a)
		}
	}
	return added
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Opened:
		s.Exists, s.Status, s.CreatedBy = true, Open, e.CreatedBy
		s.Content = Content{
			Title: e.Title, Description: e.Description, Priority: e.Priority, Urgency: e.Urgency, Category: e.Category,
			Subcategory: e.Subcategory, Department: e.Department, Tags: e.Tags, CustomFields: e.CustomFields,
		}
		s.Chosen = e.Chosen
	case Categorized:
		s.Said, s.Corrections = e, nil
		s.Category, s.Priority = e.Over(s.Category, s.Priority)
	case Corrected: // the change itself is told beside it
		s.Corrections = append(slices.Clip(s.Corrections), e)
	case Edited:
		s.Content = e.apply(s.Content)
		if e.Category != nil {
			s.Chosen.Category = !e.ByAgent
		}
		if e.Priority != nil {
			s.Chosen.Priority = !e.ByAgent
		}
	case StatusChanged:
		s.Status = e.To
		domain.Set(&s.ResolutionSummary, e.ResolutionSummary)
	case Summarized:
		s.ResolutionSummary = e.ResolutionSummary
	case Assigned:
		s.Assignee = e.Assignee
	case Unassigned:
		s.Assignee = domain.UserID{}
	case Commented:
		s.Comments = s.Comments.And(Commenter{CommentID: e.CommentID, Author: e.Author})
	case Attached:
		s.Attachments = append(slices.Clip(s.Attachments), e.Attachments...)
	case Detached:
		s.Attachments = Without(s.Attachments, e.FileID)
	case Routed:
		s.Routes = append(slices.DeleteFunc(slices.Clone(s.Routes), func(r Route) bool { return r.Integration == e.Integration }), Route{Integration: e.Integration, Platform: e.Platform, Send: e.Send})
	case DeliveryNoted:
		s.Routes = slices.Clone(s.Routes)
		if route := s.Route(e.Integration); route != nil {
			route.Noted = e
		}
	case Deleted:
		s.Deleted = true
	case WordsErased:
		s.Erased = s.Erased.And(e.Of)
	}
	return s
}

// Over answers the category and the priority of a ticket that had these.
func (e Categorized) Over(category Category, priority Level) (Category, Level) {
	if e.Applied.Category {
		category = e.Category
	}
	if e.Applied.Priority {
		priority = e.Priority
	}
	return category, priority
}

// Without gives the attachments that refer to other uploads.
func Without(attachments []Attachment, file domain.FileID) []Attachment {
	var kept []Attachment
	for _, a := range attachments {
		if a.FileID != file {
			kept = append(kept, a)
		}
	}
	return kept
}
