package domain

import "errors"

// Kind classifies an error for whoever answers the caller. Every adapter maps it once.
type Kind uint8

// The kinds of error.
const (
	Internal        Kind = iota // unexpected: logged in full, told to no caller
	Invalid                     // the request makes no sense
	BadReference                // an attachment or a configuration that cannot be used
	Unauthenticated             // nobody we know
	Forbidden                   // the actor may not do this
	NotFound                    // no such thing, or not yours
	Conflict                    // true a moment ago, no longer
	Stale                       // the caller asked for another version than there is
	TooMany                     // a limit on how much or how often
	TooLarge                    // more bytes than are taken at a time
	NoSpace                     // nowhere left to keep it
	Unavailable                 // something that this needs does not answer at the moment
)

// Error is a refusal that is safe to show to the caller.
type Error struct {
	Kind    Kind
	Code    string // machine-readable and stable, e.g. "ticket_deleted"
	Message string // one sentence for a person
	Field   string // the field of the command at fault, when there is one
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is makes two refusals with the same code equal, so that one with a more precise message still matches its kind's value.
func (e *Error) Is(target error) bool {
	t, ok := errors.AsType[*Error](target)
	return ok && t.Code == e.Code
}

// With gives the same refusal with a message for this very case.
func (e *Error) With(message string) *Error {
	precise := *e
	precise.Message = message
	return &precise
}

// On is With for the field that is at fault.
func (e *Error) On(field, message string) *Error {
	precise := e.With(message)
	precise.Field = field
	return precise
}

// KindOf says how to answer err. An error from outside the domain is Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}
