package article

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"ticketd/domain"
)

// ID names an article.
type ID struct{ uuid.UUID }

// Limits on what an article may hold, in characters and in numbers.
const (
	MaxTitle = 500
	MaxBody  = 200_000
	MaxTag   = 100
	MaxTags  = 50
)

// Content is what an article says.
type Content struct {
	Title string
	Body  string
	Tags  []string
}

// State is what Decide needs to know, and nothing more: screens read projections.
type State struct {
	Content
	Exists    bool
	Deleted   bool
	WrittenBy domain.UserID
}

// Decider is the article aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "article", Decide: Decide, Evolve: Evolve}

// Command asks an article to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// Write asks for a new article.
type Write struct {
	Content
	By domain.Actor
}

// Revise asks to change what is present, all of it or nothing. Empty tags clear them; title and body cannot be cleared.
type Revise struct {
	Title *string
	Body  *string
	Tags  *[]string
	By    domain.Actor
}

// Delete hides the article.
type Delete struct{ By domain.Actor }

func (Write) isCommand()  {}
func (Revise) isCommand() {}
func (Delete) isCommand() {}

// The refusals.
var (
	ErrExists   = &domain.Error{Kind: domain.Conflict, Code: "article_exists", Message: "There is another article with this id."}
	ErrNotFound = &domain.Error{Kind: domain.NotFound, Code: "article_not_found", Message: "There is no such article."}
	ErrInvalid  = &domain.Error{Kind: domain.Invalid, Code: "article_invalid", Message: "The article is not valid."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Write:
		return write(s, c)
	case Revise:
		return revise(s, c)
	case Delete:
		return remove(s, c)
	default:
		panic(fmt.Sprintf("article: unknown command %T", c))
	}
}

func write(s State, c Write) ([]Event, error) {
	if !c.By.Can(domain.WriteArticles) {
		return nil, domain.ErrForbidden
	}
	content := c.trimmed()
	if err := content.validate(); err != nil {
		return nil, err
	}
	switch {
	case !s.Exists:
		return []Event{Written{By: c.By.User, Title: content.Title, Body: content.Body, Tags: content.Tags}}, nil
	case s.WrittenBy != c.By.User:
		return nil, ErrExists
	}
	return nil, nil // a client that never saw the first answer
}

func revise(s State, c Revise) ([]Event, error) {
	if err := s.mayChange(c.By); err != nil {
		return nil, err
	}
	asked := s.Content
	domain.Set(&asked.Title, c.Title)
	domain.Set(&asked.Body, c.Body)
	domain.Set(&asked.Tags, c.Tags)
	next := asked.trimmed()
	if err := next.validate(); err != nil {
		return nil, err
	}
	e := Revised{By: c.By.User}
	if next.Title != s.Title {
		e.Title = &next.Title
	}
	if next.Body != s.Body {
		e.Body = &next.Body
	}
	if !slices.Equal(next.Tags, s.Tags) {
		tags := append([]string{}, next.Tags...) // a stored null would read as unchanged
		e.Tags = &tags
	}
	if e.Title == nil && e.Body == nil && e.Tags == nil {
		return nil, nil
	}
	return []Event{e}, nil
}

func remove(s State, c Delete) ([]Event, error) {
	if s.Deleted && c.By.Can(domain.WriteArticles) {
		return nil, nil
	}
	if err := s.mayChange(c.By); err != nil {
		return nil, err
	}
	return []Event{Deleted{By: c.By.User}}, nil
}

// mayChange refuses what is not there, and those who may only read. Whoever may not even read learns nothing.
func (s State) mayChange(by domain.Actor) error {
	switch {
	case !s.Exists || s.Deleted || !by.Can(domain.ReadArticles):
		return ErrNotFound
	case !by.Can(domain.WriteArticles):
		return domain.ErrForbidden
	}
	return nil
}

// trimmed answers the content without blanks around the title and the tags, and without tags that are empty or there twice.
func (c Content) trimmed() Content {
	c.Title = strings.TrimSpace(c.Title)
	var tags []string
	for _, tag := range c.Tags {
		if tag = strings.TrimSpace(tag); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	c.Tags = tags
	return c
}

// validate answers ErrInvalid with the field at fault.
func (c Content) validate() error {
	if err := domain.CheckText(ErrInvalid, "title", c.Title, 1, MaxTitle); err != nil {
		return err
	}
	if err := domain.CheckText(ErrInvalid, "body", c.Body, 1, MaxBody); err != nil {
		return err
	}
	if len(c.Tags) > MaxTags {
		return ErrInvalid.On("tags", fmt.Sprintf("tags holds %d entries; %d is the most.", len(c.Tags), MaxTags))
	}
	for _, tag := range c.Tags {
		if err := domain.CheckText(ErrInvalid, "tags", tag, 1, MaxTag); err != nil {
			return err
		}
	}
	return nil
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Written:
		s.Exists, s.WrittenBy, s.Content = true, e.By, Content{Title: e.Title, Body: e.Body, Tags: e.Tags}
	case Revised:
		domain.Set(&s.Title, e.Title)
		domain.Set(&s.Body, e.Body)
		domain.Set(&s.Tags, e.Tags)
	case Deleted:
		s.Deleted = true
	}
	return s
}
