package thread

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
)

// State is what Decide needs to know, and nothing more: screens read projections.
type State struct {
	Exists    bool
	Deleted   bool
	Agent     domain.Agent
	CreatedBy domain.UserID
	Title     string
	Messages  domain.Chain[Said]          // and replies
	Count     int                         // of them
	Unable    domain.Chain[uuid.UUID]     // messages to which there is no reply, and why is known
	Erased    domain.Chain[domain.UserID] // whose words are gone
}

// Said is a message without its words.
type Said struct {
	ID        uuid.UUID
	Author    domain.UserID // zero: the agent
	InReplyTo uuid.UUID     // of a reply
}

// Decider is the thread aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "thread", Decide: Decide, Evolve: Evolve}

// Command asks a thread to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// Start asks for a new thread with an agent.
type Start struct {
	Agent domain.Agent
	Title string
	By    domain.Actor
}

// Rename gives the thread another title; an empty one takes it away. An agent gives a title only to a thread without one.
type Rename struct {
	Title string
	By    domain.Actor
}

// AddMessage adds the actor's words.
type AddMessage struct {
	MessageID   uuid.UUID
	Content     string
	Attachments []Attachment
	Metadata    map[string]any
	By          domain.Actor
}

// Reply answers a message in the agent's name. Only the system sends it.
type Reply struct {
	MessageID uuid.UUID
	InReplyTo uuid.UUID
	Run       uuid.UUID
	Content   string
	By        domain.Actor
}

// FailReply says that there is no answer to a message. Only the system sends it.
type FailReply struct {
	InReplyTo uuid.UUID
	Run       uuid.UUID
	Code      string
	By        domain.Actor
}

// Delete hides the thread.
type Delete struct{ By domain.Actor }

// EraseWords makes a person's words in the thread, and what was answered to them, unreadable for ever. Only the system
// sends it.
type EraseWords struct {
	Of domain.UserID
	By domain.Actor
}

func (Start) isCommand()      {}
func (Rename) isCommand()     {}
func (AddMessage) isCommand() {}
func (Reply) isCommand()      {}
func (FailReply) isCommand()  {}
func (Delete) isCommand()     {}
func (EraseWords) isCommand() {}

// The refusals.
var (
	ErrExists       = &domain.Error{Kind: domain.Conflict, Code: "thread_exists", Message: "There is another thread with this id."}
	ErrNotFound     = &domain.Error{Kind: domain.NotFound, Code: "thread_not_found", Message: "There is no such thread."}
	ErrNoMessage    = &domain.Error{Kind: domain.NotFound, Code: "message_not_found", Message: "There is no such message in this thread."}
	ErrMessageTaken = &domain.Error{Kind: domain.Conflict, Code: "message_exists", Message: "There is another message with this id."}
	ErrFull         = &domain.Error{Kind: domain.Conflict, Code: "thread_full", Message: fmt.Sprintf("This conversation holds %d messages, which is the most; start another one.", MaxMessages)}
	ErrErased       = &domain.Error{Kind: domain.Conflict, Code: "thread_erased", Message: "The words of this thread were erased; it can only be deleted."}
	ErrInvalid      = &domain.Error{Kind: domain.Invalid, Code: "thread_invalid", Message: "The thread is not valid."}
	ErrTooManyFiles = &domain.Error{Kind: domain.BadReference, Code: "too_many_attachments", Message: "The message refers to too many files.", Field: "attachments"}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Start:
		return start(s, c)
	case Rename:
		return decideOn(s, c.By, func() ([]Event, error) { return rename(s, c) })
	case AddMessage:
		return decideOn(s, c.By, func() ([]Event, error) { return add(s, c) })
	case Reply:
		return answering(s, c.By, c.InReplyTo, func() ([]Event, error) { return reply(s, c) })
	case FailReply:
		return answering(s, c.By, c.InReplyTo, func() ([]Event, error) { return failReply(s, c) })
	case Delete:
		return remove(s, c)
	case EraseWords:
		return eraseWords(s, c)
	default:
		panic(fmt.Sprintf("thread: unknown command %T", c))
	}
}

// Visible reports whether the actor may know that the thread exists.
func (s State) Visible(to domain.Actor) bool {
	return s.Exists && !s.Deleted && to.May(domain.ReadThreads, s.CreatedBy)
}

// Next answers the first message that waits for its reply, and who wrote it. One after the other is answered, so that the
// agent knows what it said before.
func (s State) Next() (message uuid.UUID, author domain.UserID, waits bool) {
	if s.Deleted || s.wordsErased(s.CreatedBy) {
		return uuid.Nil, author, false
	}
	answered := map[uuid.UUID]bool{}
	for unable := range s.Unable.Backward() {
		answered[unable] = true
	}
	for said := range s.Messages.Backward() {
		switch {
		case said.Author.IsZero():
			answered[said.InReplyTo] = true
		case !answered[said.ID]:
			message, author, waits = said.ID, said.Author, true
		}
	}
	return message, author, waits
}

// Untitled reports whether an agent may find a title.
func (s State) Untitled() bool {
	return s.Exists && !s.Deleted && s.Title == "" && !s.wordsErased(s.CreatedBy)
}

// decideOn runs a rule on a thread that the actor may see and write in.
func decideOn(s State, by domain.Actor, rule func() ([]Event, error)) ([]Event, error) {
	switch {
	case !s.Visible(by):
		return nil, ErrNotFound
	case !by.May(domain.WriteThreads, s.CreatedBy):
		return nil, domain.ErrForbidden
	case s.wordsErased(s.CreatedBy):
		return nil, ErrErased
	case !by.User.IsZero() && s.wordsErased(by.User): // a request that was under way when they were erased
		return nil, domain.ErrForbidden
	}
	return rule()
}

