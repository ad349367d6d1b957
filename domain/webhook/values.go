package webhook

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
)

// ID names a webhook.
type ID struct{ uuid.UUID }

// Limits on what a webhook may hold, in characters and in numbers.
const (
	MaxURL         = 2000
	MaxEvents      = 50
	MaxDescription = 500
	MaxReason      = 500
)

// RotationOverlap is how long the secret before the last one still signs: receivers have so long to take the new one.
const RotationOverlap = 24 * time.Hour

// PauseCode says why a webhook is paused.
type PauseCode string

// The reasons.
const (
	ByPerson PauseCode = "paused"  // somebody wants it so
	Failing  PauseCode = "failing" // the receiver has taken nothing for days
	Gone     PauseCode = "gone"    // the receiver says that it is there no longer
)

// Nouns are the kinds of things whose events can be sent. Accounts, sessions and what people sign in with are not among
// them, nor are webhooks: one that was told of its own pause could not be told.
var Nouns = []string{"agent_config", "agent_run", "article", "backtest", "delivery", "file", "integration", "sync", "thread", "ticket"}

// Offers reports whether an event of this stored name can be sent.
func Offers(name string) bool {
	noun, _, _ := strings.Cut(name, ".")
	return slices.Contains(Nouns, noun)
}

// Wants reports whether one of the patterns takes an event of this stored name.
func Wants(patterns []string, name string) bool {
	return Offers(name) && slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, name) })
}

func matches(pattern, name string) bool {
	if begin, isOpen := strings.CutSuffix(pattern, "*"); isOpen {
		return strings.HasPrefix(name, begin)
	}
	return pattern == name
}

// Content is what an administrator decides about a webhook.
type Content struct {
	URL         string
	Events      []string
	Description string
}

// trimmed answers the content without blanks around it, and with each pattern once, in the order of the letters.
func (c Content) trimmed() Content {
	c.URL, c.Description = strings.TrimSpace(c.URL), strings.TrimSpace(c.Description)
	var events []string
	for _, pattern := range c.Events {
		if pattern = strings.TrimSpace(pattern); pattern != "" {
			events = append(events, pattern)
		}
	}
	slices.Sort(events)
	c.Events = slices.Compact(events)
	return c
}

// validate answers ErrInvalid with the field at fault.
func (c Content) validate() error {
	if err := domain.CheckText(ErrInvalid, "url", c.URL, 1, MaxURL); err != nil {
		return err
	}
	if why := unusable(c.URL); why != "" {
		return ErrInvalid.On("url", "url "+why+".")
	}
	if err := domain.CheckText(ErrInvalid, "description", c.Description, 0, MaxDescription); err != nil {
		return err
	}
	switch {
	case len(c.Events) == 0:
		return ErrInvalid.On("events", "events must name at least one; * stands for all.")
	case len(c.Events) > MaxEvents:
		return ErrInvalid.On("events", fmt.Sprintf("events holds %d entries; %d is the most.", len(c.Events), MaxEvents))
	}
	for _, pattern := range c.Events {
		if !isPattern(pattern) {
			return ErrInvalid.On("events", fmt.Sprintf("events holds %q; an entry is like ticket.opened, ticket.* or *, of one of %s.", short(pattern), strings.Join(Nouns, ", ")))
		}
	}
	return nil
}

// unusable answers why nothing can be sent to an address; empty if it can. Where it leads is found out when it is used.
func unusable(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return "must be a whole address, like https://example.org/hooks"
	case u.Scheme != "https" && u.Scheme != "http":
		return "must begin with https:// or http://"
	case u.User != nil:
		return "must not hold a user or a password: requests are signed"
	case u.Fragment != "":
		return "must not hold a fragment: it would not be sent"
	}
	return ""
}

func isPattern(pattern string) bool {
	noun, verb, dotted := strings.Cut(pattern, ".")
	if !dotted {
		return pattern == "*"
	}
	return slices.Contains(Nouns, noun) && (verb == "*" || verb != "" && strings.Trim(verb, "abcdefghijklmnopqrstuvwxyz_") == "")
}

// short is a text as a refusal may repeat it.
func short(text string) string {
	runes := []rune(text)
	return string(runes[:min(40, len(runes))])
}
