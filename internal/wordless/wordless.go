// Package wordless names errors without their words.
//
// # Why
//
// An error may quote what somebody wrote, or what their file says. Logs, rows of jobs and the queue of what was set aside
// are kept where no erasure looks, so they get the name of an error and never its text.
package wordless

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"ticketd/domain"
)

// Plain is an error whose words are our own, and may be kept.
type Plain interface {
	error
	Plain() string
}

// PlainError is such an error that is nothing else.
type PlainError string

func (e PlainError) Error() string { return string(e) }

// Plain implements Plain.
func (e PlainError) Plain() string { return string(e) }

// Panicked answers an error for the value of a panic, which may be what somebody wrote: its type alone is kept.
func Panicked(value any) PlainError { return PlainError(fmt.Sprintf("it panicked with a %T", value)) }

// Of answers an error that says as much as may be kept: the code of a refusal, our own words, PostgreSQL's code, or the
// type of the first cause, of joined errors that of the first. nil for nil.
func Of(err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*domain.Error](err); ok {
		return errors.New(refusal.Code)
	}
	if plain, ok := errors.AsType[Plain](err); ok {
		return errors.New(plain.Plain())
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return errors.New("SQLSTATE " + answer.Code)
	}
	return fmt.Errorf("%T", innermost(err))
}

func innermost(err error) error {
	for {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
			continue
		}
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || len(joined.Unwrap()) == 0 {
			return err
		}
		err = joined.Unwrap()[0]
	}
}