func start(s State, c Start) ([]Event, error) {
	if !c.By.Can(domain.WriteThreads) || c.By.User.IsZero() { // somebody's words belong to somebody
		return nil, domain.ErrForbidden
	}
	if !slices.Contains(domain.Agents, c.Agent) {
		return nil, ErrInvalid.On("agent", "There is no such agent.")
	}
	title, err := checkTitle(c.Title)
	switch {
	case err != nil:
		return nil, err
	case !s.Exists:
		return []Event{Started{Agent: c.Agent, CreatedBy: c.By.User, Title: title}}, nil
	case s.CreatedBy != c.By.User || s.Agent != c.Agent:
		return nil, ErrExists
	}
	return nil, nil
}

func rename(s State, c Rename) ([]Event, error) {
	title, err := checkTitle(c.Title)
	if err != nil {
		return nil, err
	}
	byAgent := c.By.Type == domain.BySystem || c.By.Type == domain.ByAgent
	if title == s.Title || byAgent && s.Title != "" {
		return nil, nil
	}
	return []Event{Renamed{CreatedBy: s.CreatedBy, Title: title, ByAgent: byAgent}}, nil
}

func add(s State, c AddMessage) ([]Event, error) {
	if c.By.User.IsZero() {
		return nil, domain.ErrForbidden
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	if known, taken := s.said(c.MessageID); taken {
		if known.Author != c.By.User {
			return nil, ErrMessageTaken
		}
		return nil, nil
	}
	if s.Count >= MaxMessages {
		return nil, ErrFull
	}
	return []Event{MessageAdded{
		MessageID: c.MessageID, Role: User, Author: c.By.User, Content: c.Content, Attachments: distinct(c.Attachments), Metadata: c.Metadata,
	}}, nil
}

// answering runs a rule on a message that somebody wrote.
func answering(s State, by domain.Actor, message uuid.UUID, rule func() ([]Event, error)) ([]Event, error) {
	if by.Type != domain.BySystem {
		return nil, domain.ErrForbidden
	}
	return decideOn(s, by, func() ([]Event, error) {
		said, known := s.said(message)
		switch {
		case !known || said.Author.IsZero():
			return nil, ErrNoMessage
		case s.replied(message):
			return nil, nil
		}
		return rule()
	})
}

// reply is taken after a failure too: then another try went well.
func reply(s State, c Reply) ([]Event, error) {
	if err := domain.CheckText(ErrInvalid, "content", c.Content, 1, MaxReply); err != nil {
		return nil, err
	}
	if _, taken := s.said(c.MessageID); taken {
		return nil, ErrMessageTaken
	}
	return []Event{Replied{MessageID: c.MessageID, InReplyTo: c.InReplyTo, Run: c.Run, CreatedBy: s.CreatedBy, Content: c.Content}}, nil
}

func failReply(s State, c FailReply) ([]Event, error) {
	if s.unable(c.InReplyTo) {
		return nil, nil
	}
	return []Event{ReplyFailed{InReplyTo: c.InReplyTo, Run: c.Run, Code: c.Code}}, nil
}

func remove(s State, c Delete) ([]Event, error) {
	switch {
	case s.Deleted && c.By.May(domain.WriteThreads, s.CreatedBy):
		return nil, nil
	case !s.Visible(c.By):
		return nil, ErrNotFound
	case !c.By.May(domain.WriteThreads, s.CreatedBy):
		return nil, domain.ErrForbidden
	}
	return []Event{Deleted{}}, nil
}

func eraseWords(s State, c EraseWords) ([]Event, error) {
	switch {
	case c.By.Type != domain.BySystem:
		return nil, domain.ErrForbidden
	case !s.Exists:
		return nil, ErrNotFound
	case c.Of.IsZero(): // a thread has no key of its own, so that nobody's words would be gone
		return nil, ErrInvalid.On("of", "Words are erased of a person.")
	case s.wordsErased(c.Of):
		return nil, nil
	}
	return []Event{WordsErased{Of: c.Of}}, nil
}

// said answers one message.
func (s State) said(id uuid.UUID) (Said, bool) {
	for message := range s.Messages.Backward() {
		if message.ID == id {
			return message, true
		}
	}
	return Said{}, false
}

// replied reports whether there is a reply to a message.
func (s State) replied(message uuid.UUID) bool {
	for said := range s.Messages.Backward() {
		if said.InReplyTo == message {
			return true
		}
	}
	return false
}

// unable reports whether it was said that there is no reply to a message.
func (s State) unable(message uuid.UUID) bool {
	for failed := range s.Unable.Backward() {
		if failed == message {
			return true
		}
	}
	return false
}

func (s State) wordsErased(of domain.UserID) bool {
	for erased := range s.Erased.Backward() {
		if erased == of {
			return true
		}
	}
	return false
}

// distinct drops repeated attachments and keeps the order of the others.
func distinct(attachments []Attachment) []Attachment {
	var kept []Attachment
	for _, a := range attachments {
		if !slices.Contains(kept, a) {
			kept = append(kept, a)
		}
	}
	return kept
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Started:
		s.Exists, s.Agent, s.CreatedBy, s.Title = true, e.Agent, e.CreatedBy, e.Title
	case Renamed:
		s.Title = e.Title
	case MessageAdded:
		s.Messages, s.Count = s.Messages.And(Said{ID: e.MessageID, Author: e.Author}), s.Count+1
	case Replied:
		s.Messages, s.Count = s.Messages.And(Said{ID: e.MessageID, InReplyTo: e.InReplyTo}), s.Count+1
	case ReplyFailed:
		s.Unable = s.Unable.And(e.InReplyTo)
	case Deleted:
		s.Deleted = true
	case WordsErased:
		s.Erased = s.Erased.And(e.Of)
	}
	return s
}
