package http

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
)

func TestJobsAreLookedAfterByAdmins(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	at, id, run := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), uuid.New(), uuid.New()
	s.jobs.list = []commands.Job{
		{
			ID: 9, Kind: "read_file", Queue: "ocr", State: "parked", File: domain.FileID{UUID: id}, Attempt: 4, MaxAttempts: 4, CreatedAt: at, ScheduledAt: at, AttemptedAt: &at, FinalizedAt: &at,
			Errors: []commands.JobError{{At: at, Attempt: 1, Error: "tesseract crashed"}},
		},
		{ID: 8, Kind: "run_agent", Queue: "agents", State: "available", Run: run},
	}
	answer := s.get("ada", "/api/v1/admin/jobs?state=all&limit=7&after=10")
	require.Equal(t, 200, answer.status, answer.text)
	require.Equal(t, commands.JobsQuery{State: "all", After: 10, Limit: 7}, s.jobs.asked)
	require.JSONEq(t, `{"jobs":[{"id":9,"kind":"read_file","queue":"ocr","state":"parked","file_id":"`+id.String()+`","run_id":null,"attempt":4,"max_attempts":4,
		"created_at":"2026-11-22T10:00:00.000Z","scheduled_at":"2026-11-22T10:00:00.000Z","attempted_at":"2026-11-22T10:00:00.000Z","finalized_at":"2026-11-22T10:00:00.000Z",
		"errors":[{"at":"2026-11-22T10:00:00.000Z","attempt":1,"error":"tesseract crashed"}]},
		{"id":8,"kind":"run_agent","queue":"agents","state":"available","file_id":null,"run_id":"`+run.String()+`","attempt":0,"max_attempts":0,"created_at":"0001-01-01T00:00:00.000Z","scheduled_at":"0001-01-01T00:00:00.000Z",
		"attempted_at":null,"finalized_at":null,"errors":[]}]}`, answer.text)
	require.Equal(t, 200, s.get("ada", "/api/v1/admin/jobs").status)
	require.Equal(t, commands.JobsQuery{Limit: 50}, s.jobs.asked)

	require.Equal(t, 202, s.post("ada", "/api/v1/admin/jobs/9/retry", "").status)
	require.Equal(t, 204, s.post("ada", "/api/v1/admin/jobs/9/discard", "").status)
	require.Equal(t, 204, s.ask("ada", "DELETE", "/api/v1/admin/jobs/8", nil).status)
	require.Equal(t, []string{"retry 9", "discard 9", "discard 8"}, s.jobs.told)
	for _, wrong := range []string{"?state=Parked'", "?limit=0", "?limit=101", "?after=-1"} {
		require.Equal(t, 422, s.get("ada", "/api/v1/admin/jobs"+wrong).status, wrong)
	}
	require.Equal(t, 422, s.post("ada", "/api/v1/admin/jobs/x/retry", "").status)

	s.jobs.err = commands.ErrNoJob
	require.Equal(t, 404, s.post("ada", "/api/v1/admin/jobs/7/retry", "").status)
	require.Equal(t, 404, s.get("ada", "/api/v1/admin/jobs").status)
	s.jobs.err = commands.ErrJobState
	require.Equal(t, 409, s.ask("ada", "DELETE", "/api/v1/admin/jobs/7", nil).status)
	told := len(s.jobs.told)
	for _, token := range []string{"sam", "bob", "aud"} {
		require.Equal(t, 403, s.get(token, "/api/v1/admin/jobs").status)
		require.Equal(t, 403, s.post(token, "/api/v1/admin/jobs/9/retry", "").status)
		require.Equal(t, 403, s.post(token, "/api/v1/admin/jobs/9/discard", "").status)
		require.Equal(t, 403, s.ask(token, "DELETE", "/api/v1/admin/jobs/9", nil).status)
	}
	require.Len(t, s.jobs.told, told, "whoever may not is not heard")
}
