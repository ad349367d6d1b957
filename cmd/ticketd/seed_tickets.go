package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/ticket"
)

// life is a ticket on its way: who has to do with it, and what will happen to it yet.
type life struct {
	id      ticket.ID
	crew    *crew
	author  domain.Actor
	support domain.Actor
	next    time.Time
	steps   []step
}

// step is one thing that happens to a ticket.
type step func(*life, *seeder) (domain.Actor, ticket.Command)

// lives orders tickets by what happens next. It implements heap.Interface.
type lives []*life

func (l *lives) Len() int           { return len(*l) }
func (l *lives) Less(i, j int) bool { return (*l)[i].next.Before((*l)[j].next) }
func (l *lives) Swap(i, j int)      { (*l)[i], (*l)[j] = (*l)[j], (*l)[i] }

// Push implements heap.Interface.
func (l *lives) Push(one any) {
	if next, ok := one.(*life); ok { // nothing else is pushed
		*l = append(*l, next)
	}
}

// Pop implements heap.Interface.
func (l *lives) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

var (
	seedChannels    = []string{"chrome_extension", "web", "api", "email"}
	seedDepartments = []string{"", "IT", "Finance", "Sales", "People", "Legal", "Logistics", "Research"}
	seedLevels      = []ticket.Level{ticket.Medium, ticket.Low, ticket.High, ticket.Critical}
	seedCategories  = []ticket.Category{
		"technical", "bug", ticket.General, "user_access", "billing", "feature_request", "performance", "integration", "security",
	}
	seedTags = []string{
		"vpn", "printer", "urgent", "onboarding", "windows", "macos", "linux", "android", "ios", "chrome", "firefox", "outlook", "wifi",
		"backup", "invoice", "refund", "export", "import", "sso", "mfa", "quota", "latency", "crash", "regression", "question", "hardware",
	}
)

// open lets somebody write a ticket.
func (s *seeder) open(ctx context.Context, c *crew) (*life, error) {
	l := &life{id: ticket.ID{UUID: s.newID()}, crew: c, author: pick(s.random, c.members), support: pick(s.random, c.support)}
	content := ticket.Content{
		Title: s.words.say(3, 9), Description: s.words.say(15, 50), Priority: pick(s.random, seedLevels), Urgency: pick(s.random, seedLevels),
		Category: pick(s.random, seedCategories), Department: pick(s.random, seedDepartments),
	}
	for range pick(s.random, []int{0, 1, 2, 3}) {
		if tag := pick(s.random, seedTags); !slices.Contains(content.Tags, tag) {
			content.Tags = append(content.Tags, tag)
		}
	}
	if s.random.IntN(5) == 0 {
		content.CustomFields = map[string]any{"order": s.random.IntN(100_000), "browser": pick(s.random, []string{"Chrome", "Firefox", "Safari"})}
	}
	l.steps = s.plan()
	return l, s.do(ctx, l, l.author, ticket.OpenTicket{Content: content, SourceChannel: pick(s.random, seedChannels), By: l.author})
}

// plan answers what will happen to a ticket after it was opened: the longer its life, the surer its end.
func (s *seeder) plan() []step {
	count := s.random.IntN(2*s.perTicket - 1)
	middle := []step{(*life).begin, (*life).answer, (*life).reply, (*life).wait, (*life).note, (*life).regrade}
	var steps []step
	for i := range count {
		switch left := count - i; {
		case i == 0:
			steps = append(steps, (*life).assign)
		case left == 1 && count == 2 && s.random.IntN(10) == 0:
			steps = append(steps, (*life).cancel)
		case left == 1 && count > 3, left == 1 && s.random.IntN(2) == 0:
			steps = append(steps, (*life).closing)
		case left == 2 && count > 2:
			steps = append(steps, (*life).resolve)
		default:
			steps = append(steps, middle[(i-1)%len(middle)])
		}
	}
	if s.random.IntN(200) == 0 {
		steps = append(steps, (*life).remove)
	}
	return steps
}

func (l *life) assign(*seeder) (domain.Actor, ticket.Command) {
	return l.support, ticket.Assign{Assignee: l.support.User, By: l.support}
}

func (l *life) begin(*seeder) (domain.Actor, ticket.Command) {
	return l.support, ticket.ChangeStatus{To: ticket.InProgress, By: l.support}
}

func (l *life) answer(s *seeder) (domain.Actor, ticket.Command) {
	return l.support, ticket.AddComment{CommentID: s.newID(), Content: s.words.say(5, 25), By: l.support}
}

func (l *life) reply(s *seeder) (domain.Actor, ticket.Command) {
	return l.author, ticket.AddComment{CommentID: s.newID(), Content: s.words.say(5, 25), By: l.author}
}

func (l *life) note(s *seeder) (domain.Actor, ticket.Command) {
	return l.support, ticket.AddComment{CommentID: s.newID(), Content: s.words.say(5, 15), Internal: true, By: l.support}
}

func (l *life) wait(*seeder) (domain.Actor, ticket.Command) {
	return l.support, ticket.ChangeStatus{To: ticket.Pending, By: l.support}
}

func (l *life) regrade(s *seeder) (domain.Actor, ticket.Command) {
	return l.support, ticket.Edit{Changes: ticket.Changes{Priority: new(pick(s.random, seedLevels))}, By: l.support}
}

func (l *life) resolve(s *seeder) (domain.Actor, ticket.Command) {
	return l.support, ticket.ChangeStatus{To: ticket.Resolved, ResolutionSummary: new(s.words.say(3, 12)), By: l.support}
}

func (l *life) closing(*seeder) (domain.Actor, ticket.Command) {
	return l.support, ticket.ChangeStatus{To: ticket.Closed, By: l.support}
}

func (l *life) cancel(*seeder) (domain.Actor, ticket.Command) {
	return l.support, ticket.ChangeStatus{To: ticket.Cancelled, By: l.support}
}

func (l *life) remove(*seeder) (domain.Actor, ticket.Command) {
	return l.crew.admin, ticket.Delete{By: l.crew.admin}
}

// advance lets happen what happens next, and says when the one after it will. false when nothing will.
func (s *seeder) advance(ctx context.Context, l *life) (bool, error) {
	by, cmd := l.steps[0](l, s)
	if err := s.do(ctx, l, by, cmd); err != nil {
		return false, err
	}
	l.steps = l.steps[1:]
	return s.schedule(l), nil
}

// schedule says when the next thing happens: hours later, seldom days.
func (s *seeder) schedule(l *life) bool {
	l.next = s.at.Add(time.Minute + time.Duration(s.random.ExpFloat64()*float64(12*time.Hour)))
	return len(l.steps) > 0
}

func (s *seeder) do(ctx context.Context, l *life, by domain.Actor, cmd ticket.Command) error {
	if _, err := s.tickets.Handle(ctx, s.request(l.crew.org, by), l.id, cmd); err != nil {
		return fmt.Errorf("%T: %w", cmd, err)
	}
	return nil
}

func (s *seeder) request(org domain.OrgID, by domain.Actor) commands.Request {
	id := s.newID().String()
	return commands.Request{Org: org, By: by, Correlation: id, Causation: id}
}
