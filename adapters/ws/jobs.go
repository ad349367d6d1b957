package ws

import (
	"context"

	"github.com/google/uuid"

	"ticketd/domain"
)

// Jobs finds the processing of an upload by the upload's id, if the caller may see it; status is the data of job_status.
type Jobs interface {
	Find(ctx context.Context, caller domain.Caller, ref string) (id uuid.UUID, status any, err error)
}

func jobNoun(jobs Jobs) noun {
	return noun{
		name: "job", protocol: file, find: jobs.Find,
		about: func(id uuid.UUID) subscription { return subscription{JobID: id} },
	}
}
