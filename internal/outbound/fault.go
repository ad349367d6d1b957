package outbound

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"ticketd/commands"
)

// wordsMost is how many characters of a vendor's words are repeated.
const wordsMost = 500

// Fault answers what a status means that is no success, in the vendor's words if there are any. What may have been done all the
// same is Unsure, unless it is repeatable.
func Fault(status int, header http.Header, words string, repeatable bool, now time.Time) *commands.VendorError {
	e := &commands.VendorError{Kind: kindOf(status, header), Message: words}
	switch {
	case e.Message != "":
	case status >= 300 && status < 400:
		e.Message = fmt.Sprintf("The vendor answered %d %s, and leads to an address that is not followed.", status, http.StatusText(status))
	default:
		e.Message = fmt.Sprintf("The vendor answered %d %s.", status, http.StatusText(status))
	}
	e.Message, _ = Cut(e.Message, wordsMost, "")
	if e.Kind == commands.Limited {
		e.RetryAt = retryAt(header, now)
	}
	e.Unsure = e.Kind == commands.Down && !repeatable
	return e
}

func kindOf(status int, header http.Header) commands.VendorErrorKind {
	switch {
	case status == http.StatusTooManyRequests,
		status == http.StatusForbidden && isSpent(header),
		status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
		return commands.Limited
	case status >= http.StatusInternalServerError, status == http.StatusRequestTimeout:
		return commands.Down
	}
	switch status {
	case http.StatusUnauthorized:
		return commands.Unauthorized
	case http.StatusForbidden:
		return commands.Denied
	case http.StatusNotFound, http.StatusGone:
		return commands.Missing
	case http.StatusConflict, http.StatusLocked, http.StatusTooEarly:
		return commands.Busy
	case http.StatusRequestEntityTooLarge:
		return commands.TooLarge
	}
	return commands.Rejected
}

// unsentError is an error from before anything was sent.
type unsentError struct{ cause error }

func (e *unsentError) Error() string { return "nothing was sent: " + e.cause.Error() }
func (e *unsentError) Unwrap() error { return e.cause }

var (
	errSilence   = errors.New("it said nothing for too long")
	errTooLong   = errors.New("its answer is too long")
	errNoWeb     = &forbiddenError{"Only addresses with http and https may be reached."}
	errSenseless = errors.New("its answer makes no sense")
)

// Lost answers what an error means that came in the place of an answer, or while one was read: the end of the context as it
// is; an address that may not be reached is Rejected; all others are Down, and Unsure if something was sent that is not
// repeatable. Errors: a *commands.VendorError, the context's.
func Lost(err error, repeatable bool) error {
	if known, ok := errors.AsType[*commands.VendorError](err); ok {
		return known
	}
	if forbidden, ok := errors.AsType[*forbiddenError](err); ok {
		return &commands.VendorError{Kind: commands.Rejected, Message: forbidden.reason}
	}
	if ended, ok := errors.AsType[*endedError](err); ok {
		return ended.cause
	}
	_, unsent := errors.AsType[*unsentError](err)
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} { // a library may answer it as it is
		if !unsent && errors.Is(err, end) {
			return end
		}
	}
	e := &commands.VendorError{Kind: commands.Down, Message: "The vendor's answer was lost.", Unsure: !unsent && !repeatable}
	switch {
	case errors.Is(err, errSilence):
		e.Message = "The vendor said nothing for too long."
	case errors.Is(err, errTooLong):
		e.Message = "The vendor's answer is too long."
	case errors.Is(err, errSenseless):
		e.Message = "The vendor's answer makes no sense."
	case unsent:
		e.Message = "The vendor cannot be reached."
	}
	return e
}

// endedError is the caller's own end.
type endedError struct{ cause error }

func (e *endedError) Error() string { return e.cause.Error() }
func (e *endedError) Unwrap() error { return e.cause }
