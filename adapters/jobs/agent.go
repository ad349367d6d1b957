package jobs

import (
	"context"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/internal/wordless"
)

// Of the runs that wait, those go first for which a person waits.
const (
	urgent  = 1
	patient = 3
)

// errNoRuns is what a process answers that was not told how runs are given up.
const errNoRuns = wordless.PlainError("this process does not know how a run is given up")

// runAgent has an agent do its run. The names are stored.
type runAgent struct {
	Org         uuid.UUID `json:"org_id" river:"unique"`
	Run         uuid.UUID `json:"run_id" river:"unique"`
	Correlation string    `json:"correlation"`
	Causation   string    `json:"causation"`
}

// Kind implements river.JobArgs. The name is stored.
func (runAgent) Kind() string { return "run_agent" }

// EnqueueRun implements commands.RunJobs. What Enqueue says of repetition goes for a run as well. One that is enqueued
// already keeps its urgency.
func (j *Jobs) EnqueueRun(ctx context.Context, job commands.RunJob, awaited bool) error {
	args := runAgent{Org: job.Org.UUID, Run: job.Run, Correlation: job.Correlation, Causation: job.Causation}
	priority := patient
	if awaited {
		priority = urgent
	}
	return j.insert(ctx, args, agents, priority)
}

func (a runAgent) do(ctx context.Context, o Options, _ bool) error { return o.Run(ctx, a.job()) }

func (a runAgent) giveUp(ctx context.Context, o Options) error {
	if o.GiveUpRun == nil {
		return errNoRuns
	}
	return o.GiveUpRun(ctx, a.job())
}

func (a runAgent) subject() (name string, id uuid.UUID) { return "run", a.Run }

func (a runAgent) show(job *commands.Job) { job.Run = a.Run }

// job is the job as those who do it know it.
func (a runAgent) job() commands.RunJob {
	return commands.RunJob{Org: domain.OrgID{UUID: a.Org}, Run: a.Run, Correlation: a.Correlation, Causation: a.Causation}
}
