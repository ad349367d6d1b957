package jobs

import (
	"context"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/internal/wordless"
)

// errNoSyncs is what a process answers that was not told how syncs are done.
const errNoSyncs = wordless.PlainError("this process does not know how syncs are done")

// syncIntegration goes on with a sync. The names are stored.
type syncIntegration struct {
	Org         uuid.UUID `json:"org_id" river:"unique"`
	Sync        uuid.UUID `json:"sync_id" river:"unique"`
	Correlation string    `json:"correlation"`
	Causation   string    `json:"causation"`
}

// Kind implements river.JobArgs. The name is stored.
func (syncIntegration) Kind() string { return "sync_integration" }

// EnqueueSync implements commands.SyncJobs. What Enqueue says of repetition goes for a sync as well.
func (j *Jobs) EnqueueSync(ctx context.Context, job commands.SyncJob) error {
	args := syncIntegration{Org: job.Org.UUID, Sync: job.Sync, Correlation: job.Correlation, Causation: job.Causation}
	return j.insert(ctx, args, aside, river.PriorityDefault)
}

func (a syncIntegration) do(ctx context.Context, o Options, _ bool) error {
	if o.Sync == nil {
		return errNoSyncs
	}
	return o.Sync(ctx, a.job())
}

func (a syncIntegration) giveUp(ctx context.Context, o Options) error {
	if o.GiveUpSync == nil {
		return errNoSyncs
	}
	return o.GiveUpSync(ctx, a.job())
}

func (a syncIntegration) subject() (name string, id uuid.UUID) { return "sync", a.Sync }

func (a syncIntegration) show(job *commands.Job) { job.Sync = a.Sync }

// job is the job as those who do it know it.
func (a syncIntegration) job() commands.SyncJob {
	return commands.SyncJob{Org: domain.OrgID{UUID: a.Org}, Sync: a.Sync, Correlation: a.Correlation, Causation: a.Causation}
}
