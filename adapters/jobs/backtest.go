package jobs

import (
	"context"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/internal/wordless"
)

// errNoBacktests is what a process answers that was not told how backtests are done.
const errNoBacktests = wordless.PlainError("this process does not know how backtests are done")

// runBacktest goes on with a backtest. The names are stored.
type runBacktest struct {
	Org         uuid.UUID `json:"org_id" river:"unique"`
	Backtest    uuid.UUID `json:"backtest_id" river:"unique"`
	Correlation string    `json:"correlation"`
	Causation   string    `json:"causation"`
}

// Kind implements river.JobArgs. The name is stored.
func (runBacktest) Kind() string { return "run_backtest" }

// EnqueueBacktest implements commands.LabJobs. What Enqueue says of repetition goes for a backtest as well.
func (j *Jobs) EnqueueBacktest(ctx context.Context, job commands.BacktestJob) error {
	args := runBacktest{Org: job.Org.UUID, Backtest: job.Backtest, Correlation: job.Correlation, Causation: job.Causation}
	return j.insert(ctx, args, aside, river.PriorityDefault)
}

// EnqueueAside implements commands.LabJobs. What EnqueueRun says of repetition goes for such a run as well.
func (j *Jobs) EnqueueAside(ctx context.Context, job commands.RunJob) error {
	args := runAgent{Org: job.Org.UUID, Run: job.Run, Correlation: job.Correlation, Causation: job.Causation}
	return j.insert(ctx, args, aside, river.PriorityDefault)
}

func (a runBacktest) do(ctx context.Context, o Options, _ bool) error {
	if o.Backtest == nil {
		return errNoBacktests
	}
	return o.Backtest(ctx, a.job())
}

func (a runBacktest) giveUp(ctx context.Context, o Options) error {
	if o.GiveUpBacktest == nil {
		return errNoBacktests
	}
	return o.GiveUpBacktest(ctx, a.job())
}

func (a runBacktest) subject() (name string, id uuid.UUID) { return "backtest", a.Backtest }

func (a runBacktest) show(job *commands.Job) { job.Backtest = a.Backtest }

// job is the job as those who do it know it.
func (a runBacktest) job() commands.BacktestJob {
	return commands.BacktestJob{Org: domain.OrgID{UUID: a.Org}, Backtest: a.Backtest, Correlation: a.Correlation, Causation: a.Causation}
}
