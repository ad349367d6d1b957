package jobs

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
)

func TestRiverIsHeardOfTroubleOnly(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(quiet{slog.NewTextHandler(&out, nil)}).With("by", "river").WithGroup("group")
	log.DebugContext(t.Context(), "one")
	log.InfoContext(t.Context(), "two")
	require.Empty(t, out.String())
	log.ErrorContext(t.Context(), "three", "key", "value")
	require.Contains(t, out.String(), `level=WARN msg=three by=river group.key=value`)
}

func TestWhoeverLostAJobIsNotHeard(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	ended := &riverdriver.JobSetStateIfRunningManyParams{
		ID: []int64{1, 2, 3}, Attempt: make([]*int, 3), ErrData: make([][]byte, 3), FinalizedAt: make([]*time.Time, 3),
		MetadataDoMerge: make([]bool, 3), MetadataUpdates: make([][]byte, 3), Schema: schema,
		State: slices.Repeat([]rivertype.JobState{rivertype.JobStateAvailable}, 3), ScheduledAt: make([]*time.Time, 3),
	}
	ours := fence{riverpgxv5.New(pool), &lease{name: "we"}, &gate{free: 1}}.GetExecutor()
	_, err := ours.JobSetStateIfRunningMany(t.Context(), ended)
	require.ErrorContains(t, err, "look whose jobs they are")
	for range 2 { // the place is not lost
		_, err = ours.JobGetAvailable(t.Context(), &riverdriver.JobGetAvailableParams{MaxToLock: 1, Queue: ocr, Schema: schema})
		require.Error(t, err)
	}

	require.NoError(t, Migrate(t.Context(), pool))
	for _, workers := range []string{"{they,we}", "{we,they}", "{they}"} {
		_, err := pool.Exec(t.Context(), `INSERT INTO jobs.river_job (args, kind, max_attempts, state, attempted_by) VALUES ('{}', 'read_file', 4, 'running', $1::text::text[])`, workers)
		require.NoError(t, err)
	}
	rows, err := ours.JobSetStateIfRunningMany(t.Context(), ended)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.EqualValues(t, 1, rows[0].ID)
	require.Equal(t, rivertype.JobStateAvailable, rows[0].State)
	var left int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM jobs.river_job WHERE state = 'running'`).Scan(&left))
	require.Equal(t, 2, left)

	_, err = pool.Exec(t.Context(), `ALTER TABLE jobs.river_job RENAME errors TO other`)
	require.NoError(t, err)
	_, err = ours.JobSetStateIfRunningMany(t.Context(), ended)
	require.Error(t, err)
	pool.Close()
	_, err = ours.JobSetStateIfRunningMany(t.Context(), ended)
	require.ErrorContains(t, err, "write how jobs ended")

	lost := &lease{name: "we"}
	lost.lost.Store(true)
	theirs := fence{riverpgxv5.New(pool), lost, &gate{}}.GetExecutor()
	_, err = theirs.JobSetStateIfRunningMany(t.Context(), ended)
	require.ErrorIs(t, err, context.Canceled, "River is not to try again")
	resign := &riverdriver.LeaderResignParams{LeaderID: "we", LeadershipTopic: "leadership", Schema: schema}
	_, err = theirs.LeaderResign(t.Context(), resign)
	require.NoError(t, err)
	_, err = ours.LeaderResign(t.Context(), resign)
	require.Error(t, err)
}
