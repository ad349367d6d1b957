package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"ticketd/commands"
)

// work is what a job of some kind carries, and what is done with it. Everything else is the same for all kinds.
type work interface {
	river.JobArgs
	// do tries it.
	do(ctx context.Context, o Options, last bool) error
	// giveUp says on what it is about that nobody tries any more.
	giveUp(ctx context.Context, o Options) error
	// subject answers what it is about.
	subject() (name string, id uuid.UUID)
	// show says so to those who look after jobs.
	show(job *commands.Job)
}

// readWork answers what a job carries.
func readWork(row *rivertype.JobRow) (w work, err error) {
	switch row.Kind {
	case readFile{}.Kind():
		w, err = decode[readFile](row.EncodedArgs)
	case runAgent{}.Kind():
		w, err = decode[runAgent](row.EncodedArgs)
	case runBacktest{}.Kind():
		w, err = decode[runBacktest](row.EncodedArgs)
	case syncIntegration{}.Kind():
		w, err = decode[syncIntegration](row.EncodedArgs)
	default:
		err = fmt.Errorf("nobody knows the kind %q", row.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("read job %d: %w", row.ID, err)
	}
	return w, nil
}

func decode[A work](stored []byte) (A, error) {
	var args A
	err := json.Unmarshal(stored, &args)
	return args, err
}
