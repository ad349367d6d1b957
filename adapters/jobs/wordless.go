package jobs

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"ticketd/domain"
)

// wordless answers what went wrong without what it went wrong on: River keeps the text in the job's row, where no erasure
// looks, and an error may quote what somebody wrote.
func wordless(err error) error {
	if refusal, ok := errors.AsType[*domain.Error](err); ok {
		return errors.New(refusal.Code)
	}
	if plain, ok := errors.AsType[interface {
		error
		Plain() string
	}](err); ok {
		return errors.New(plain.Plain())
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return errors.New("SQLSTATE " + answer.Code)
	}
	return fmt.Errorf("%T", innermost(err))
}

// innermost answers the first cause, of joined errors that of the first.
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

// plainError is one of ours, whose words may be kept.
type plainError string

func (e plainError) Error() string { return string(e) }

// Plain is what wordless keeps.
func (e plainError) Plain() string { return string(e) }
